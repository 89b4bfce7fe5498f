/**
 * Randomness by name. Each part of a run draws from a stream of its own, so that leaving out one strike
 * or one client disturbs the draws of the others as little as can be.
 */
import { Prng } from "@kqueuey/base";

/** The stream of `name` under `seed`: equal for equal arguments, unrelated for others. */
export function stream(seed: number, name: string): Prng {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  const mix = (value: number): void => {
    high = Math.imul(high ^ value, 0x01000193) >>> 0;
    low = Math.imul(low ^ (value + (high >>> 13)), 0x85ebca6b) >>> 0;
  };
  for (let i = 0; i < name.length; i++) mix(name.charCodeAt(i));
  mix(seed >>> 0);
  mix(Math.floor(seed / 0x1_0000_0000));
  return new Prng((high & 0x1f_ffff) * 0x1_0000_0000 + low);
}

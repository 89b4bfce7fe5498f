/** What few clients ask for, drawn apart from the rest of the load, which it leaves as it is. */
import type { Prng } from "@kqueuey/base";
import type { RarePlan } from "./plan.ts";

/** Undefined: nobody asks for any of it in this seed. */
export function drawRare(random: Prng): RarePlan | undefined {
  if (random.chance(1, 2)) return undefined;
  const rate = (most: number): number => (random.chance(2, 3) ? random.between(1, most) : 0);
  return {
    bounded: rate(10_000),
    inFlightMax: random.pick([1, 3, 10, 40]),
    revive: rate(3_000),
    otherKinds: rate(10_000),
  };
}

/**
 * A seeded pseudo-random generator (sfc32, 128 bits of state) over integers only, so that one seed
 * gives one run on every machine. Not for secrets.
 */
import { assert } from "./assert.ts";

/** Draws integers. The port through which rings 1 and 2 get their randomness. */
export interface Random {
  /** A uniformly drawn integer in 0 … 2^32 - 1. */
  nextU32(): number;
}

/** A seeded `Random` with the draws that simulations and property tests need. */
export class Prng implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** `seed` is any safe integer, 0 … 2^53 - 1. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed) && seed >= 0, "seed must be a safe integer of 0 or more");
    this.#a = 0x9e3779b9;
    this.#b = seed >>> 0;
    this.#c = Math.floor(seed / 0x1_0000_0000) >>> 0;
    this.#counter = 1;
    for (let round = 0; round < 16; round++) this.nextU32();
  }

  nextU32(): number {
    const result = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0;
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) >>> 0;
    return result;
  }

  /** An integer in `from … to`, both ends included; the range must be under 2^32. */
  between(from: number, to: number): number {
    return between(this, from, to);
  }

  /** True with probability `numerator / denominator`. */
  chance(numerator: number, denominator: number): boolean {
    return between(this, 1, denominator) <= numerator;
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, "pick from an empty list");
    const item = items[between(this, 0, items.length - 1)];
    assert(item !== undefined, "pick met a hole");
    return item;
  }

  /** The items in a random order, as a new list. */
  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = between(this, 0, i);
      const swap = result[i] as T;
      result[i] = result[j] as T;
      result[j] = swap;
    }
    return result;
  }

  /** A generator of its own, seeded from this one. */
  fork(): Prng {
    return new Prng(this.nextU32() * 0x20_0000 + (this.nextU32() >>> 11));
  }
}

/** An integer in `from … to`, both included, from any source of randomness. */
export function between(random: Random, from: number, to: number): number {
  const span = to - from + 1;
  assert(Number.isSafeInteger(span) && span >= 1 && span <= 0x1_0000_0000, "range of 1 to 2^32");
  // Rejection keeps it uniform: the last, incomplete block of the 32-bit range is drawn again.
  const limit = 0x1_0000_0000 - (0x1_0000_0000 % span);
  for (;;) {
    const draw = random.nextU32();
    if (draw < limit) return from + (draw % span);
  }
}

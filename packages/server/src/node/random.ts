/** Randomness from the operating system: good for secrets, and for everything else. */
import { randomFillSync } from "node:crypto";
import type { Random } from "@kqueuey/base";

/** Drawn ahead, so that one number does not cost one call of the kernel. */
const drawn = new Uint32Array(1_024);
let used: number = drawn.length;

export const nodeRandom: Random = {
  nextU32: () => {
    if (used === drawn.length) {
      randomFillSync(drawn);
      used = 0;
    }
    const value = drawn[used] ?? 0;
    // Whoever reads this memory later learns nothing about numbers that were given out.
    drawn[used] = 0;
    used += 1;
    return value;
  },
};

/** `count` random bytes with memory of their own. */
export function randomBytes(count: number): Uint8Array {
  return randomFillSync(new Uint8Array(count));
}

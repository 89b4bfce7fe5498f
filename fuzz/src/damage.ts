/** Damage to files as decisions: what bad sectors, cut files and lost names do, and what a forger would. */
import type { SimulatedDisk } from "../../packages/sim/src/disk.ts";
import type { Decisions } from "./decisions.ts";

/** One thing done to one file. */
export interface Damage {
  readonly path: string;
  /** `small`: a few bytes of one block were changed and nothing else, as far as this damage goes. */
  readonly small: boolean;
}

const KINDS = 8;
const BLOCK_BYTES = 4_096;
const SMALL_BYTES_MAX = 64;

/** Does the next damage to one of `paths`. */
export function damageNext(
  disk: SimulatedDisk,
  paths: readonly string[],
  decisions: Decisions,
): Damage | undefined {
  const path = decisions.pick(paths);
  if (path === undefined) return undefined;
  const kind = decisions.below(KINDS);
  const { length } = disk.contents(path);
  if (length === 0) return undefined;
  switch (kind) {
    case 0:
    case 1:
      disk.flipBit(path, decisions.below(length), decisions.below(8));
      return { path, small: true };
    case 2:
    case 3: {
      const at = decisions.below(length);
      const room = BLOCK_BYTES - (at % BLOCK_BYTES);
      const bytes = decisions.take(Math.min(room, 1 + decisions.below(SMALL_BYTES_MAX)));
      disk.overwrite(path, at, bytes);
      return { path, small: true };
    }
    case 4:
      disk.cutFile(path, decisions.below(length));
      return { path, small: false };
    case 5:
      disk.loseFile(path);
      return { path, small: false };
    case 6: {
      // A write that went to the wrong place: a block of another file, or of this one.
      const from = disk.contents(decisions.pick(paths) ?? path);
      const block = blockAt(from, decisions.below(Math.ceil(from.length / BLOCK_BYTES)));
      disk.overwrite(path, decisions.below(Math.ceil(length / BLOCK_BYTES)) * BLOCK_BYTES, block);
      return { path, small: false };
    }
    default: {
      const at = decisions.below(length);
      disk.overwrite(path, at, new Uint8Array(decisions.word() % (2 * BLOCK_BYTES)));
      return { path, small: false };
    }
  }
}

function blockAt(bytes: Uint8Array, block: number): Uint8Array {
  return bytes.slice(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
}

/** Small ports to what a host does better or alone. The disk and the network have theirs in their layers. */
import type { MonotonicMs, WallTimeMs } from "./ids.ts";

/** The host's two clocks. Ring 3 reads them and passes values inward. */
export interface Clock {
  /** Wall-clock ms since 1970 UTC; may jump. */
  nowMs(): WallTimeMs;
  /** Monotonic ms; only differences mean something. */
  monotonicMs(): MonotonicMs;
}

/** CRC-32 (IEEE, as zlib's) of `bytes`, continued from `seed` (0 at first); 0 … 2^32 - 1. */
export type Crc32 = (bytes: Uint8Array, seed?: number) => number;

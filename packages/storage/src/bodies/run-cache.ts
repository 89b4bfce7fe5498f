/**
 * Stretches of segments read lately, a few MiB: queues are read in the order of the log, so what follows
 * the last read is most often what is asked for next. Segments never change where they were read, and
 * their numbers are never given again, so nothing here goes stale.
 */
import type { SegmentRef } from "./segment-ledger.ts";

/** Bytes of one segment in memory. */
export interface SegmentRun {
  readonly segment: SegmentRef;
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Runs held, and bytes of one run that is worth holding. */
const RUNS_MAX = 16;
export const RUN_BYTES_MAX: number = 256 * 1024;
/** A read this close behind an earlier one counts as going on with it. */
const SEQUENTIAL_GAP = 64 * 1024;

export class RunCache {
  /** Most recently read last. */
  #runs: SegmentRun[] = [];

  get bytes(): number {
    return this.#runs.reduce((sum, run) => sum + run.bytes.length, 0);
  }

  /** The run with the segment's byte at `position`, if it is here. */
  find(segment: SegmentRef, position: number): SegmentRun | undefined {
    for (let at = this.#runs.length - 1; at >= 0; at--) {
      const run = this.#runs[at];
      if (run !== undefined && runCovers(run, segment, position)) return run;
    }
    return undefined;
  }

  /** Whether reading at `position` goes on where an earlier read ended. */
  isSequential(segment: SegmentRef, position: number): boolean {
    return this.#runs.some((run) => {
      const end = run.start + run.bytes.length;
      const near = position >= run.start && position <= end + SEQUENTIAL_GAP;
      return run.segment === segment && near;
    });
  }

  add(run: SegmentRun): void {
    if (run.bytes.length > RUN_BYTES_MAX * 2) return;
    this.#runs.push(run);
    if (this.#runs.length > RUNS_MAX) this.#runs.shift();
  }

  clear(): void {
    this.#runs = [];
  }
}

export function runCovers(run: SegmentRun, segment: SegmentRef, position: number): boolean {
  const inside = position >= run.start && position < run.start + run.bytes.length;
  return run.segment === segment && inside;
}

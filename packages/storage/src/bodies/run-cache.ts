/**
 * Stretches of segments read lately, a few MiB: queues are read in the order of the log, so what follows
 * the last read is most often what is asked for next. Segments never change where they were read, and
 * their numbers are never given again, so nothing here goes stale.
 */
import type { Crc32 } from "@kqueuey/base";
import type { EntryPlace } from "./entry-map.ts";
import type { SegmentRef } from "./segment-ledger.ts";

/** Bytes of one segment in memory. */
export class SegmentRun {
  readonly segment: SegmentRef;
  readonly start: number;
  readonly bytes: Uint8Array;
  /** Positions of entries in it whose checksum held. */
  readonly #checked = new Set<number>();

  constructor(segment: SegmentRef, start: number, bytes: Uint8Array) {
    this.segment = segment;
    this.start = start;
    this.bytes = bytes;
  }

  covers(segment: SegmentRef, start: number, end: number): boolean {
    const inside = start >= this.start && end <= this.start + this.bytes.length;
    return this.segment === segment && inside;
  }

  /** What is at the place, which the run must cover. Summed once, however many of its records are taken. */
  take(place: EntryPlace, crc32: Crc32): Uint8Array | "damaged" {
    const from = place.position - this.start;
    const bytes = this.bytes.subarray(from, from + place.length);
    if (this.#checked.has(place.position)) return bytes;
    if (crc32(bytes) !== place.crc) return "damaged";
    this.#checked.add(place.position);
    return bytes;
  }
}

/** Runs held, their bytes but for the newest one's, and bytes up to which a run is read ahead. */
const RUNS_MAX = 16;
const BYTES_MAX = 8 * 1024 * 1024;
export const RUN_BYTES_MAX: number = 256 * 1024;
/** A read this close behind an earlier one counts as going on with it. */
const SEQUENTIAL_GAP = 64 * 1024;

export class RunCache {
  /** Most recently read last. */
  #runs: SegmentRun[] = [];

  get bytes(): number {
    return this.#runs.reduce((sum, run) => sum + run.bytes.length, 0);
  }

  /** A run that covers the segment's bytes from `start` to `end`, if one is here. */
  find(segment: SegmentRef, start: number, end: number): SegmentRun | undefined {
    return this.#runs.findLast((run) => run.covers(segment, start, end));
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
    this.#runs.push(run);
    while (this.#runs.length > RUNS_MAX || (this.#runs.length > 1 && this.bytes > BYTES_MAX)) {
      this.#runs.shift();
    }
  }

  clear(): void {
    this.#runs = [];
  }
}

/** How much of each segment is still referred to: decides what is compacted and what may go. */
import { assert } from "@kqueuey/base";

/**
 * A segment as the entry map names it: a segment of the log by its id, a body segment by its id plus
 * 2^32. Both ids are 1 … 2^32 - 1.
 */
export type SegmentRef = number;

/** Stands for the place of an entry that is not durable yet: it is in the entry cache. */
export const IN_MEMORY: SegmentRef = 0;

const BODY_BASE = 0x1_0000_0000;

export function bodySegmentRef(id: number): SegmentRef {
  return BODY_BASE + id;
}

export function isBodySegment(ref: SegmentRef): boolean {
  return ref >= BODY_BASE;
}

/** The id within its kind, 1 … 2^32 - 1. */
export function segmentNumber(ref: SegmentRef): number {
  return ref >= BODY_BASE ? ref - BODY_BASE : ref;
}

/** What is referred to in one segment. */
export interface SegmentUse {
  /** Entries whose bodies the newest durable checkpoint or the state machine may refer to. */
  bodyEntries: number;
  /** Estimated bytes of bodies alive: each entry's length times the living share of its bodies. */
  liveBytes: number;
}

/** Counts per segment; a segment that nothing refers to has no row. */
export class SegmentLedger {
  readonly #uses = new Map<SegmentRef, SegmentUse>();

  /** Changes a segment's counts; a row appears and disappears by itself. */
  add(ref: SegmentRef, bodyEntries: number, liveBytes: number): void {
    let use = this.#uses.get(ref);
    if (use === undefined) {
      if (bodyEntries === 0 && liveBytes === 0) return;
      use = { bodyEntries: 0, liveBytes: 0 };
      this.#uses.set(ref, use);
    }
    use.bodyEntries += bodyEntries;
    use.liveBytes += liveBytes;
    assert(use.bodyEntries >= 0 && use.liveBytes >= 0, "a segment's counts are never negative");
    if (use.bodyEntries === 0) {
      assert(use.liveBytes === 0, "no bytes live without an entry");
      this.#uses.delete(ref);
    }
  }

  bodyEntries(ref: SegmentRef): number {
    return this.#uses.get(ref)?.bodyEntries ?? 0;
  }

  liveBytes(ref: SegmentRef): number {
    return this.#uses.get(ref)?.liveBytes ?? 0;
  }

  /** Segments that something refers to. */
  refs(): IterableIterator<SegmentRef> {
    return this.#uses.keys();
  }
}

/** Where the data of a run of log entries lies: 16 bytes an entry, no objects. */
import { assert } from "@kqueuey/base";
import type { EntryKind } from "@kqueuey/raft";
import type { SegmentId } from "./types.ts";

/** Data of one entry is at most 2^28 - 1 bytes: the rest of that word holds its kind. */
export const ENTRY_BYTES_LIMIT = 0x0fff_ffff;

const STRIDE = 4;
/** The kinds by their number on disk. A number is never given to another kind. */
const KINDS: readonly EntryKind[] = ["noop", "commands", "membership"];

/** The kind's number on disk, 0 … 15. */
export function entryKindCode(kind: EntryKind): number {
  const code = KINDS.indexOf(kind);
  assert(code >= 0, "unknown entry kind");
  return code;
}

/** The kind with that number; undefined if a later version made it. */
export function entryKindOf(code: number): EntryKind | undefined {
  return KINDS[code];
}

/** One entry's place. */
export interface Placement {
  readonly segment: SegmentId;
  readonly position: number;
  readonly length: number;
  readonly kind: EntryKind;
  readonly crc: number;
}

/** A growing list of places, for entries with consecutive indexes. Read by ordinal: 0 is the run's first entry. */
export class Placements {
  #words: Uint32Array;
  #count = 0;

  /** Room for `capacity` entries at first. */
  constructor(capacity = 4) {
    this.#words = new Uint32Array(Math.max(1, capacity) * STRIDE);
  }

  get count(): number {
    return this.#count;
  }

  /** Memory of the list in bytes. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  /** Adds the next entry's place: position and length of its data in bytes, CRC-32 of its data. */
  push(place: Placement): void {
    assert(place.length <= ENTRY_BYTES_LIMIT, "entry data too long");
    const at = this.#count * STRIDE;
    if (at === this.#words.length) this.#resize(this.#count * 2);
    this.#words[at] = place.segment;
    this.#words[at + 1] = place.position;
    this.#words[at + 2] = place.length | (entryKindCode(place.kind) << 28);
    this.#words[at + 3] = place.crc;
    this.#count += 1;
  }

  /** Forgets everything from `count` on. */
  truncate(count: number): void {
    assert(count >= 0 && count <= this.#count, "truncate past the end of the placements");
    this.#count = count;
  }

  /** The places `from` up to `to` (exclusive) as a list of their own, no larger than needed. */
  slice(from: number, to: number): Placements {
    assert(from >= 0 && from <= to && to <= this.#count, "slice of placements");
    const result = new Placements(to - from);
    result.#words.set(this.#words.subarray(from * STRIDE, to * STRIDE));
    result.#count = to - from;
    return result;
  }

  segment(ordinal: number): SegmentId {
    return this.#word(ordinal, 0) as SegmentId;
  }

  position(ordinal: number): number {
    return this.#word(ordinal, 1);
  }

  length(ordinal: number): number {
    return this.#word(ordinal, 2) & ENTRY_BYTES_LIMIT;
  }

  kind(ordinal: number): EntryKind {
    const kind = KINDS[this.#word(ordinal, 2) >>> 28];
    assert(kind !== undefined, "a placement has a known kind");
    return kind;
  }

  crc(ordinal: number): number {
    return this.#word(ordinal, 3);
  }

  #word(ordinal: number, offset: number): number {
    assert(ordinal >= 0 && ordinal < this.#count, "placement out of range");
    return this.#words[ordinal * STRIDE + offset] ?? 0;
  }

  #resize(capacity: number): void {
    const resized = new Uint32Array(capacity * STRIDE);
    resized.set(this.#words.subarray(0, this.#count * STRIDE));
    this.#words = resized;
  }
}

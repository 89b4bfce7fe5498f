/**
 * The segments in use: what each holds of each group's log, and who reads it. The writer and recovery
 * keep the same table, so what may be reclaimed is the same before and after a restart.
 */
import { assert, type GroupId, type LogIndex, logIndex, must } from "@kqueuey/base";
import type { SegmentId, SegmentInfo } from "./types.ts";

/** One segment. Written to by the table's owner alone. */
export class Segment {
  readonly id: SegmentId;
  /** Length of the file. */
  readonly bytes: number;
  state: SegmentInfo["state"] = "active";
  /** The newest write group in it; 0 before the first. */
  lastGroup = 0;
  dataBytes = 0;
  pins = 0;
  /** Per group the highest index in it that is still part of the group's log. */
  readonly lastIndexes: Map<GroupId, LogIndex> = new Map();

  constructor(id: SegmentId, bytes: number) {
    this.id = id;
    this.bytes = bytes;
  }

  info(): SegmentInfo {
    return {
      id: this.id,
      state: this.state,
      bytes: this.bytes,
      dataBytes: this.dataBytes,
      pins: this.pins,
      lastIndexes: new Map(this.lastIndexes),
    };
  }
}

export class SegmentTable {
  /** Ascending by id, since ids only grow. */
  readonly #segments = new Map<SegmentId, Segment>();

  get count(): number {
    return this.#segments.size;
  }

  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.values()) bytes += segment.bytes;
    return bytes;
  }

  values(): IterableIterator<Segment> {
    return this.#segments.values();
  }

  find(id: SegmentId): Segment | undefined {
    return this.#segments.get(id);
  }

  get(id: SegmentId): Segment {
    return must(this.#segments.get(id), "the segment is not in use");
  }

  add(segment: Segment): void {
    for (const id of this.#segments.keys()) assert(id < segment.id, "segment ids only grow");
    this.#segments.set(segment.id, segment);
  }

  remove(id: SegmentId): void {
    assert(this.#segments.delete(id), "the segment is not in use");
  }

  /** Entries of `group` from `from` on are no longer part of its log. */
  truncate(group: GroupId, from: number): void {
    for (const { lastIndexes } of this.#segments.values()) {
      const last = lastIndexes.get(group);
      if (last === undefined || last < from) continue;
      // A lower entry may be in another segment; a bound that is too low only delays reclaiming.
      if (from > 1) lastIndexes.set(group, logIndex(from - 1));
      else lastIndexes.delete(group);
    }
  }

  /** Nothing written so far is part of the group's log any more. */
  reset(group: GroupId): void {
    for (const { lastIndexes } of this.#segments.values()) lastIndexes.delete(group);
  }
}

/** The file of a segment. */
export function segmentPath(directory: string, id: SegmentId): string {
  return `${directory}/${String(id).padStart(10, "0")}${SEGMENT_SUFFIX}`;
}

/** The segment that a file name in the log's folder stands for. */
export function segmentOfName(name: string): SegmentId | undefined {
  if (!/^\d{10}\.seg$/.test(name)) return undefined;
  const id = Number(name.slice(0, 10));
  return id > 0 && id <= SEGMENT_ID_MAX ? (id as SegmentId) : undefined;
}

/** The next segment's id. */
export function nextSegment(id: number): SegmentId {
  assert(id < SEGMENT_ID_MAX, "segment ids ran out");
  return (id + 1) as SegmentId;
}

const SEGMENT_SUFFIX = ".seg";
const SEGMENT_ID_MAX = 0xffff_ffff;

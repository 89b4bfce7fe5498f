/**
 * Reads message bodies: from the newest entries in memory, else from their segments, neighbours together
 * and ahead when the reading is sequential. Entries are read whole, and what comes from a disk is checked
 * against its entry's checksum, which the node has in memory, before it is given out.
 */
import { assert, type Crc32, must } from "@kqueuey/base";
import { type BodyFraming, type BodyRef, damage, type StoreDone } from "../store-types.ts";
import type { EntryCache } from "./entry-cache.ts";
import type { EntryMap, EntryPlace } from "./entry-map.ts";
import { type Found, findRecord, type Missing, type PlaceBytes } from "./record-finder.ts";
import { RUN_BYTES_MAX, RunCache, SegmentRun } from "./run-cache.ts";
import { isBodySegment, type SegmentRef, segmentNumber } from "./segment-ledger.ts";
import type { SegmentSource } from "./segment-source.ts";

/** Missing ranges closer than this are read as one. */
const MERGE_GAP = 16 * 1024;
/** Reads of one request that are under way at a time. */
const READS_MAX = 8;
/** Entries looked at to find out how far to read ahead. */
const AHEAD_ENTRIES_MAX = 256;

export interface ReaderPorts {
  readonly map: EntryMap;
  readonly cache: EntryCache;
  readonly source: SegmentSource;
  readonly framing: BodyFraming;
  readonly crc32: Crc32;
}

interface Request {
  readonly refs: readonly BodyRef[];
  readonly records: (Uint8Array | undefined)[];
  readonly done: StoreDone<readonly Uint8Array[]>;
  /** Places in `refs` that have no record yet. */
  pending: number[];
  /** What was read for this request, whatever the shared cache keeps of it. */
  readonly runs: SegmentRun[];
}

export class BodyReader {
  readonly #ports: ReaderPorts;
  readonly #recent = new RunCache();
  /** Requests under way by number; the map's order is their age. */
  readonly #active = new Map<number, Request>();
  #lastNumber = 0;

  constructor(ports: ReaderPorts) {
    this.#ports = ports;
  }

  /** Number of the newest request: for `isPast`. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** Whether every request up to `number` was answered. */
  isPast(number: number): boolean {
    for (const oldest of this.#active.keys()) return oldest > number;
    return true;
  }

  get cacheBytes(): number {
    return this.#recent.bytes;
  }

  /** The records of `refs`, in their order; before it returns if all are in memory. */
  read(refs: readonly BodyRef[], done: StoreDone<readonly Uint8Array[]>): void {
    const pending: number[] = [];
    const records: (Uint8Array | undefined)[] = [];
    for (let at = 0; at < refs.length; at++) {
      const record = this.#fromEntry(must(refs[at], "ref"));
      records.push(record);
      if (record === undefined) pending.push(at);
    }
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const request: Request = { refs, records, done, pending, runs: [] };
    this.#active.set(number, request);
    this.#advance(number, request);
  }

  #fromEntry(ref: BodyRef): Uint8Array | undefined {
    const data = this.#ports.cache.get(ref.entry)?.data;
    if (data === undefined) return undefined;
    const { framing } = this.#ports;
    assert(ref.offset + framing.prefixBytes <= data.length, "a body lies in its entry");
    const length = framing.recordLength(data.subarray(ref.offset));
    assert(length > 0 && ref.offset + length <= data.length, "a body lies in its entry");
    return data.subarray(ref.offset, ref.offset + length);
  }

  /** Takes from memory what is there now and reads the rest. */
  #advance(number: number, request: Request): void {
    const bytesAt: PlaceBytes = (place) => this.#inMemory(request, place);
    const still: number[] = [];
    const missing: Missing[] = [];
    for (const at of request.pending) {
      const ref = must(request.refs[at], "ref");
      const found = this.#find(ref, bytesAt);
      if (found.kind === "record") {
        request.records[at] = found.record;
      } else if (found.kind === "missing") {
        still.push(at);
        missing.push(found);
      } else {
        this.#finish(number, request, `entry ${ref.entry}, offset ${ref.offset}: ${found.what}`);
        return;
      }
    }
    request.pending = still;
    if (still.length === 0) this.#finish(number, request, undefined);
    else this.#fetch(number, request, mergeMissing(missing));
  }

  #find(ref: BodyRef, bytesAt: PlaceBytes): Found {
    const place = this.#ports.map.locate(ref.entry);
    if (place === undefined) return { kind: "damaged", what: "no place is known" };
    return findRecord(this.#ports, { ref, place }, bytesAt);
  }

  #inMemory(request: Request, place: EntryPlace): ReturnType<PlaceBytes> {
    const { segment, position } = place;
    const end = position + place.length;
    const own = request.runs.find((run) => run.covers(segment, position, end));
    const run = own ?? this.#recent.find(segment, position, end);
    return run === undefined ? "missing" : run.take(place, this.#ports.crc32);
  }

  /** Reads some of the ranges, then goes on: what was read may already be enough. */
  #fetch(number: number, request: Request, ranges: readonly Missing[]): void {
    const now = ranges.slice(0, READS_MAX);
    let open = now.length;
    let failed = false;
    for (const range of now) {
      const { segment, start } = range;
      const length = this.#withAhead(request, range) - start;
      this.#ports.source.read({ segment, position: start, length }, (result) => {
        open -= 1;
        if (failed) return;
        if (!result.ok) {
          failed = true;
          this.#active.delete(number);
          request.done(result);
          return;
        }
        const run = new SegmentRun(segment, start, result.value);
        request.runs.push(run);
        this.#recent.add(run);
        if (open === 0) this.#advance(number, request);
      });
    }
  }

  /** The end of a read: further than asked when the entries behind it will be wanted next. */
  #withAhead(request: Request, range: Missing): number {
    const { segment, start, end } = range;
    if (!this.#recent.isSequential(segment, start)) return end;
    let index = 0;
    for (const at of request.pending) index = Math.max(index, must(request.refs[at], "ref").entry);
    let ahead = end;
    for (let step = 0; step < AHEAD_ENTRIES_MAX; step++) {
      const place = this.#ports.map.locate(index + step);
      if (place === undefined) continue;
      const placeEnd = place.position + place.length;
      if (place.segment !== segment || placeEnd - start > RUN_BYTES_MAX) break;
      // An entry that is not durable yet has no place, so nothing is read that may still change.
      ahead = Math.max(ahead, placeEnd);
    }
    return ahead;
  }

  #finish(number: number, request: Request, wrong: string | undefined): void {
    this.#active.delete(number);
    if (wrong === undefined) {
      const value = request.records.map((record) => must(record, "every record was found"));
      request.done({ ok: true, value });
      return;
    }
    const first = request.refs[request.pending[0] ?? 0];
    const place = first === undefined ? undefined : this.#ports.map.locate(first.entry);
    const where = place === undefined ? "bodies" : segmentName(place.segment);
    request.done({ ok: false, failure: damage(where, wrong) });
  }
}

function segmentName(segment: SegmentRef): string {
  const kind = isBodySegment(segment) ? "body segment" : "log segment";
  return `${kind} ${segmentNumber(segment)}`;
}

/** Sorts and joins ranges that nearly touch, up to the size of a run. */
function mergeMissing(missing: readonly Missing[]): Missing[] {
  const sorted = [...missing].sort((a, b) => a.segment - b.segment || a.start - b.start);
  const merged: Missing[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    const joins =
      last !== undefined &&
      last.segment === range.segment &&
      range.start - last.end <= MERGE_GAP &&
      range.end - last.start <= Math.max(RUN_BYTES_MAX, last.end - last.start);
    if (joins) merged[merged.length - 1] = { ...last, end: Math.max(last.end, range.end) };
    else merged.push(range);
  }
  return merged;
}

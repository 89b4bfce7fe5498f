/**
 * Finds a body record in bytes that are in memory, or says which bytes of which segment are missing.
 * Pure: the reader fetches what is missing and asks again.
 */
import type { Crc32 } from "@kqueuey/base";
import type { BodyFraming, BodyRef } from "../store-types.ts";
import { type BlockTable, decodeBlockTable } from "./body-block.ts";
import type { EntryPlace } from "./entry-map.ts";
import { isBodySegment, type SegmentRef } from "./segment-ledger.ts";

/** Asked for first when a record's length is not known yet. */
const FIRST_BYTES = 4096;

/** Bytes of `segment` from `start` to `end` (exclusive). */
export interface Missing {
  readonly kind: "missing";
  readonly segment: SegmentRef;
  readonly start: number;
  readonly end: number;
}

export type Found =
  | { readonly kind: "record"; readonly record: Uint8Array }
  | { readonly kind: "damaged"; readonly what: string }
  | Missing;

/** Bytes of the segment from `start`, as many up to `end` as are in memory; none is fine. */
export type MemoryBytes = (segment: SegmentRef, start: number, end: number) => Uint8Array;

export interface RecordPorts {
  readonly framing: BodyFraming;
  readonly crc32: Crc32;
}

/** The record at `ref`, whose entry is at `place`. */
export function findRecord(
  ports: RecordPorts,
  target: { readonly ref: BodyRef; readonly place: EntryPlace },
  memory: MemoryBytes,
): Found {
  const { ref, place } = target;
  if (!isBodySegment(place.segment)) {
    const start = place.position + ref.offset;
    const end = place.position + place.length;
    return cutRecord(ports, { segment: place.segment, start, end }, memory);
  }
  const table = readTable(ports.crc32, place, memory);
  if ("kind" in table) return table;
  if (table.index !== ref.entry) return { kind: "damaged", what: "a block of another entry" };
  const found = table.find(ref.offset);
  if (found === undefined) return { kind: "damaged", what: "a block without the record" };
  const start = place.position + found.position;
  const end = start + found.available;
  return cutRecord(ports, { segment: place.segment, start, end }, memory);
}

/** The table of the block at `place`. */
export function readTable(
  crc32: Crc32,
  place: EntryPlace,
  memory: MemoryBytes,
): BlockTable | Found {
  const { segment, position, length } = place;
  const end = position + length;
  const bytes = memory(segment, position, end);
  const table = decodeBlockTable(bytes, crc32);
  if (table === "damaged") return { kind: "damaged", what: "a block's table" };
  if ("needed" in table) {
    if (table.needed > length) return { kind: "damaged", what: "a block's table" };
    const wanted = Math.min(length, Math.max(table.needed, FIRST_BYTES));
    return { kind: "missing", segment, start: position, end: position + wanted };
  }
  if (table.blockBytes !== length) return { kind: "damaged", what: "a block's length" };
  return table;
}

/** The record that begins at `start` and ends before `end`. */
function cutRecord(
  ports: RecordPorts,
  range: { readonly segment: SegmentRef; readonly start: number; readonly end: number },
  memory: MemoryBytes,
): Found {
  const { framing, crc32 } = ports;
  const { segment, start, end } = range;
  if (start + framing.prefixBytes > end) return { kind: "damaged", what: "a record's place" };
  const bytes = memory(segment, start, end);
  if (bytes.length < framing.prefixBytes) {
    return { kind: "missing", segment, start, end: Math.min(end, start + FIRST_BYTES) };
  }
  const length = framing.recordLength(bytes);
  if (length < framing.prefixBytes || start + length > end) {
    return { kind: "damaged", what: "a record's length" };
  }
  if (bytes.length < length) return { kind: "missing", segment, start, end: start + length };
  const record = bytes.subarray(0, length);
  if (!framing.verify(record, crc32)) return { kind: "damaged", what: "a record's checksum" };
  return { kind: "record", record };
}

/**
 * Finds a body record in bytes that are in memory, or says which bytes of which segment are missing.
 * Pure: the reader fetches what is missing and asks again.
 */
import type { Crc32 } from "@kqueuey/base";
import type { BodyFraming, BodyRef } from "../store-types.ts";
import { decodeBlockTable } from "./body-block.ts";
import type { EntryPlace } from "./entry-map.ts";
import { isBodySegment, type SegmentRef } from "./segment-ledger.ts";

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

/** The whole of what is at the place, known to be what its entry's checksum says, as far as it is in memory. */
export type PlaceBytes = (place: EntryPlace) => Uint8Array | "missing" | "damaged";

export interface RecordPorts {
  readonly framing: BodyFraming;
  readonly crc32: Crc32;
}

/**
 * The record at `ref`, whose entry is at `place`. What is at the place is taken whole or not at all: a record that
 * is good by its own checksum may be another entry's, where the disk put a write in the wrong place.
 */
export function findRecord(
  ports: RecordPorts,
  target: { readonly ref: BodyRef; readonly place: EntryPlace },
  bytesAt: PlaceBytes,
): Found {
  const { ref, place } = target;
  const { segment, position, length } = place;
  const bytes = bytesAt(place);
  if (bytes === "missing") {
    return { kind: "missing", segment, start: position, end: position + length };
  }
  if (bytes === "damaged") return { kind: "damaged", what: "an entry's checksum" };
  if (!isBodySegment(segment)) return cutRecord(ports, bytes, ref.offset);
  const table = decodeBlockTable(bytes, ports.crc32);
  if (table === "damaged" || "needed" in table || table.blockBytes !== length) {
    return { kind: "damaged", what: "a block's table" };
  }
  if (table.index !== ref.entry) return { kind: "damaged", what: "a block of another entry" };
  const found = table.find(ref.offset);
  if (found === undefined) return { kind: "damaged", what: "a block without the record" };
  return cutRecord(ports, bytes.subarray(0, found.position + found.available), found.position);
}

/** The record that begins at `start` of `bytes`. */
function cutRecord(ports: RecordPorts, bytes: Uint8Array, start: number): Found {
  const { framing, crc32 } = ports;
  const rest = bytes.subarray(start);
  const length = rest.length < framing.prefixBytes ? 0 : framing.recordLength(rest);
  if (length < framing.prefixBytes || length > rest.length) {
    return { kind: "damaged", what: "a record's length" };
  }
  const record = rest.subarray(0, length);
  if (!framing.verify(record, crc32)) return { kind: "damaged", what: "a record's checksum" };
  return { kind: "record", record };
}

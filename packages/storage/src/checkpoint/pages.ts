/**
 * Page files: a header, then one record a unit, appended and never changed. A record is its whole length
 * (u32), the CRC-32 of everything after this word (u32), the unit's kind (u8), its key (u53), its bytes.
 */
import { assert, ByteReader, ByteWriter, type Crc32 } from "@kqueuey/base";
import type { CheckpointUnit } from "../store-types.ts";

/** `machine`: the state machine's units. `map`: chunks of the entry map. The numbers are final. */
export type UnitKind = "machine" | "map";
const KIND_CODES: Readonly<Record<UnitKind, number>> = { machine: 0, map: 1 };

const RECORD_HEADER_BYTES = 17;
/** A unit's bytes, at most. */
const UNIT_BYTES_MAX = 0x0fff_ffff;
/** A page file takes no further record past this many bytes. */
export const PAGE_FILE_BYTES_MAX: number = 256 * 1024 * 1024;

/** One unit as a record: its header, to be followed by its bytes. */
export interface UnitRecord {
  readonly header: Uint8Array;
  readonly length: number;
  readonly crc: number;
}

export function encodeUnitRecord(kind: UnitKind, unit: CheckpointUnit, crc32: Crc32): UnitRecord {
  assert(unit.bytes.length <= UNIT_BYTES_MAX, "a unit is at most 256 MiB");
  const length = RECORD_HEADER_BYTES + unit.bytes.length;
  const writer = new ByteWriter(RECORD_HEADER_BYTES);
  writer.u32(length);
  writer.u32(0);
  writer.u8(KIND_CODES[kind]);
  writer.u53(unit.key);
  const crc = crc32(unit.bytes, crc32(writer.view().subarray(8)));
  writer.setU32(4, crc);
  return { header: writer.view(), length, crc };
}

/** The unit's bytes in a whole record, or undefined if it is not the record that the table names. */
export function checkUnitRecord(
  record: Uint8Array,
  expected: { readonly kind: UnitKind; readonly key: number; readonly crc: number },
  crc32: Crc32,
): Uint8Array | undefined {
  const reader = new ByteReader(record);
  const length = reader.u32();
  const crc = reader.u32();
  const kind = reader.u8();
  const key = reader.u53();
  if (!reader.ok || length !== record.length || crc !== expected.crc) return undefined;
  if (kind !== KIND_CODES[expected.kind] || key !== expected.key) return undefined;
  if (crc32(record.subarray(8)) !== crc) return undefined;
  return record.subarray(RECORD_HEADER_BYTES);
}

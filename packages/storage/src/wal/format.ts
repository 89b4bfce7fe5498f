/**
 * The write group on disk. Final: a later format has another version.
 *
 *     4 KiB boundary | header 64 | directory: the records | data of its entries, in order | zeroes to 4 KiB
 *
 * The header's checksum covers the header, the header holds the directory's checksum, and the directory
 * holds one checksum for each entry's data: every byte is summed once, and one entry can be
 * checked by itself. Data lies outside the directory, so it is written by reference.
 *
 * A segment's epoch is its id. Its salt is drawn when it is first written and stands in every header of
 * it, so that no message body can pass for a group. Little-endian throughout.
 */
import { assert, type Crc32 } from "@kqueuey/base";
import type { SegmentId } from "./types.ts";

/** Write groups begin on multiples of this. */
export const BLOCK_BYTES = 4096;
/** Length of a group's header. */
export const HEADER_BYTES = 64;
/** The newest format that this program reads, and the one that it writes. */
export const WAL_FORMAT_VERSION = 1;

const MAGIC = 0x4757514b;
const FLAG_HEAD = 1;
const CRC_AT = HEADER_BYTES - 4;

/** Two random 32-bit words. */
export interface SegmentSalt {
  readonly a: number;
  readonly b: number;
}

export interface GroupHeader {
  readonly segment: SegmentId;
  /** Length of the segment file. */
  readonly segmentBytes: number;
  /** First group of its segment: it holds the state of all groups. */
  readonly head: boolean;
  /** Consecutive over all segments, from 1. */
  readonly number: number;
  /** Every group up to this number was durable before this one was written. */
  readonly durableUpTo: number;
  readonly salt: SegmentSalt;
  readonly directoryBytes: number;
  readonly records: number;
  readonly dataBytes: number;
  readonly directoryCrc: number;
}

/** What stands where a header could be. `newer`: a valid header of a format that we do not know. */
export type HeaderRead =
  | { readonly kind: "valid"; readonly header: GroupHeader }
  | { readonly kind: "newer"; readonly version: number }
  | { readonly kind: "none" };

/** Writes the header into the first 64 bytes of `into`. */
export function encodeHeader(header: GroupHeader, into: Uint8Array, crc32: Crc32): void {
  const view = new DataView(into.buffer, into.byteOffset, HEADER_BYTES);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, WAL_FORMAT_VERSION, true);
  view.setUint16(6, header.head ? FLAG_HEAD : 0, true);
  view.setUint32(8, header.segment, true);
  view.setUint32(12, header.segmentBytes, true);
  setU53(view, 16, header.number);
  setU53(view, 24, header.durableUpTo);
  view.setUint32(32, header.salt.a, true);
  view.setUint32(36, header.salt.b, true);
  view.setUint32(40, header.directoryBytes, true);
  view.setUint32(44, header.records, true);
  view.setUint32(48, header.dataBytes, true);
  view.setUint32(52, header.directoryCrc, true);
  view.setUint32(56, 0, true);
  view.setUint32(CRC_AT, crc32(into.subarray(0, CRC_AT)), true);
}

/** Reads a header from the first 64 bytes of `from`, which may be anything. */
export function decodeHeader(from: Uint8Array, crc32: Crc32): HeaderRead {
  if (from.length < HEADER_BYTES) return NO_HEADER;
  const view = new DataView(from.buffer, from.byteOffset, HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC) return NO_HEADER;
  if (view.getUint32(CRC_AT, true) !== crc32(from.subarray(0, CRC_AT))) return NO_HEADER;
  const version = view.getUint16(4, true);
  if (version > WAL_FORMAT_VERSION) return { kind: "newer", version };
  const header: GroupHeader = {
    segment: view.getUint32(8, true) as SegmentId,
    segmentBytes: view.getUint32(12, true),
    head: (view.getUint16(6, true) & FLAG_HEAD) !== 0,
    number: getU53(view, 16),
    durableUpTo: getU53(view, 24),
    salt: { a: view.getUint32(32, true), b: view.getUint32(36, true) },
    directoryBytes: view.getUint32(40, true),
    records: view.getUint32(44, true),
    dataBytes: view.getUint32(48, true),
    directoryCrc: view.getUint32(52, true),
  };
  return plausible(header) ? { kind: "valid", header } : NO_HEADER;
}

/** Bytes of the segment that a group takes, padding included. */
export function groupBytes(directoryBytes: number, dataBytes: number): number {
  return roundUp(HEADER_BYTES + directoryBytes + dataBytes);
}

/** The next multiple of a block. */
export function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

export function sameSalt(a: SegmentSalt, b: SegmentSalt): boolean {
  return a.a === b.a && a.b === b.b;
}

const NO_HEADER: HeaderRead = { kind: "none" };

/** A header with a good checksum was written by us; this only keeps arithmetic on it safe. */
function plausible(header: GroupHeader): boolean {
  if (header.segment === 0 || header.number === 0 || header.durableUpTo >= header.number)
    return false;
  return groupBytes(header.directoryBytes, header.dataBytes) <= header.segmentBytes;
}

function setU53(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "u53 out of range");
  view.setUint32(at, value % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

function getU53(view: DataView, at: number): number {
  return view.getUint32(at, true) + (view.getUint32(at + 4, true) & 0x1f_ffff) * 0x1_0000_0000;
}

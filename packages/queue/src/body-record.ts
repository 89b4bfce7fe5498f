/**
 * The body record: what is stored of a message in the log, once per replica. The state machine reads
 * its length alone; the edge writes it and reads it back.
 *
 *     u32 length of everything after the first 8 bytes
 *     u32 CRC-32 of everything after the first 8 bytes, computed by the edge, checked when read from disk
 *     u48 sent at, wall-clock ms
 *     16 bytes MD5 of the body, or zeroes when the API it came by shows none
 *     u8  flags: bit 0, a trace header is there; bit 1, a message group; bit 2, a deduplication id
 *     text sender · [text trace header] · [text group] · [text deduplication id]
 *     varint count · that many (text name, text type, blob value)
 *     the body, to the end
 */
import type { Crc32, WallTimeMs } from "@kqueuey/base";
import { assert, ByteReader, ByteWriter, wallTime } from "@kqueuey/base";
import { BODY_RECORD_BYTES_MAX } from "./limits.ts";

/** Bytes before the part that the CRC covers. */
export const BODY_RECORD_PREFIX_BYTES = 8;
/** The least bytes after the prefix: sent-at, digest, flags, empty sender, no attributes, no body. */
export const BODY_RECORD_REST_MIN: number = 6 + 16 + 1 + 1 + 1;
const ATTRIBUTES_MAX = 64;
const TRACE = 1;
const GROUP = 2;
const DEDUPLICATION = 4;
const NO_MD5 = new Uint8Array(16);

/** An attribute that the sender gave a message. */
export interface BodyAttribute {
  readonly name: string;
  readonly type: string;
  readonly value: Uint8Array;
}

export interface BodyRecord {
  readonly sentAtMs: WallTimeMs;
  /** 16 bytes; zeroes when nobody has computed it. */
  readonly bodyMd5: Uint8Array;
  readonly sender: string;
  readonly traceHeader: string | undefined;
  /** Its message group, as its sender named it. */
  readonly groupId?: string | undefined;
  /** As its sender gave it, or as the edge made it of the body. */
  readonly deduplicationId?: string | undefined;
  /** At most 64. */
  readonly attributes: readonly BodyAttribute[];
  readonly body: Uint8Array;
}

/** Appends `record`. A record over the limit is the caller's fault. */
export function encodeBodyRecord(writer: ByteWriter, record: BodyRecord, crc32: Crc32): void {
  assert(record.bodyMd5.length === 16, "an MD5 has 16 bytes");
  assert(record.attributes.length <= ATTRIBUTES_MAX, "too many message attributes");
  const start = writer.length;
  writer.u32(0);
  writer.u32(0);
  writer.u48(record.sentAtMs);
  writer.raw(record.bodyMd5);
  const { traceHeader, groupId, deduplicationId } = record;
  const trace = traceHeader === undefined ? 0 : TRACE;
  const group = groupId === undefined ? 0 : GROUP;
  writer.u8(trace | group | (deduplicationId === undefined ? 0 : DEDUPLICATION));
  writer.text(record.sender);
  if (traceHeader !== undefined) writer.text(traceHeader);
  if (groupId !== undefined) writer.text(groupId);
  if (deduplicationId !== undefined) writer.text(deduplicationId);
  writer.varint(record.attributes.length);
  for (const attribute of record.attributes) {
    writer.text(attribute.name);
    writer.text(attribute.type);
    writer.blob(attribute.value);
  }
  writer.raw(record.body);
  const rest = start + BODY_RECORD_PREFIX_BYTES;
  assert(writer.length - start <= BODY_RECORD_BYTES_MAX, "body record too large");
  writer.setU32(start, writer.length - rest);
  writer.setU32(start + 4, crc32(writer.view(rest)));
}

/**
 * What records of bodies alone have in common between their prefix and their body: the same bytes for all messages
 * of one send.
 */
export function plainRecordHead(sentAtMs: WallTimeMs, sender: string): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u48(sentAtMs);
  writer.raw(NO_MD5);
  writer.u8(0);
  writer.text(sender);
  writer.varint(0);
  return writer.take();
}

/** Appends the record of a body alone: `bodies` from `from` to `to`, under a head of `plainRecordHead`. */
export function encodePlainRecord(
  writer: ByteWriter,
  head: Uint8Array,
  body: { readonly bytes: Uint8Array; readonly from: number; readonly to: number },
  crc32: Crc32,
): void {
  const length = head.length + body.to - body.from;
  assert(length + BODY_RECORD_PREFIX_BYTES <= BODY_RECORD_BYTES_MAX, "body record too large");
  writer.u32(length);
  writer.u32(0);
  const rest = writer.length;
  writer.raw(head);
  writer.raw(body.bytes.subarray(body.from, body.to));
  writer.setU32(rest - 4, crc32(writer.view(rest)));
}

/** A record of a body alone: where its parts are. */
export interface PlainRecord {
  sentAtMs: number;
  /** Where the sender's text ends and nothing but the count of attributes, 0, and the body follow. */
  senderEnd: number;
  bodyStart: number;
}

/** Where a plain record's sender begins: after the prefix, sent-at, digest, flags and the text's length. */
export const PLAIN_SENDER_START: number = BODY_RECORD_PREFIX_BYTES + 6 + 16 + 1 + 1;

/**
 * Reads where the parts of a whole record are, if it has a body alone: no digest, no trace header, no attributes and
 * a sender of less than 128 bytes. False otherwise. Whether it is whole is the caller's to check.
 */
export function readPlainRecord(bytes: Uint8Array, into: PlainRecord): boolean {
  let at = BODY_RECORD_PREFIX_BYTES;
  let sentAt = 0;
  for (let i = 5; i >= 0; i--) sentAt = sentAt * 0x100 + (bytes[at + i] ?? 0);
  at += 6;
  for (const end = at + 16; at < end; at++) if (bytes[at] !== 0) return false;
  if (bytes[at++] !== 0) return false;
  const senderLength = bytes[at++] ?? 0x80;
  if (senderLength >= 0x80) return false;
  at += senderLength;
  if (bytes[at] !== 0) return false;
  into.sentAtMs = sentAt;
  into.senderEnd = at;
  into.bodyStart = at + 1;
  return at + 1 <= bytes.length;
}

/** Bytes of the whole record that starts at `offset` of `data`; undefined when its prefix does not fit. */
export function bodyRecordLength(data: Uint8Array, offset: number): number | undefined {
  if (offset < 0 || offset + BODY_RECORD_PREFIX_BYTES > data.length) return undefined;
  const length =
    (data[offset] ?? 0) +
    (data[offset + 1] ?? 0) * 0x100 +
    (data[offset + 2] ?? 0) * 0x1_0000 +
    (data[offset + 3] ?? 0) * 0x100_0000;
  return length + BODY_RECORD_PREFIX_BYTES;
}

/**
 * Whether `bytes` are one whole record, undamaged. Zeroes are none: an empty record's checksum would be zero too, and
 * zeroes are what a disk has where a write went astray.
 */
export function isWholeBodyRecord(bytes: Uint8Array, crc32: Crc32): boolean {
  if (bytes.length < BODY_RECORD_PREFIX_BYTES + BODY_RECORD_REST_MIN) return false;
  const reader = new ByteReader(bytes);
  if (reader.u32() !== bytes.length - BODY_RECORD_PREFIX_BYTES) return false;
  return reader.u32() === crc32(bytes.subarray(BODY_RECORD_PREFIX_BYTES));
}

/** Reads one whole record (prefix included, no byte more), checking its CRC; undefined when it is damaged. */
export function decodeBodyRecord(bytes: Uint8Array, crc32: Crc32): BodyRecord | undefined {
  if (!isWholeBodyRecord(bytes, crc32)) return undefined;
  const reader = new ByteReader(bytes, BODY_RECORD_PREFIX_BYTES);
  const sentAtMs = wallTime(reader.u48());
  const bodyMd5 = reader.raw(16);
  const flags = reader.u8();
  const sender = reader.text();
  const traceHeader = (flags & TRACE) === 0 ? undefined : reader.text();
  const groupId = (flags & GROUP) === 0 ? undefined : reader.text();
  const deduplicationId = (flags & DEDUPLICATION) === 0 ? undefined : reader.text();
  const count = reader.varint();
  if (flags > (TRACE | GROUP | DEDUPLICATION) || count > ATTRIBUTES_MAX) return undefined;
  const attributes: BodyAttribute[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    attributes.push({ name: reader.text(), type: reader.text(), value: reader.blob() });
  }
  const body = reader.raw(reader.remaining);
  if (!reader.ok) return undefined;
  const record = { sentAtMs, bodyMd5, sender, traceHeader, attributes, body };
  if (groupId === undefined && deduplicationId === undefined) return record;
  return { ...record, groupId, deduplicationId };
}

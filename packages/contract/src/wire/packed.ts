/**
 * Packed bodies, deliveries and receipts, by hand: columns instead of a message each. A value of a
 * column is an offset away, so neither side makes an object for a message that nobody looks at.
 */
import { malformed, type WireReader } from "./reader.ts";
import type { WireWriter } from "./writer.ts";

/** Bytes of one delivery in `ReceiptRun.parts` and `PackedMessages.receipt_parts`. */
export const RECEIPT_PART_BYTES = 8;
/** Bytes of a message id. */
export const MESSAGE_ID_BYTES = 16;

const NOTHING: Uint8Array = new Uint8Array(0);
const NO_NUMBERS: Uint32Array = new Uint32Array(0);

/** Bodies one after another. Decoding shares the frame's memory: copy what outlives the frame. */
export interface PackedBodies {
  readonly bytes: Uint8Array;
  /** One a body; they add up to `bytes.length`. */
  readonly lengths: Uint32Array;
}

/** Some receipts of one packed answer. */
export interface HotReceiptRun {
  readonly head: Uint8Array;
  /** `RECEIPT_PART_BYTES` for each receipt. */
  readonly parts: Uint8Array;
  readonly tail: Uint8Array;
}

/** Deliveries of one grant, as columns. Value i of a column is of message i. */
export interface HotPackedMessages {
  readonly bodies: PackedBodies;
  /** `MESSAGE_ID_BYTES` each. */
  readonly messageIds: Uint8Array;
  readonly receipts: HotReceiptRun;
  /** Of the first message; the others' follow it one by one. */
  readonly fencingToken: number;
  readonly sender: string;
  /** Wall clock, and what to add for each message. */
  readonly sentAtMs: number;
  readonly sentAfterMs: Uint32Array;
  readonly firstReceivedAtMs: number;
  readonly firstReceivedAfterMs: Uint32Array;
  readonly receiveCounts: Uint32Array;
  readonly leaseRemainingMs: number;
}

/** Throws MALFORMED_REQUEST unless the lengths add up. */
export function checkPackedBodies(bodies: PackedBodies): PackedBodies {
  let sum = 0;
  for (const length of bodies.lengths) sum += length;
  if (sum !== bodies.bytes.length) {
    throw malformed(`body_lengths add up to ${sum} bytes, and bodies has ${bodies.bytes.length}`);
  }
  return bodies;
}

/** Writes `PackedMessages` as field `field`. `writeBodies` appends the bodies, `bodyBytes` in all. */
export function encodePackedMessages(
  writer: WireWriter,
  field: number,
  packed: Omit<HotPackedMessages, "bodies"> & {
    readonly bodyLengths: Uint32Array;
    readonly bodyBytes: number;
    writeBodies(writer: WireWriter): void;
  },
): void {
  const mark = writer.begin(field, packed.bodyBytes + packed.bodyLengths.length * 48);
  writer.lengthField(1, packed.bodyBytes);
  packed.writeBodies(writer);
  writer.uint32sField(2, packed.bodyLengths);
  writer.bytesField(3, packed.messageIds);
  writer.bytesField(4, packed.receipts.head);
  writer.bytesField(5, packed.receipts.parts);
  writer.bytesField(6, packed.receipts.tail);
  writer.uintFieldUnlessZero(7, packed.fencingToken);
  writer.textFieldUnlessEmpty(8, packed.sender);
  writer.uintFieldUnlessZero(9, packed.sentAtMs);
  writer.uint32sField(10, packed.sentAfterMs);
  writer.uintFieldUnlessZero(11, packed.firstReceivedAtMs);
  writer.uint32sField(12, packed.firstReceivedAfterMs);
  writer.uint32sField(13, packed.receiveCounts);
  writer.uintFieldUnlessZero(14, packed.leaseRemainingMs);
  writer.end(mark);
}

/** Reads `PackedMessages` whose tag was read last. Throws MALFORMED_REQUEST, also when columns differ in length. */
export function decodePackedMessages(reader: WireReader): HotPackedMessages {
  const outer = reader.enter();
  const packed = newDraft();
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        packed.bytes = reader.data();
        break;
      case 2:
        packed.lengths = reader.uint32s(packed.lengths);
        break;
      case 3:
        packed.messageIds = reader.data();
        break;
      case 4:
        packed.head = reader.data();
        break;
      case 5:
        packed.parts = reader.data();
        break;
      case 6:
        packed.tail = reader.data();
        break;
      case 7:
        packed.fencingToken = reader.uint53();
        break;
      case 8:
        packed.sender = reader.text();
        break;
      case 9:
        packed.sentAtMs = reader.uint53();
        break;
      case 10:
        packed.sentAfterMs = reader.uint32s(packed.sentAfterMs);
        break;
      case 11:
        packed.firstReceivedAtMs = reader.uint53();
        break;
      case 12:
        packed.firstReceivedAfterMs = reader.uint32s(packed.firstReceivedAfterMs);
        break;
      case 13:
        packed.receiveCounts = reader.uint32s(packed.receiveCounts);
        break;
      case 14:
        packed.leaseRemainingMs = reader.uint32();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  const { bytes, lengths, head, parts, tail, ...columns } = packed;
  checkColumns(packed);
  const bodies = checkPackedBodies({ bytes, lengths });
  return { ...columns, bodies, receipts: { head, parts, tail } };
}

function newDraft() {
  return {
    bytes: NOTHING,
    lengths: NO_NUMBERS,
    messageIds: NOTHING,
    head: NOTHING,
    parts: NOTHING,
    tail: NOTHING,
    fencingToken: 0,
    sender: "",
    sentAtMs: 0,
    sentAfterMs: NO_NUMBERS,
    firstReceivedAtMs: 0,
    firstReceivedAfterMs: NO_NUMBERS,
    receiveCounts: NO_NUMBERS,
    leaseRemainingMs: 0,
  };
}

function checkColumns(packed: ReturnType<typeof newDraft>): void {
  const count = packed.lengths.length;
  const equal =
    packed.messageIds.length === count * MESSAGE_ID_BYTES &&
    packed.parts.length === count * RECEIPT_PART_BYTES &&
    packed.sentAfterMs.length === count &&
    packed.firstReceivedAfterMs.length === count &&
    packed.receiveCounts.length === count;
  if (!equal) throw malformed("the columns of packed messages differ in length");
}

/** Writes `ReceiptRun` as field `field`. */
export function encodeReceiptRun(writer: WireWriter, field: number, run: HotReceiptRun): void {
  const mark = writer.begin(field, run.head.length + run.parts.length + run.tail.length + 8);
  writer.bytesField(1, run.head);
  writer.bytesField(2, run.parts);
  writer.bytesField(3, run.tail);
  writer.end(mark);
}

/** Reads `ReceiptRun` whose tag was read last. Throws MALFORMED_REQUEST. */
export function decodeReceiptRun(reader: WireReader): HotReceiptRun {
  const outer = reader.enter();
  let head = NOTHING;
  let parts = NOTHING;
  let tail = NOTHING;
  while (reader.next()) {
    if (reader.field === 1) head = reader.data();
    else if (reader.field === 2) parts = reader.data();
    else if (reader.field === 3) tail = reader.data();
    else reader.skip();
  }
  reader.leave(outer);
  checkReceiptParts(parts);
  return { head, parts, tail };
}

/** Throws MALFORMED_REQUEST unless `parts` are whole. */
export function checkReceiptParts(parts: Uint8Array): void {
  if (parts.length % RECEIPT_PART_BYTES === 0) return;
  throw malformed(`parts has ${parts.length} bytes; each receipt has ${RECEIPT_PART_BYTES}`);
}

/** The text of a UUID whose bytes begin at `at`. */
export function uuidText(bytes: Uint8Array, at: number): string {
  let text = "";
  for (let i = 0; i < MESSAGE_ID_BYTES; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += HEX[bytes[at + i] ?? 0] ?? "";
  }
  return text;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);

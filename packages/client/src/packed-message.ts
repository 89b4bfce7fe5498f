/** A message of a packed answer: a place in its columns, read when somebody looks. */
import {
  type HotAttribute,
  type HotPackedMessages,
  type HotReceiptRun,
  type HotReceivedMessage,
  MESSAGE_ID_BYTES,
  RECEIPT_PART_BYTES,
  uuidText,
} from "@kqueuey/contract";

const NO_ATTRIBUTES: readonly HotAttribute[] = Object.freeze([]);

export class PackedMessage implements HotReceivedMessage {
  readonly packed: HotPackedMessages;
  /** Its place in the columns. */
  readonly index: number;
  readonly #bodyStart: number;
  #body: Uint8Array | undefined;

  constructor(packed: HotPackedMessages, index: number, bodyStart: number) {
    this.packed = packed;
    this.index = index;
    this.#bodyStart = bodyStart;
  }

  get messageId(): string {
    return uuidText(this.packed.messageIds, this.index * MESSAGE_ID_BYTES);
  }

  get receiptHandle(): string {
    const { head, parts, tail } = this.packed.receipts;
    const at = this.index * RECEIPT_PART_BYTES;
    const part = parts.subarray(at, at + RECEIPT_PART_BYTES);
    return Buffer.concat([head, part, tail]).toString("base64url");
  }

  get body(): Uint8Array {
    this.#body ??= this.packed.bodies.bytes.subarray(
      this.#bodyStart,
      this.#bodyStart + (this.packed.bodies.lengths[this.index] ?? 0),
    );
    return this.#body;
  }

  get attributes(): readonly HotAttribute[] {
    return NO_ATTRIBUTES;
  }

  get traceHeader(): undefined {
    return undefined;
  }

  get sender(): string {
    return this.packed.sender;
  }

  get sentAtMs(): number {
    return this.packed.sentAtMs + (this.packed.sentAfterMs[this.index] ?? 0);
  }

  get firstReceivedAtMs(): number {
    return this.packed.firstReceivedAtMs + (this.packed.firstReceivedAfterMs[this.index] ?? 0);
  }

  get receiveCount(): number {
    return this.packed.receiveCounts[this.index] ?? 0;
  }

  get fencingToken(): number {
    return this.packed.fencingToken + this.index;
  }

  get leaseRemainingMs(): number {
    return this.packed.leaseRemainingMs;
  }

  get deadLetterSource(): undefined {
    return undefined;
  }
}

/** The messages of a packed answer, in order. */
export function unpackMessages(packed: HotPackedMessages): PackedMessage[] {
  const messages: PackedMessage[] = [];
  let start = 0;
  const { lengths } = packed.bodies;
  for (let index = 0; index < lengths.length; index++) {
    messages.push(new PackedMessage(packed, index, start));
    start += lengths[index] ?? 0;
  }
  return messages;
}

/** Messages side by side of the same answer as one run each; undefined unless all of them came packed. */
export function receiptRunsOf(
  messages: readonly (PackedMessage | string)[],
): readonly HotReceiptRun[] | undefined {
  const runs: HotReceiptRun[] = [];
  for (let from = 0; from < messages.length; ) {
    const first = messages[from];
    if (first === undefined || typeof first === "string") return undefined;
    const { packed } = first;
    const places: number[] = [];
    for (; from < messages.length; from++) {
      const next = messages[from];
      if (next === undefined || typeof next === "string") return undefined;
      if (next.packed !== packed) break;
      places.push(next.index);
    }
    runs.push({ ...packed.receipts, parts: partsAt(packed.receipts.parts, places) });
  }
  return runs;
}

function partsAt(parts: Uint8Array, places: readonly number[]): Uint8Array {
  if (places.length * RECEIPT_PART_BYTES === parts.length && isAscending(places)) return parts;
  const chosen = new Uint8Array(places.length * RECEIPT_PART_BYTES);
  places.forEach((place, i) => {
    const at = place * RECEIPT_PART_BYTES;
    chosen.set(parts.subarray(at, at + RECEIPT_PART_BYTES), i * RECEIPT_PART_BYTES);
  });
  return chosen;
}

function isAscending(places: readonly number[]): boolean {
  for (let i = 0; i < places.length; i++) if (places[i] !== i) return false;
  return true;
}

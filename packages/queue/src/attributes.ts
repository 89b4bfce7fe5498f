/** Attributes of a queue: their type, defaults, ranges and codec. */
import type { ByteReader, ByteWriter, GroupId } from "@kqueuey/base";
import { encodeUtf8, groupId } from "@kqueuey/base";
import { durationMs, durationWord } from "./duration.ts";
import type { QueueId } from "./ids.ts";
import { ID_END } from "./ids.ts";
import {
  BODY_RECORD_BYTES_MAX,
  DELAY_MS_MAX,
  FAIR_IN_FLIGHT_MIN_MAX,
  LEASE_MS_MAX,
  MAXIMUM_RECEIVES_MAX,
  RECEIVE_WAIT_MS_MAX,
  RETENTION_MS_MAX,
  RETENTION_MS_MIN,
  TEXTS_BYTES_MAX,
  TEXTS_MAX,
} from "./limits.ts";

/** Where a message goes that was received too often without a tombstone. */
export interface DeadLetter {
  readonly queueId: QueueId;
  /** The Raft group of that queue: the own one moves in one apply, another one through the outbox. */
  readonly group: GroupId;
  /** 1 … 1,000 grants. */
  readonly maximumReceives: number;
}

/** What a FIFO queue is told when it is made. */
export interface FifoAttributes {
  /** Where a deduplication id counts: in the whole queue, or within its message group. Fixed with the queue. */
  readonly deduplicationScope: "queue" | "messageGroup";
  /** Kept for the edge, which makes an id of the body where a message has none. May be changed. */
  readonly contentBasedDeduplication: boolean;
}

/** When a message group of a standard queue is noisy, so that messages of others are received first. */
export interface Fairness {
  /** 1 … 1,000,000 messages in flight, at least. */
  readonly inFlightMin: number;
  /** 1 … 100: more than this part of all in flight. With 100 no group is noisy ever. */
  readonly inFlightPercent: number;
}

/** Times in ms, sizes in bytes. The machine's ranges; APIs have narrower ones. */
export interface QueueAttributes {
  /** 0 … 43,200,000. */
  readonly visibilityTimeoutMs: number;
  /** 0 … 43,200,000. Applies to messages sent after it was set. */
  readonly delayMs: number;
  /** 1,000 … 4,000,000,000, rounded up to whole seconds. Applies to the messages already there as well. */
  readonly retentionMs: number;
  /** 1 … 4,194,304. Kept for the edge, which enforces it. */
  readonly maximumMessageBytes: number;
  /** 0 … 900,000. Kept for the edge, which waits. */
  readonly receiveWaitMs: number;
  readonly deadLetter: DeadLetter | undefined;
  /** Undefined for a standard queue. A queue stays what it is. */
  readonly fifo: FifoAttributes | undefined;
  /** Of a standard queue; undefined: 30 messages, and more than 10 %. */
  readonly fairness: Fairness | undefined;
}

/** Attributes to change: an absent one is left as it is; `deadLetter: undefined` removes it. */
export type QueueAttributeChanges = {
  readonly [K in keyof QueueAttributes]?: QueueAttributes[K];
};

/** Texts by name that the machine stores and does not read. */
export type Texts = ReadonlyMap<string, string>;
/** Texts to set; undefined removes. */
export type TextChanges = ReadonlyMap<string, string | undefined>;

/** What a queue has when its creator says nothing: the defaults of SQS. */
export const DEFAULT_ATTRIBUTES: QueueAttributes = {
  visibilityTimeoutMs: 30_000,
  delayMs: 0,
  retentionMs: 345_600_000,
  maximumMessageBytes: 1_048_576,
  receiveWaitMs: 0,
  deadLetter: undefined,
  fifo: undefined,
  fairness: undefined,
};

const NUMBERS = [
  ["visibilityTimeoutMs", 0, LEASE_MS_MAX],
  ["delayMs", 0, DELAY_MS_MAX],
  ["retentionMs", RETENTION_MS_MIN, RETENTION_MS_MAX],
  ["maximumMessageBytes", 1, BODY_RECORD_BYTES_MAX],
  ["receiveWaitMs", 0, RECEIVE_WAIT_MS_MAX],
] as const;
const DEAD_LETTER_SET = 1 << NUMBERS.length;
const DEAD_LETTER_REMOVED = 2 << NUMBERS.length;
/** What only one kind of queue has follows: what a FIFO queue was told, or when groups are noisy. */
const KIND_SET = 4 << NUMBERS.length;
const MASK_END = 8 << NUMBERS.length;
const GROUP_SCOPE = 1;
const CONTENT_BASED = 2;
const FAIRNESS = 4;

/** `attributes` with `changes` laid over them; the kind of the queue stays. */
export function changeAttributes(
  attributes: QueueAttributes,
  changes: QueueAttributeChanges,
): QueueAttributes {
  const changed = { ...attributes, ...changes, fifo: attributes.fifo };
  if (attributes.fifo === undefined) return changed;
  if (changes.fifo === undefined) return { ...changed, fairness: undefined };
  const { contentBasedDeduplication } = changes.fifo;
  const fifo = { ...attributes.fifo, contentBasedDeduplication };
  return { ...changed, fifo, fairness: undefined };
}

/**
 * Writes changes; all attributes are changes too. Values out of range are the caller's fault and read back
 * as malformed.
 */
export function encodeAttributes(writer: ByteWriter, changes: QueueAttributeChanges): void {
  let mask = 0;
  NUMBERS.forEach(([name], bit) => {
    if (changes[name] !== undefined) mask |= 1 << bit;
  });
  const deadLetter = changes.deadLetter;
  if (deadLetter !== undefined) mask |= DEAD_LETTER_SET;
  else if (Object.hasOwn(changes, "deadLetter")) mask |= DEAD_LETTER_REMOVED;
  if (changes.fifo !== undefined || changes.fairness !== undefined) mask |= KIND_SET;
  writer.u8(mask);
  for (const [name] of NUMBERS) {
    const value = changes[name];
    if (value !== undefined) writer.u32(durationWord(value));
  }
  if (deadLetter !== undefined) {
    writer.u48(deadLetter.queueId);
    writer.u16(deadLetter.group);
    writer.u16(deadLetter.maximumReceives);
  }
  if (changes.fifo === undefined) {
    if (changes.fairness !== undefined) encodeFairness(writer, changes.fairness);
    return;
  }
  const scope = changes.fifo.deduplicationScope === "messageGroup" ? GROUP_SCOPE : 0;
  writer.u8(scope | (changes.fifo.contentBasedDeduplication ? CONTENT_BASED : 0));
}

function encodeFairness(writer: ByteWriter, fairness: Fairness): void {
  writer.u8(FAIRNESS);
  writer.u32(fairness.inFlightMin);
  writer.u8(fairness.inFlightPercent);
}

function decodeFairness(reader: ByteReader): Fairness {
  const inFlightMin = reader.u32();
  const inFlightPercent = reader.u8();
  const fits = inFlightMin >= 1 && inFlightMin <= FAIR_IN_FLIGHT_MIN_MAX;
  if (!fits || inFlightPercent < 1 || inFlightPercent > 100) reader.fail();
  return { inFlightMin, inFlightPercent };
}

/** Reads what `encodeAttributes` wrote; a value out of range fails the reader. */
export function decodeAttributes(reader: ByteReader): QueueAttributeChanges {
  const mask = reader.u8();
  const both = DEAD_LETTER_SET | DEAD_LETTER_REMOVED;
  if (mask >= MASK_END || (mask & both) === both) reader.fail();
  const changes: { -readonly [K in keyof QueueAttributes]?: QueueAttributes[K] } = {};
  NUMBERS.forEach(([name, from, to], bit) => {
    if ((mask & (1 << bit)) === 0) return;
    // A size is no duration, but far below where the words of durations differ.
    const value = durationMs(reader.u32());
    if (value < from || value > to) reader.fail();
    changes[name] = value;
  });
  if ((mask & DEAD_LETTER_REMOVED) !== 0) changes.deadLetter = undefined;
  if ((mask & DEAD_LETTER_SET) !== 0) {
    const id = reader.u48();
    const group = groupId(reader.u16());
    const maximumReceives = reader.u16();
    if (id < 1 || id >= ID_END) reader.fail();
    if (maximumReceives < 1 || maximumReceives > MAXIMUM_RECEIVES_MAX) reader.fail();
    changes.deadLetter = { queueId: id as QueueId, group, maximumReceives };
  }
  if ((mask & KIND_SET) !== 0) {
    const bits = reader.u8();
    if (bits > FAIRNESS) reader.fail();
    if (bits === FAIRNESS) {
      changes.fairness = decodeFairness(reader);
      return changes;
    }
    changes.fifo = {
      deduplicationScope: (bits & GROUP_SCOPE) === 0 ? "queue" : "messageGroup",
      contentBasedDeduplication: (bits & CONTENT_BASED) !== 0,
    };
  }
  return changes;
}

/** Whether the attributes that follow have something that only one kind of queue has. */
export function hasKindAttributes(reader: ByteReader): boolean {
  return (reader.u8() & KIND_SET) !== 0;
}

/** Writes texts in the order of their names, so that equal texts are equal bytes. */
export function encodeTexts(writer: ByteWriter, texts: TextChanges): void {
  const names = [...texts.keys()].sort();
  writer.u16(names.length);
  for (const name of names) {
    const value = texts.get(name);
    writer.text(name);
    writer.u8(value === undefined ? 0 : 1);
    if (value !== undefined) writer.text(value);
  }
}

/** Reads what `encodeTexts` wrote; too many, too long or repeated texts fail the reader. */
export function decodeTexts(reader: ByteReader): Map<string, string | undefined> {
  const texts = new Map<string, string | undefined>();
  const count = reader.u16();
  const start = reader.position;
  if (count > TEXTS_MAX) reader.fail();
  for (let i = 0; i < count && reader.ok; i++) {
    const name = reader.text();
    const present = reader.u8();
    if (present > 1 || texts.has(name)) reader.fail();
    texts.set(name, present === 1 ? reader.text() : undefined);
  }
  if (reader.position - start > TEXTS_BYTES_MAX) reader.fail();
  return texts;
}

/** `texts` with `changes` laid over them, or undefined when that would be more than the limits allow. */
export function changeTexts(texts: Texts, changes: TextChanges): Map<string, string> | undefined {
  const result = new Map(texts);
  for (const [name, value] of changes) {
    if (value === undefined) result.delete(name);
    else result.set(name, value);
  }
  if (result.size > TEXTS_MAX) return undefined;
  let bytes = 0;
  for (const [name, value] of result)
    bytes += encodeUtf8(name).length + encodeUtf8(value).length + 7;
  return bytes > TEXTS_BYTES_MAX ? undefined : result;
}

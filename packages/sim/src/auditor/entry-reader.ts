/** Reads an entry's commands into plain objects: the auditor's own reading of the format, not the machine's. */
import { ByteReader, decodeUtf8, toHex } from "@kqueuey/base";
import { countedKeyOf, requestKeyOf } from "../workload/request-ids.ts";

/** Attributes that the rules depend on, and the rest as numbers. */
export interface AttributeChanges {
  readonly numbers: ReadonlyMap<string, number>;
  /** "keep": not mentioned. */
  readonly deadLetter: DeadLetterPolicy | "none" | "keep";
  /** Where the deduplication ids of a FIFO queue count; absent: not mentioned. */
  readonly deduplicationScope: DeduplicationScope | undefined;
  /** Absent: not mentioned. */
  readonly fairness: FairnessSettings | undefined;
}

export type DeduplicationScope = "queue" | "messageGroup";

/** From when on a message group of a standard queue is noisy. */
export interface FairnessSettings {
  readonly inFlightMin: number;
  readonly inFlightPercent: number;
}

export interface DeadLetterPolicy {
  readonly queueId: number;
  readonly group: number;
  readonly maximumReceives: number;
}

export interface AuditedSend {
  /** Name of its message group; "": it has none. */
  readonly group: string;
  /** Absent: the queue's delay. */
  readonly delayMs: number | undefined;
  readonly body: string;
  readonly bytes: number;
  /** Where the record is in the entry. */
  readonly offset: number;
}

/** A message for a FIFO queue. */
export interface AuditedFifoSend {
  /** Names of its message group and of its deduplication id. */
  readonly group: string;
  readonly deduplicationId: string;
  readonly body: string;
  readonly bytes: number;
  /** Where the record is in the entry. */
  readonly offset: number;
}

export interface AuditedLease {
  readonly sequence: number;
  readonly token: number;
  readonly ms: number;
  /** Of an extension: also when the lease is over. */
  readonly revives: boolean;
}

export type SettleKind = "tombstone" | "extend" | "release" | "undelivered";
export type PlainKind = "deleteQueue" | "confirmQueue" | "markDeleting" | "forgetQueue";

interface Common {
  readonly queueId: number;
  /** Absent: the command has no request id. */
  readonly requestKey: string | undefined;
  /** When it is one of a session's. */
  readonly counted: Counted | undefined;
}

/** A request's place in its session, from 1. */
export interface Counted {
  readonly session: number;
  readonly count: number;
}

/** About a move task of the queue. */
export type MoveCommand = Common & { readonly taskId: string } & (
    | {
        readonly kind: "startMove";
        /** 0: the queue that each message came from. */
        readonly destination: number;
        /** 0: no rate was given. */
        readonly perSecond: number;
      }
    | { readonly kind: "cancelMove" }
  );

interface AuditedReceive {
  readonly kind: "receive";
  readonly limit: number;
  readonly inFlightMax: number;
  readonly maxBytes: number;
  readonly leaseMs: number | undefined;
  /** Name of the attempt. */
  readonly attempt: string | undefined;
}

export type AuditedCommand =
  | MoveCommand
  | (Common &
      (
        | {
            readonly kind: "send" | "sendGrouped";
            readonly messages: readonly AuditedSend[];
          }
        | { readonly kind: "sendFifo"; readonly messages: readonly AuditedFifoSend[] }
        | AuditedReceive
        | { readonly kind: SettleKind; readonly leases: readonly AuditedLease[] }
        | {
            readonly kind: "createQueue";
            readonly name: string;
            readonly attributes: AttributeChanges;
          }
        | { readonly kind: "reserveQueue"; readonly name: string }
        | { readonly kind: "setQueue"; readonly attributes: AttributeChanges }
        | { readonly kind: "purgeQueue" }
        | { readonly kind: PlainKind }
        | { readonly kind: "initCluster" | "openSession" }
      ));

export interface AuditedEntry {
  readonly clusterTimeMs: number;
  readonly commands: readonly AuditedCommand[];
}

const QUEUE_DEFAULT = 0xffff_ffff;
const REVIVES = 0x8000_0000;
const ENTRY_VERSION_MAX = 2;
const BODY_FIXED_BYTES = 8;
const TASK_ID_BYTES = 16;
/** What stands for the name of a group, of a deduplication id or of an attempt. */
const KEY_BYTES = 16;
const NO_GROUP = "00".repeat(KEY_BYTES);
const HAS_TRACE = 1;
const HAS_GROUP = 2;
const HAS_DEDUPLICATION_ID = 4;
/** What stands before the settings of fairness, where a FIFO queue has its own bits. */
const FAIRNESS = 4;
const PADDING = ".";
const NUMBERS = [
  "visibilityTimeoutMs",
  "delayMs",
  "retentionMs",
  "maximumMessageBytes",
  "receiveWaitMs",
] as const;

/** A text says what can't be read. */
export function readEntry(data: Uint8Array): AuditedEntry | string {
  const reader = new ByteReader(data);
  const version = reader.u8();
  if (version < 1 || version > ENTRY_VERSION_MAX) return "an entry of another version";
  reader.skip(1);
  const clusterTimeMs = reader.u48();
  reader.skip(6);
  const count = reader.u16();
  const commands: AuditedCommand[] = [];
  for (let i = 0; i < count; i++) {
    const command = readCommand(data, reader);
    if (typeof command === "string") return command;
    commands.push(command);
  }
  return reader.ok ? { clusterTimeMs, commands } : "an entry that is cut short";
}

function readCommand(data: Uint8Array, reader: ByteReader): AuditedCommand | string {
  const kind = reader.u8();
  const length = reader.u32();
  const end = reader.position + length;
  const tag = reader.u8();
  const id = readRequestId(tag, reader);
  const { requestKey, counted } = id;
  const common = { requestKey, counted, queueId: reader.u48() };
  const { position } = reader;
  const fieldsEnd = Math.max(position, Math.min(end, data.length));
  const fields = new ByteReader(data, position, fieldsEnd);
  const command = readFields(kind, common, data, fields);
  reader.skip(end - position);
  if (!reader.ok || !fields.ok) return `a command of kind ${kind} that is cut short`;
  return command;
}

function readRequestId(tag: number, reader: ByteReader): Omit<Common, "queueId"> {
  if (tag === 0) return { requestKey: undefined, counted: undefined };
  if (tag === 1) return { requestKey: requestKeyOf(reader.raw(16)), counted: undefined };
  const session = reader.u53();
  const count = reader.u53();
  return { requestKey: countedKeyOf(session, count), counted: { session, count } };
}

function readFields(
  kind: number,
  common: Common,
  data: Uint8Array,
  reader: ByteReader,
): AuditedCommand | string {
  const { requestKey, counted, queueId } = common;
  switch (kind) {
    case 1:
    case 22: {
      const messages = readMessages(data, reader, kind === 22);
      const name = kind === 22 ? "sendGrouped" : "send";
      return { requestKey, counted, queueId, kind: name, messages };
    }
    case 2:
      return { requestKey, counted, queueId, ...readReceive(reader) };
    case 3:
      return { requestKey, counted, queueId, kind: "tombstone", leases: readLeases(reader, false) };
    case 4:
      return { requestKey, counted, queueId, kind: "extend", leases: readLeases(reader, true) };
    case 5:
      return { requestKey, counted, queueId, kind: "release", leases: readLeases(reader, true) };
    case 6:
      return {
        requestKey,
        counted,
        queueId,
        kind: "undelivered",
        leases: readLeases(reader, false),
      };
    case 7: {
      reader.skip(4);
      const name = reader.text();
      return {
        requestKey,
        counted,
        queueId,
        kind: "createQueue",
        name,
        attributes: readAttributes(reader),
      };
    }
    case 8:
      return { requestKey, counted, queueId, kind: "setQueue", attributes: readAttributes(reader) };
    case 10:
      return { requestKey, counted, queueId, kind: "purgeQueue" };
    case 11:
      reader.skip(2);
      return { requestKey, counted, queueId, kind: "reserveQueue", name: reader.text() };
    case 15:
      return { requestKey, counted, queueId, kind: "openSession" };
    case 16:
      return { requestKey, counted, queueId, kind: "initCluster" };
    case 21:
      return {
        requestKey,
        counted,
        queueId,
        kind: "sendFifo",
        messages: readGrouped(data, reader),
      };
    case 19:
    case 20:
      return readMove(kind, common, reader);
    default:
      return readPlain(kind, common);
  }
}

function readPlain(kind: number, common: Common): AuditedCommand | string {
  const { requestKey, counted, queueId } = common;
  const plain = PLAIN.get(kind);
  if (plain === undefined) return `a command of kind ${kind}`;
  return { requestKey, counted, queueId, kind: plain };
}

function readMove(kind: number, common: Common, reader: ByteReader): MoveCommand {
  const { requestKey, counted, queueId } = common;
  const taskId = toHex(reader.raw(TASK_ID_BYTES));
  if (kind === 20) return { requestKey, counted, queueId, kind: "cancelMove", taskId };
  const destination = reader.u48();
  const perSecond = reader.u32();
  return { requestKey, counted, queueId, kind: "startMove", taskId, destination, perSecond };
}

const PLAIN: ReadonlyMap<number, PlainKind> = new Map([
  [9, "deleteQueue"],
  [12, "confirmQueue"],
  [13, "markDeleting"],
  [14, "forgetQueue"],
]);

function readReceive(reader: ByteReader): AuditedReceive {
  const limit = reader.u16();
  const maxBytes = reader.u32();
  const leaseMs = readDuration(reader);
  const isBounded = limit >= 0x8000;
  const inFlightMax = isBounded ? reader.u32() : Number.POSITIVE_INFINITY;
  const attempt = reader.remaining > 0 ? toHex(reader.raw(KEY_BYTES)) : undefined;
  return { kind: "receive", limit: limit % 0x8000, maxBytes, leaseMs, inFlightMax, attempt };
}

function readDuration(reader: ByteReader): number | undefined {
  const word = reader.u32();
  return word === QUEUE_DEFAULT ? undefined : longMs(word);
}

/** Ms, or seconds where the highest bit says so. */
function longMs(word: number): number {
  return word < 0x8000_0000 ? word : (word - 0x8000_0000) * 1_000;
}

function readMessages(data: Uint8Array, reader: ByteReader, hasGroups: boolean): AuditedSend[] {
  const count = reader.u16();
  const messages: AuditedSend[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    const delayMs = readDuration(reader);
    const key = hasGroups ? toHex(reader.raw(KEY_BYTES)) : NO_GROUP;
    const group = key === NO_GROUP ? "" : key;
    messages.push({ delayMs, group, ...readRecord(data, reader) });
  }
  return messages;
}

function readGrouped(data: Uint8Array, reader: ByteReader): AuditedFifoSend[] {
  const count = reader.u16();
  const messages: AuditedFifoSend[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    const group = toHex(reader.raw(KEY_BYTES));
    const deduplicationId = toHex(reader.raw(KEY_BYTES));
    messages.push({ group, deduplicationId, ...readRecord(data, reader) });
  }
  return messages;
}

function readRecord(
  data: Uint8Array,
  reader: ByteReader,
): { readonly body: string; readonly bytes: number; readonly offset: number } {
  const offset = reader.position;
  const rest = reader.u32();
  const bytes = BODY_FIXED_BYTES + rest;
  reader.skip(4 + rest);
  return { body: textOfRecord(data.subarray(offset, offset + bytes)), bytes, offset };
}

/** The body's text up to its padding; the checksum is the checkers' of the answers to look at. */
export function textOfRecord(record: Uint8Array): string {
  const reader = new ByteReader(record, BODY_FIXED_BYTES + 6 + 16);
  const flags = reader.u8();
  reader.text();
  for (const flag of [HAS_TRACE, HAS_GROUP, HAS_DEDUPLICATION_ID]) {
    if ((flags & flag) !== 0) reader.text();
  }
  const attributes = reader.varint();
  for (let i = 0; i < attributes && reader.ok; i++) {
    reader.text();
    reader.text();
    reader.blob();
  }
  const text = decodeUtf8(reader.raw(reader.remaining)) ?? "";
  const end = text.indexOf(PADDING);
  return end < 0 ? text : text.slice(0, end);
}

function readLeases(reader: ByteReader, timed: boolean): AuditedLease[] {
  const count = reader.u16();
  const leases: AuditedLease[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    const sequence = reader.u48();
    const token = reader.u48();
    const word = timed ? reader.u32() : 0;
    const revives = word >= REVIVES;
    leases.push({ sequence, token, ms: revives ? word - REVIVES : word, revives });
  }
  return leases;
}

function readAttributes(reader: ByteReader): AttributeChanges {
  const mask = reader.u8();
  const numbers = new Map<string, number>();
  NUMBERS.forEach((name, bit) => {
    if ((mask & (1 << bit)) !== 0) numbers.set(name, longMs(reader.u32()));
  });
  const deadLetter = readPolicy(mask, reader);
  const isOfOneKind = (mask & (4 << NUMBERS.length)) !== 0;
  const bits = isOfOneKind ? reader.u8() : undefined;
  if (bits === FAIRNESS) {
    const fairness = { inFlightMin: reader.u32(), inFlightPercent: reader.u8() };
    return { numbers, deadLetter, deduplicationScope: undefined, fairness };
  }
  const deduplicationScope = bits === undefined ? undefined : scopeOf(bits);
  return { numbers, deadLetter, deduplicationScope, fairness: undefined };
}

function readPolicy(mask: number, reader: ByteReader): AttributeChanges["deadLetter"] {
  if ((mask & (2 << NUMBERS.length)) !== 0) return "none";
  if ((mask & (1 << NUMBERS.length)) === 0) return "keep";
  const queueId = reader.u48();
  const group = reader.u16();
  return { queueId, group, maximumReceives: reader.u16() };
}

function scopeOf(bits: number): DeduplicationScope {
  return (bits & 1) === 0 ? "queue" : "messageGroup";
}

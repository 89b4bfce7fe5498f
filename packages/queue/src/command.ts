/**
 * Commands as bytes: encoded once, at the edge; the same bytes travel in forwarding frames, lie in the
 * log and are applied. One is self-delimiting:
 *
 *     u8 kind · u32 length of what follows · request id · u48 queue id · fields of the kind
 *     request id: u8 0 | u8 1, 16 bytes of hash | u8 2, u64 session, u64 sequence
 *
 * The version is the entry's (see entry.ts). Little-endian. Encoders trust their caller: what they
 * wrote is checked by `validateCommand` (command-walk.ts), which also guards against bytes from outside.
 */
import type { ByteWriter, Crc32, GroupId, WallTimeMs } from "@kqueuey/base";
import { assert } from "@kqueuey/base";
import type { QueueAttributeChanges, QueueAttributes, TextChanges, Texts } from "./attributes.ts";
import { encodeAttributes, encodeTexts } from "./attributes.ts";
import type { BodyRecord } from "./body-record.ts";
import { encodeBodyRecord, encodePlainRecord, plainRecordHead } from "./body-record.ts";
import { durationWord } from "./duration.ts";
import type { FencingToken, QueueId, Sequence, SessionId } from "./ids.ts";
import { KEY_BYTES, type Key } from "./key-index.ts";
import { TASK_ID_BYTES } from "./move-tasks.ts";
import { RECEIPT_PART_BYTES } from "./receipt.ts";

/** Kind bytes. Final: a number is never given to another command. */
export const COMMAND = {
  send: 1,
  receive: 2,
  tombstone: 3,
  extend: 4,
  release: 5,
  undelivered: 6,
  createQueue: 7,
  setQueue: 8,
  deleteQueue: 9,
  purgeQueue: 10,
  reserveQueue: 11,
  confirmQueue: 12,
  markDeleting: 13,
  forgetQueue: 14,
  openSession: 15,
  initCluster: 16,
  accept: 17,
  dropOutbox: 18,
  startMove: 19,
  cancelMove: 20,
  sendFifo: 21,
  sendGrouped: 22,
} as const;

/** The name of a command. */
export type CommandKind = keyof typeof COMMAND;

/** The commands that bring bodies of messages. */
export const SENDS: ReadonlySet<CommandKind> = new Set(["send", "sendGrouped", "sendFifo"]);

/** u32 in place of a duration: take the queue's. */
export const QUEUE_DEFAULT = 0xffff_ffff;
/** Beside the ms of an extension: it may revive a lease that is over. */
export const EXTEND_REVIVES = 0x8000_0000;
/** Beside the limit of a receive: a bound on what is in flight follows, u32. */
export const RECEIVE_BOUNDED = 0x8000;
/** Bytes before the request id. */
export const COMMAND_HEADER_BYTES = 5;
/** Tags of a request id. */
export const REQUEST_NONE = 0;
export const REQUEST_HASH = 1;
export const REQUEST_SESSION = 2;
/** Bytes of a request id that is one, its tag included. */
const REQUEST_ID_BYTES = 17;

/** How a retry is recognised. */
export type RequestId =
  | { readonly kind: "none" }
  /** 16 bytes of a hash of (principal, action, queue, request id): remembered for the window in force. */
  | { readonly kind: "hash"; readonly hash: Uint8Array }
  /** A session's own count, from 1: exact however late, within 64 of the highest. */
  | { readonly kind: "session"; readonly session: SessionId; readonly sequence: number };

/** A request without an id: never recognised as a retry. */
export const NO_REQUEST_ID: RequestId = { kind: "none" };

/** Tag and content of a validated command's request id; undefined when it has none. Shares the command's memory. */
export function requestIdBytes(command: Uint8Array): Uint8Array | undefined {
  const tag = command[COMMAND_HEADER_BYTES];
  if (tag !== REQUEST_HASH && tag !== REQUEST_SESSION) return undefined;
  return command.subarray(COMMAND_HEADER_BYTES, COMMAND_HEADER_BYTES + REQUEST_ID_BYTES);
}

/** The attempt key of a validated receive; undefined when it has none. Shares the command's memory. */
export function attemptKeyBytes(command: Uint8Array): Uint8Array | undefined {
  const limit = COMMAND_HEADER_BYTES + (requestIdBytes(command)?.length ?? 1) + 6;
  const isBounded = ((command[limit + 1] ?? 0) & (RECEIVE_BOUNDED >>> 8)) !== 0;
  const key = limit + 10 + (isBounded ? 4 : 0);
  return command.length < key + KEY_BYTES ? undefined : command.subarray(key, key + KEY_BYTES);
}

/** What every command on a queue says. */
export interface QueueCommand {
  readonly requestId: RequestId;
  readonly queueId: QueueId;
}

/** A message to send. */
export interface SendMessage extends BodyRecord {
  /** ms, 0 … 31,536,000,000; absent: the queue's delay at apply. */
  readonly delayMs?: number | undefined;
}

/** 1 … 1,000 messages. */
export interface SendCommand extends QueueCommand {
  readonly messages: readonly SendMessage[];
}

/** A message to send to a standard queue, some messages of which have groups. */
export interface GroupedMessage extends SendMessage {
  /** 16 bytes that stand for its message group: equal for equal ids, else different. Absent: it has none. */
  readonly groupKey?: Uint8Array | undefined;
}

/** 1 … 1,000 messages. */
export interface SendGroupedCommand extends QueueCommand {
  readonly messages: readonly GroupedMessage[];
}

/** A message to send to a FIFO queue. */
export interface FifoMessage extends BodyRecord {
  /** 16 bytes that stand for its message group: equal for equal ids, else different. */
  readonly groupKey: Uint8Array;
  /** 16 bytes that stand for its deduplication id. */
  readonly deduplicationKey: Uint8Array;
}

/** 1 … 1,000 messages, in this order. */
export interface SendFifoCommand extends QueueCommand {
  readonly messages: readonly FifoMessage[];
}

export interface ReceiveCommand extends QueueCommand {
  /** 1 … 1,000 messages. */
  readonly limit: number;
  /** Body records' bytes to grant at most, though at least one message. Sizes are rounded up by at most 1/8. */
  readonly maxBytes: number;
  /** ms, 0 … 43,200,000; absent: the queue's timeout at apply. 0 grants tokens and leaves the messages visible. */
  readonly visibilityTimeoutMs?: number | undefined;
  /** Messages of the queue in flight at most, these included; absent: as many as there are. */
  readonly inFlightMax?: number | undefined;
  /** FIFO queues: 16 bytes that stand for the receive request attempt id. */
  readonly attemptKey?: Uint8Array | undefined;
}

/** A lease, as its receipt tells it. */
export interface LeaseReference {
  readonly sequence: Sequence;
  readonly token: FencingToken;
}

/** For tombstones and undelivered releases: 1 … 1,000 leases. */
export interface LeasesCommand extends QueueCommand {
  readonly leases: readonly LeaseReference[];
}

/**
 * For extensions (the lease then lasts `ms` from now; 0 releases) and releases (available after `ms`):
 * 1 … 1,000 leases.
 */
export interface TimedLeasesCommand extends QueueCommand {
  /** Of extensions: also of leases that are over, while nobody was given the message since. */
  readonly revives?: boolean | undefined;
  readonly leases: readonly (LeaseReference & { readonly ms: number })[];
}

export interface CreateQueueCommand extends QueueCommand {
  readonly name: string;
  /** The catalogue's placement generation. */
  readonly placement: number;
  readonly attributes: QueueAttributes;
  readonly extra: Texts;
  readonly tags: Texts;
}

export interface SetQueueCommand extends QueueCommand {
  readonly attributes: QueueAttributeChanges;
  readonly extra: TextChanges;
  readonly tags: TextChanges;
  /** What `extra` must have for anything to change; undefined for a text that must not be there. */
  readonly expected?: TextChanges | undefined;
}

export interface PurgeQueueCommand extends QueueCommand {
  /** ms, 1 … 43,200,000: refused when a purge that said so, too, is not as long ago. */
  readonly intervalMs?: number | undefined;
}

/** Group 0: takes a queue id for a name and remembers what to create, so that anyone can finish it. */
export interface ReserveQueueCommand {
  readonly requestId: RequestId;
  readonly name: string;
  /** Where the queue will live. */
  readonly group: GroupId;
  readonly attributes: QueueAttributes;
  readonly extra: Texts;
  readonly tags: Texts;
}

/** At the target of a move between groups: takes one message of a source's outbox. */
export interface AcceptCommand extends QueueCommand {
  readonly sourceQueue: QueueId;
  /** The message's number in the source's outbox, from 1; accepted in this order. */
  readonly outboxSequence: number;
  readonly originQueue: QueueId;
  readonly originSequence: Sequence;
  readonly receiveCount: number;
  readonly firstReceivedMs: WallTimeMs;
  /** ms since the message was first enqueued: a duration, since cluster times do not travel between groups. */
  readonly ageMs: number;
  /** The whole body record. */
  readonly record: Uint8Array;
  /** Of its message group, when it comes from a FIFO queue. */
  readonly groupKey?: Key | undefined;
}

/** At the source: the outbox up to and including a number was dealt with. */
export interface DropOutboxCommand extends QueueCommand {
  readonly throughSequence: number;
  /** "accepted": forget them. "returned": the target is gone; make them available again. */
  readonly disposition: "accepted" | "returned";
}

/** Begins to move the messages that are in the queue now. */
export interface StartMoveCommand extends QueueCommand {
  /** 16 bytes that name the task. */
  readonly taskId: Uint8Array;
  /** Where to; absent: to the queue that each came from as a dead letter. */
  readonly destination?: QueueId | undefined;
  /** Messages a second, 1 … 100,000; absent: as fast as tasks usually are. */
  readonly perSecond?: number | undefined;
}

/** Ends a running move task of the queue; what it moved stays moved. */
export interface CancelMoveCommand extends QueueCommand {
  readonly taskId: Uint8Array;
}

function begin(writer: ByteWriter, kind: number, requestId: RequestId, queueId: number): number {
  const start = writer.length;
  writer.u8(kind);
  writer.u32(0);
  switch (requestId.kind) {
    case "none":
      writer.u8(REQUEST_NONE);
      break;
    case "hash":
      assert(requestId.hash.length === 16, "a request id's hash has 16 bytes");
      writer.u8(REQUEST_HASH);
      writer.raw(requestId.hash);
      break;
    case "session":
      writer.u8(REQUEST_SESSION);
      writer.u53(requestId.session);
      writer.u53(requestId.sequence);
      break;
  }
  writer.u48(queueId);
  return start;
}

function end(writer: ByteWriter, start: number): void {
  writer.setU32(start + 1, writer.length - start - COMMAND_HEADER_BYTES);
}

/** Appends a send; body records are made in place, so a body is copied once. */
export function encodeSend(writer: ByteWriter, command: SendCommand, crc32: Crc32): void {
  const start = begin(writer, COMMAND.send, command.requestId, command.queueId);
  writer.u16(command.messages.length);
  for (const message of command.messages) {
    const { delayMs } = message;
    writer.u32(delayMs === undefined ? QUEUE_DEFAULT : durationWord(delayMs));
    encodeBodyRecord(writer, message, crc32);
  }
  end(writer, start);
}

/** The key of no message group. */
const NO_GROUP: Uint8Array = new Uint8Array(KEY_BYTES);

/** Appends a send of messages with groups to a standard queue. */
export function encodeSendGrouped(
  writer: ByteWriter,
  command: SendGroupedCommand,
  crc32: Crc32,
): void {
  const start = begin(writer, COMMAND.sendGrouped, command.requestId, command.queueId);
  writer.u16(command.messages.length);
  for (const message of command.messages) {
    const { delayMs, groupKey } = message;
    writer.u32(delayMs === undefined ? QUEUE_DEFAULT : durationWord(delayMs));
    writeKey(writer, groupKey ?? NO_GROUP);
    encodeBodyRecord(writer, message, crc32);
  }
  end(writer, start);
}

/** Appends a send to a FIFO queue. */
export function encodeSendFifo(writer: ByteWriter, command: SendFifoCommand, crc32: Crc32): void {
  const start = begin(writer, COMMAND.sendFifo, command.requestId, command.queueId);
  writer.u16(command.messages.length);
  for (const message of command.messages) {
    writeKey(writer, message.groupKey);
    writeKey(writer, message.deduplicationKey);
    encodeBodyRecord(writer, message, crc32);
  }
  end(writer, start);
}

function writeKey(writer: ByteWriter, key: Uint8Array): void {
  assert(key.length === KEY_BYTES, "a key has 16 bytes");
  writer.raw(key);
}

/** Messages that are bodies alone, one after another: no object for any of them. */
export interface PackedSendCommand {
  readonly requestId: RequestId;
  readonly queueId: QueueId;
  readonly bodies: Uint8Array;
  /** One a body. */
  readonly lengths: Uint32Array;
  readonly sentAtMs: WallTimeMs;
  readonly sender: string;
}

/** The same bytes as `encodeSend` of those messages. */
export function encodePackedSend(
  writer: ByteWriter,
  command: PackedSendCommand,
  crc32: Crc32,
): void {
  const start = begin(writer, COMMAND.send, command.requestId, command.queueId);
  writer.u16(command.lengths.length);
  const head = plainRecordHead(command.sentAtMs, command.sender);
  const { bodies: bytes } = command;
  let from = 0;
  for (const length of command.lengths) {
    writer.u32(QUEUE_DEFAULT);
    encodePlainRecord(writer, head, { bytes, from, to: from + length }, crc32);
    from += length;
  }
  end(writer, start);
}

/** Receipts of one grant as `packReceipts` made them. */
export interface LeaseRun {
  readonly grantFirst: FencingToken;
  readonly parts: Uint8Array;
}

/** The same bytes as `encodeTombstone` of those leases. */
export function encodePackedTombstone(
  writer: ByteWriter,
  command: {
    readonly requestId: RequestId;
    readonly queueId: QueueId;
    readonly runs: readonly LeaseRun[];
  },
): void {
  const start = begin(writer, COMMAND.tombstone, command.requestId, command.queueId);
  let bytes = 0;
  for (const { parts } of command.runs) bytes += parts.length;
  writer.u16(bytes / RECEIPT_PART_BYTES);
  for (const { grantFirst, parts } of command.runs) {
    for (let at = 0; at < parts.length; at += RECEIPT_PART_BYTES) {
      let number = 0;
      for (let i = 5; i >= 0; i--) number = number * 0x100 + (parts[at + i] ?? 0);
      writer.u48(number);
      writer.u48(grantFirst + (parts[at + 6] ?? 0) + (parts[at + 7] ?? 0) * 0x100);
    }
  }
  end(writer, start);
}

export function encodeReceive(writer: ByteWriter, command: ReceiveCommand): void {
  const start = begin(writer, COMMAND.receive, command.requestId, command.queueId);
  const { inFlightMax } = command;
  writer.u16(inFlightMax === undefined ? command.limit : command.limit | RECEIVE_BOUNDED);
  writer.u32(Math.min(command.maxBytes, 0xffff_ffff));
  writer.u32(command.visibilityTimeoutMs ?? QUEUE_DEFAULT);
  if (inFlightMax !== undefined) writer.u32(inFlightMax);
  if (command.attemptKey !== undefined) writeKey(writer, command.attemptKey);
  end(writer, start);
}

function encodeLeases(writer: ByteWriter, kind: number, command: LeasesCommand): void {
  const start = begin(writer, kind, command.requestId, command.queueId);
  writer.u16(command.leases.length);
  for (const lease of command.leases) {
    writer.u48(lease.sequence);
    writer.u48(lease.token);
  }
  end(writer, start);
}

function encodeTimedLeases(writer: ByteWriter, kind: number, command: TimedLeasesCommand): void {
  const start = begin(writer, kind, command.requestId, command.queueId);
  writer.u16(command.leases.length);
  for (const lease of command.leases) {
    writer.u48(lease.sequence);
    writer.u48(lease.token);
    writer.u32(command.revives === true ? lease.ms + EXTEND_REVIVES : lease.ms);
  }
  end(writer, start);
}

/** The work is done: the messages are deleted for good. */
export function encodeTombstone(writer: ByteWriter, command: LeasesCommand): void {
  encodeLeases(writer, COMMAND.tombstone, command);
}

/** The grant never reached a worker: messages come back and their counts are restored. */
export function encodeUndelivered(writer: ByteWriter, command: LeasesCommand): void {
  encodeLeases(writer, COMMAND.undelivered, command);
}

export function encodeExtend(writer: ByteWriter, command: TimedLeasesCommand): void {
  encodeTimedLeases(writer, COMMAND.extend, command);
}

export function encodeRelease(writer: ByteWriter, command: TimedLeasesCommand): void {
  encodeTimedLeases(writer, COMMAND.release, command);
}

export function encodeCreateQueue(writer: ByteWriter, command: CreateQueueCommand): void {
  const start = begin(writer, COMMAND.createQueue, command.requestId, command.queueId);
  writer.u32(command.placement);
  writer.text(command.name);
  encodeAttributes(writer, command.attributes);
  encodeTexts(writer, command.extra);
  encodeTexts(writer, command.tags);
  end(writer, start);
}

export function encodeSetQueue(writer: ByteWriter, command: SetQueueCommand): void {
  const start = begin(writer, COMMAND.setQueue, command.requestId, command.queueId);
  encodeAttributes(writer, command.attributes);
  encodeTexts(writer, command.extra);
  encodeTexts(writer, command.tags);
  if (command.expected !== undefined) encodeTexts(writer, command.expected);
  end(writer, start);
}

function encodePlain(writer: ByteWriter, kind: number, command: QueueCommand): void {
  end(writer, begin(writer, kind, command.requestId, command.queueId));
}

/** In the queue's group: the queue and its messages go. */
export function encodeDeleteQueue(writer: ByteWriter, command: QueueCommand): void {
  encodePlain(writer, COMMAND.deleteQueue, command);
}

export function encodePurgeQueue(writer: ByteWriter, command: PurgeQueueCommand): void {
  const start = begin(writer, COMMAND.purgeQueue, command.requestId, command.queueId);
  if (command.intervalMs !== undefined) writer.u32(command.intervalMs);
  end(writer, start);
}

export function encodeReserveQueue(writer: ByteWriter, command: ReserveQueueCommand): void {
  const start = begin(writer, COMMAND.reserveQueue, command.requestId, 0);
  writer.u16(command.group);
  writer.text(command.name);
  encodeAttributes(writer, command.attributes);
  encodeTexts(writer, command.extra);
  encodeTexts(writer, command.tags);
  end(writer, start);
}

/** Group 0: the queue was created in its group. */
export function encodeConfirmQueue(writer: ByteWriter, command: QueueCommand): void {
  encodePlain(writer, COMMAND.confirmQueue, command);
}

/** Group 0: the name is not to be found any more; the queue is to be deleted in its group. */
export function encodeMarkDeleting(writer: ByteWriter, command: QueueCommand): void {
  encodePlain(writer, COMMAND.markDeleting, command);
}

/** Group 0: the queue was deleted in its group; the name is free again. */
export function encodeForgetQueue(writer: ByteWriter, command: QueueCommand): void {
  encodePlain(writer, COMMAND.forgetQueue, command);
}

export function encodeOpenSession(
  writer: ByteWriter,
  command: { readonly requestId: RequestId },
): void {
  end(writer, begin(writer, COMMAND.openSession, command.requestId, 0));
}

/** Proposed once by the first leader; 32 secret bytes. Later ones change nothing. */
export function encodeInitCluster(
  writer: ByteWriter,
  command: { readonly requestId: RequestId; readonly secret: Uint8Array },
): void {
  assert(command.secret.length === 32, "a cluster secret has 32 bytes");
  const start = begin(writer, COMMAND.initCluster, command.requestId, 0);
  writer.raw(command.secret);
  end(writer, start);
}

export function encodeAccept(writer: ByteWriter, command: AcceptCommand): void {
  const start = begin(writer, COMMAND.accept, command.requestId, command.queueId);
  writer.u48(command.sourceQueue);
  writer.u53(command.outboxSequence);
  writer.u48(command.originQueue);
  writer.u48(command.originSequence);
  writer.u32(command.receiveCount);
  writer.u48(command.firstReceivedMs);
  writer.u48(command.ageMs);
  writer.raw(command.record);
  if (command.groupKey !== undefined) for (const word of command.groupKey) writer.u32(word);
  end(writer, start);
}

export function encodeDropOutbox(writer: ByteWriter, command: DropOutboxCommand): void {
  const start = begin(writer, COMMAND.dropOutbox, command.requestId, command.queueId);
  writer.u53(command.throughSequence);
  writer.u8(command.disposition === "accepted" ? 0 : 1);
  end(writer, start);
}

export function encodeStartMove(writer: ByteWriter, command: StartMoveCommand): void {
  const start = begin(writer, COMMAND.startMove, command.requestId, command.queueId);
  assert(command.taskId.length === TASK_ID_BYTES, "a task id has 16 bytes");
  writer.raw(command.taskId);
  writer.u48(command.destination ?? 0);
  writer.u32(command.perSecond ?? 0);
  end(writer, start);
}

export function encodeCancelMove(writer: ByteWriter, command: CancelMoveCommand): void {
  const start = begin(writer, COMMAND.cancelMove, command.requestId, command.queueId);
  assert(command.taskId.length === TASK_ID_BYTES, "a task id has 16 bytes");
  writer.raw(command.taskId);
  end(writer, start);
}

/** Walks over a command's bytes without making objects of its parts: the guard in front of the log, and of apply. */
import { ByteReader } from "@kqueuey/base";
import { decodeAttributes, decodeTexts } from "./attributes.ts";
import { BODY_RECORD_PREFIX_BYTES, BODY_RECORD_REST_MIN } from "./body-record.ts";
import {
  COMMAND,
  COMMAND_HEADER_BYTES,
  type CommandKind,
  EXTEND_REVIVES,
  QUEUE_DEFAULT,
  RECEIVE_BOUNDED,
  REQUEST_HASH,
  REQUEST_NONE,
  REQUEST_SESSION,
} from "./command.ts";
import { durationMs } from "./duration.ts";
import { ID_END, type QueueId } from "./ids.ts";
import { KEY_BYTES } from "./key-index.ts";
import {
  BODY_RECORD_BYTES_MAX,
  COMMAND_OPERATIONS_MAX,
  DELAY_MS_MAX,
  LEASE_MS_MAX,
  MOVE_RATE_MAX,
  NAME_BYTES_MAX,
} from "./limits.ts";
import { TASK_ID_BYTES } from "./move-tasks.ts";

/** What a leader needs to know of a command; or why the bytes are none. */
export type ValidateResult =
  | {
      readonly ok: true;
      readonly kind: CommandKind;
      /** 0 for commands that are not about an existing queue: reserveQueue, openSession, initCluster. */
      readonly queueId: QueueId | 0;
      /** Message operations: messages, receipts, or the receive's limit; 1 for the rest. */
      readonly operations: number;
      /** Bytes of the whole command. */
      readonly length: number;
    }
  | { readonly ok: false; readonly error: string };

const NAMES: ReadonlyMap<number, CommandKind> = new Map(
  Object.entries(COMMAND).map(([name, kind]) => [kind, name as CommandKind]),
);

/**
 * Checks the command at `start` of `bytes`: structure, lengths, counts and ranges, never by throwing. A command from
 * outside must also be all there is: compare `length` with the bytes given. The CRC of bodies is not checked here.
 */
export function validateCommand(bytes: Uint8Array, start = 0): ValidateResult {
  if (start + COMMAND_HEADER_BYTES > bytes.length) return wrong("command cut short");
  const head = new ByteReader(bytes, start);
  const kind = NAMES.get(head.u8());
  const length = head.u32();
  if (kind === undefined) return wrong("unknown command kind");
  if (length > head.remaining) return wrong("command longer than its bytes");
  const reader = new ByteReader(bytes, head.position, head.position + length);
  if (!walkRequestId(reader)) return wrong("malformed request id");
  const queueId = reader.u48();
  const catalogueWide = kind === "reserveQueue" || kind === "openSession" || kind === "initCluster";
  if ((queueId === 0) !== catalogueWide) return wrong("malformed queue id");
  const operations = walkFields(kind, reader);
  if (!reader.ok || reader.remaining !== 0) return wrong(`malformed ${kind}`);
  return {
    ok: true,
    kind,
    queueId: queueId as QueueId | 0,
    operations,
    length: length + COMMAND_HEADER_BYTES,
  };
}

function wrong(error: string): ValidateResult {
  return { ok: false, error };
}

function walkRequestId(reader: ByteReader): boolean {
  switch (reader.u8()) {
    case REQUEST_NONE:
      return reader.ok;
    case REQUEST_HASH:
      reader.skip(16);
      return reader.ok;
    case REQUEST_SESSION: {
      const session = reader.u53();
      const sequence = reader.u53();
      return reader.ok && session > 0 && session < 0x1_0000_0000_0000 && sequence > 0;
    }
    default:
      return false;
  }
}

/** Passes over the fields; gives the operations, and fails the reader on what can't be. */
function walkFields(kind: CommandKind, reader: ByteReader): number {
  switch (kind) {
    case "send":
      return walkSend(reader, 0);
    case "sendGrouped":
      return walkSend(reader, KEY_BYTES);
    case "sendFifo":
      return walkSendFifo(reader);
    case "receive":
      return walkReceive(reader);
    case "tombstone":
    case "undelivered": {
      const count = walkCount(reader);
      reader.skip(count * 12);
      return count;
    }
    case "extend":
    case "release": {
      const count = walkCount(reader);
      for (let i = 0; i < count && reader.ok; i++) {
        reader.skip(12);
        walkLeaseMs(reader, kind);
      }
      return count;
    }
    case "createQueue":
      reader.skip(4);
      walkNewQueue(reader);
      return 1;
    case "reserveQueue":
      reader.skip(2);
      walkNewQueue(reader);
      return 1;
    case "setQueue":
      decodeAttributes(reader);
      decodeTexts(reader);
      decodeTexts(reader);
      // What must be so may follow.
      if (reader.remaining > 0) decodeTexts(reader);
      return 1;
    case "initCluster":
      reader.skip(32);
      return 1;
    case "accept":
      walkAccept(reader);
      return 1;
    case "dropOutbox":
      reader.u53();
      if (reader.u8() > 1) reader.fail();
      return 1;
    case "startMove":
      reader.skip(TASK_ID_BYTES);
      if (reader.u48() >= ID_END || reader.u32() > MOVE_RATE_MAX) reader.fail();
      return 1;
    case "cancelMove":
      reader.skip(TASK_ID_BYTES);
      return 1;
    case "purgeQueue":
      if (reader.remaining > 0) walkInterval(reader);
      return 1;
    case "deleteQueue":
    case "confirmQueue":
    case "markDeleting":
    case "forgetQueue":
    case "openSession":
      return 1;
  }
}

function walkReceive(reader: ByteReader): number {
  const word = reader.u16();
  const limit = checkCount(reader, word & ~RECEIVE_BOUNDED);
  reader.skip(4);
  walkDuration(reader, true);
  if ((word & RECEIVE_BOUNDED) !== 0) reader.skip(4);
  // An attempt id may follow.
  if (reader.remaining > 0) reader.skip(KEY_BYTES);
  return limit;
}

function walkInterval(reader: ByteReader): void {
  const ms = reader.u32();
  if (ms < 1 || ms > LEASE_MS_MAX) reader.fail();
}

function walkLeaseMs(reader: ByteReader, kind: "extend" | "release"): void {
  const word = reader.u32();
  const revives = kind === "extend" && word >= EXTEND_REVIVES;
  if ((revives ? word - EXTEND_REVIVES : word) > LEASE_MS_MAX) reader.fail();
}

function walkCount(reader: ByteReader): number {
  return checkCount(reader, reader.u16());
}

function checkCount(reader: ByteReader, count: number): number {
  if (count < 1 || count > COMMAND_OPERATIONS_MAX) {
    reader.fail();
    return 0;
  }
  return count;
}

function walkDuration(reader: ByteReader, mayBeDefault: boolean): void {
  const ms = reader.u32();
  if (ms > LEASE_MS_MAX && !(mayBeDefault && ms === QUEUE_DEFAULT)) reader.fail();
}

/** `keyBytes` between the delay and the record of each message. */
function walkSend(reader: ByteReader, keyBytes: number): number {
  const count = walkCount(reader);
  for (let i = 0; i < count && reader.ok; i++) {
    const delay = reader.u32();
    if (delay !== QUEUE_DEFAULT && durationMs(delay) > DELAY_MS_MAX) reader.fail();
    reader.skip(keyBytes);
    walkRecord(reader);
  }
  return count;
}

/**
 * How many messages of a valid `send` or `sendGrouped` are available as soon as it is applied: those without a delay,
 * in a queue that delays `queueDelayMs` by itself. 0 for other commands; of a FIFO send it depends on its groups.
 */
export function promptMessages(command: Uint8Array, queueDelayMs: number): number {
  const reader = new ByteReader(command);
  const kind = NAMES.get(reader.u8());
  if (kind !== "send" && kind !== "sendGrouped") return 0;
  reader.skip(4);
  walkRequestId(reader);
  reader.u48();
  const count = walkCount(reader);
  let prompt = 0;
  for (let i = 0; i < count && reader.ok; i++) {
    const delay = reader.u32();
    const delayMs = delay === QUEUE_DEFAULT ? queueDelayMs : durationMs(delay);
    if (delayMs === 0) prompt += 1;
    if (kind === "sendGrouped") reader.skip(KEY_BYTES);
    walkRecord(reader);
  }
  return prompt;
}

function walkSendFifo(reader: ByteReader): number {
  const count = walkCount(reader);
  for (let i = 0; i < count && reader.ok; i++) {
    reader.skip(2 * KEY_BYTES);
    walkRecord(reader);
  }
  return count;
}

function walkRecord(reader: ByteReader): void {
  const rest = reader.u32();
  reader.skip(4);
  const most = BODY_RECORD_BYTES_MAX - BODY_RECORD_PREFIX_BYTES;
  if (rest < BODY_RECORD_REST_MIN || rest > most) reader.fail();
  reader.skip(rest);
}

function walkNewQueue(reader: ByteReader): void {
  const nameStart = reader.position;
  const name = reader.text();
  if (name === "" || reader.position - nameStart > NAME_BYTES_MAX + 2) reader.fail();
  decodeAttributes(reader);
  for (let texts = 0; texts < 2; texts++) {
    for (const value of decodeTexts(reader).values()) if (value === undefined) reader.fail();
  }
}

function walkAccept(reader: ByteReader): void {
  const sourceQueue = reader.u48();
  const outboxSequence = reader.u53();
  const originQueue = reader.u48();
  const originSequence = reader.u48();
  if (sourceQueue === 0 || outboxSequence === 0 || originQueue === 0 || originSequence === 0) {
    reader.fail();
  }
  reader.skip(4);
  reader.skip(6);
  reader.skip(6);
  walkRecord(reader);
  // The key of a message group may follow.
  if (reader.remaining > 0) reader.skip(KEY_BYTES);
}

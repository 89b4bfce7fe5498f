/** ReceiveRequest and ReceiveResponse, by hand. */
import {
  decodeAttribute,
  encodeAttribute,
  type HotAttribute,
  NO_ATTRIBUTES,
} from "./attributes.ts";
import { decodePackedMessages, type HotPackedMessages } from "./packed.ts";
import { WireReader } from "./reader.ts";
import type { WireWriter } from "./writer.ts";

/** A ReceiveRequest in the program. */
export interface HotReceiveRequest {
  readonly queue: string;
  /** As on the wire: 0 stands for 1. */
  readonly maxMessages: number;
  /** Absent: the queue's. */
  readonly visibilityTimeoutMs?: number | undefined;
  /** Absent: the queue's. */
  readonly waitMs?: number | undefined;
  /** Absent: the limit. */
  readonly maxBytes?: number | undefined;
  readonly bodiesAsData: boolean;
  /** The answer may come packed. */
  readonly packed: boolean;
  /** FIFO queues: the same for all tries of one receive. */
  readonly attemptId?: string | undefined;
  /** "" when there is none. */
  readonly requestId: string;
}

/** A delivered message. Decoding shares the frame's memory: copy what outlives the frame. */
export interface HotReceivedMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: Uint8Array;
  readonly attributes: readonly HotAttribute[];
  readonly traceHeader: string | undefined;
  readonly sender: string;
  /** Wall clock. */
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  readonly receiveCount: number;
  readonly fencingToken: number;
  readonly leaseRemainingMs: number;
  readonly deadLetterSource: string | undefined;
  readonly groupId?: string | undefined;
  readonly sequenceNumber?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

/** Writes a ReceiveRequest. */
export function encodeReceiveRequest(writer: WireWriter, request: HotReceiveRequest): void {
  writer.textFieldUnlessEmpty(1, request.queue);
  writer.uintFieldUnlessZero(2, request.maxMessages);
  if (request.visibilityTimeoutMs !== undefined) writer.uintField(3, request.visibilityTimeoutMs);
  if (request.waitMs !== undefined) writer.uintField(4, request.waitMs);
  if (request.maxBytes !== undefined) writer.uintField(5, request.maxBytes);
  writer.boolFieldUnlessFalse(6, request.bodiesAsData);
  writer.boolFieldUnlessFalse(7, request.packed);
  if (request.attemptId !== undefined) writer.textField(8, request.attemptId);
  writer.textFieldUnlessEmpty(15, request.requestId);
}

/** Reads a ReceiveRequest from `start` on. Throws MALFORMED_REQUEST. */
export function decodeReceiveRequest(bytes: Uint8Array, start = 0): HotReceiveRequest {
  const reader = new WireReader(bytes, start);
  let queue = "";
  let maxMessages = 0;
  let visibilityTimeoutMs: number | undefined;
  let waitMs: number | undefined;
  let maxBytes: number | undefined;
  let bodiesAsData = false;
  let packed = false;
  let attemptId: string | undefined;
  let requestId = "";
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        queue = reader.text();
        break;
      case 2:
        maxMessages = reader.uint32();
        break;
      case 3:
        visibilityTimeoutMs = reader.uint32();
        break;
      case 4:
        waitMs = reader.uint32();
        break;
      case 5:
        maxBytes = reader.uint32();
        break;
      case 6:
        bodiesAsData = reader.bool();
        break;
      case 7:
        packed = reader.bool();
        break;
      case 8:
        attemptId = reader.text();
        break;
      case 15:
        requestId = reader.text();
        break;
      default:
        reader.skip();
    }
  }
  const times = { visibilityTimeoutMs, waitMs };
  const request = { queue, maxMessages, ...times, maxBytes, bodiesAsData, packed, requestId };
  return attemptId === undefined ? request : { ...request, attemptId };
}

/** Writes a ReceiveResponse. Bodies go as data: the stream's clients ask for that. */
export function encodeReceiveResponse(
  writer: WireWriter,
  messages: readonly HotReceivedMessage[],
): void {
  for (const message of messages) {
    const mark = writer.begin(1, message.body.length + message.receiptHandle.length + 96);
    writer.textFieldUnlessEmpty(1, message.messageId);
    writer.textFieldUnlessEmpty(2, message.receiptHandle);
    writer.bytesField(4, message.body);
    for (const attribute of message.attributes) encodeAttribute(writer, 5, attribute);
    if (message.traceHeader !== undefined) writer.textField(6, message.traceHeader);
    writer.textFieldUnlessEmpty(7, message.sender);
    writer.uintFieldUnlessZero(8, message.sentAtMs);
    writer.uintFieldUnlessZero(9, message.firstReceivedAtMs);
    writer.uintFieldUnlessZero(10, message.receiveCount);
    writer.uintFieldUnlessZero(11, message.fencingToken);
    writer.uintFieldUnlessZero(12, message.leaseRemainingMs);
    if (message.deadLetterSource !== undefined) writer.textField(13, message.deadLetterSource);
    if (message.groupId !== undefined) writer.textField(14, message.groupId);
    if (message.sequenceNumber !== undefined) writer.textField(15, message.sequenceNumber);
    if (message.deduplicationId !== undefined) writer.textField(16, message.deduplicationId);
    writer.end(mark);
  }
}

/** A ReceiveResponse in the program: messages, or packed ones. */
export interface HotReceiveResponse {
  readonly messages: readonly HotReceivedMessage[];
  readonly packed: HotPackedMessages | undefined;
}

/** Reads a ReceiveResponse from `start` on. Throws MALFORMED_REQUEST. */
export function decodeReceiveResponse(bytes: Uint8Array, start = 0): HotReceiveResponse {
  const reader = new WireReader(bytes, start);
  const messages: HotReceivedMessage[] = [];
  let packed: HotPackedMessages | undefined;
  while (reader.next()) {
    if (reader.field === 1) messages.push(decodeReceivedMessage(reader));
    else if (reader.field === 2) packed = decodePackedMessages(reader);
    else reader.skip();
  }
  return { messages, packed };
}

function decodeReceivedMessage(reader: WireReader): HotReceivedMessage {
  const outer = reader.enter();
  const message = newReceivedMessage();
  let attributes: HotAttribute[] | undefined;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        message.messageId = reader.text();
        break;
      case 2:
        message.receiptHandle = reader.text();
        break;
      case 3:
        message.body = reader.textAsData();
        break;
      case 4:
        message.body = reader.data();
        break;
      case 5:
        attributes ??= [];
        attributes.push(decodeAttribute(reader));
        break;
      case 6:
        message.traceHeader = reader.text();
        break;
      case 7:
        message.sender = reader.text();
        break;
      case 8:
        message.sentAtMs = reader.uint53();
        break;
      case 9:
        message.firstReceivedAtMs = reader.uint53();
        break;
      case 10:
        message.receiveCount = reader.uint32();
        break;
      case 11:
        message.fencingToken = reader.uint53();
        break;
      case 12:
        message.leaseRemainingMs = reader.uint32();
        break;
      case 13:
        message.deadLetterSource = reader.text();
        break;
      case 14:
        message.groupId = reader.text();
        break;
      case 15:
        message.sequenceNumber = reader.text();
        break;
      case 16:
        message.deduplicationId = reader.text();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (attributes !== undefined) message.attributes = attributes;
  return message;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function newReceivedMessage(): Mutable<HotReceivedMessage> {
  return {
    messageId: "",
    receiptHandle: "",
    body: EMPTY,
    attributes: NO_ATTRIBUTES,
    traceHeader: undefined,
    sender: "",
    sentAtMs: 0,
    firstReceivedAtMs: 0,
    receiveCount: 0,
    fencingToken: 0,
    leaseRemainingMs: 0,
    deadLetterSource: undefined,
    groupId: undefined,
    sequenceNumber: undefined,
    deduplicationId: undefined,
  };
}

const EMPTY: Uint8Array = new Uint8Array(0);

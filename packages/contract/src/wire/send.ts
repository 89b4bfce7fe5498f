/** SendRequest and SendResponse, by hand. */
import type { KQueueyError } from "../errors.ts";
import {
  decodeAttribute,
  encodeAttribute,
  type HotAttribute,
  NO_ATTRIBUTES,
} from "./attributes.ts";
import {
  decodeErrorDetail,
  type ErrorDetailDraft,
  encodeErrorDetail,
  errorFromDraft,
  newErrorDetailDraft,
} from "./error-detail.ts";
import { checkPackedBodies, MESSAGE_ID_BYTES, type PackedBodies, uuidText } from "./packed.ts";
import { malformed, WireReader } from "./reader.ts";
import type { WireWriter } from "./writer.ts";

/** A message to send. Decoding shares the frame's memory: copy what outlives the frame. */
export interface HotNewMessage {
  readonly body: Uint8Array;
  /** 0 … 900,000. Absent: the queue's delay. */
  readonly delayMs?: number;
  readonly attributes: readonly HotAttribute[];
  readonly traceHeader?: string;
  readonly groupId?: string;
  readonly deduplicationId?: string;
}

/** A message to encode: a text body is written as UTF-8. */
export interface HotNewMessageInput {
  readonly body: Uint8Array | string;
  readonly delayMs?: number | undefined;
  readonly attributes?: readonly HotAttribute[] | undefined;
  readonly traceHeader?: string | undefined;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

/** A SendRequest in the program. */
export interface HotSendRequest {
  readonly queue: string;
  readonly messages: readonly HotNewMessage[];
  /** Instead of messages: bodies alone. */
  readonly packed: PackedBodies | undefined;
  readonly omitSuccesses: boolean;
  /** "" when there is none. */
  readonly requestId: string;
}

/** What became of one message. */
export type HotSendResult =
  | { readonly ok: true; readonly messageId: string; readonly sequence: number }
  | { readonly ok: false; readonly error: KQueueyError };

/** A result that came over the wire: it says which message it is about. */
export type HotIndexedSendResult = HotSendResult & { readonly index: number };

/** Writes one message into a batch of its own: a client's batcher appends as messages come. */
export function encodeNewMessage(writer: WireWriter, message: HotNewMessageInput): void {
  const { body, delayMs, attributes, traceHeader, groupId, deduplicationId } = message;
  const mark = writer.begin(2, body.length + 8);
  if (typeof body === "string") writer.textField(2, body);
  else writer.bytesField(2, body);
  if (delayMs !== undefined) writer.uintField(3, delayMs);
  if (attributes !== undefined) {
    for (const attribute of attributes) encodeAttribute(writer, 4, attribute);
  }
  if (traceHeader !== undefined) writer.textField(5, traceHeader);
  if (groupId !== undefined) writer.textField(6, groupId);
  if (deduplicationId !== undefined) writer.textField(7, deduplicationId);
  writer.end(mark);
}

/** Writes a SendRequest. */
export function encodeSendRequest(
  writer: WireWriter,
  request: {
    readonly queue: string;
    readonly messages: readonly HotNewMessageInput[];
    readonly omitSuccesses: boolean;
    readonly requestId: string;
  },
): void {
  writer.textFieldUnlessEmpty(1, request.queue);
  for (const message of request.messages) encodeNewMessage(writer, message);
  writer.boolFieldUnlessFalse(3, request.omitSuccesses);
  writer.textFieldUnlessEmpty(15, request.requestId);
}

/** Writes a SendRequest of bodies alone. `bodyBytes`: of each, as UTF-8. */
export function encodePackedSendRequest(
  writer: WireWriter,
  request: {
    readonly queue: string;
    readonly bodies: readonly (Uint8Array | string)[];
    readonly bodyBytes: Uint32Array;
    readonly omitSuccesses: boolean;
    readonly requestId: string;
  },
): void {
  const { bodies, bodyBytes } = request;
  writer.textFieldUnlessEmpty(1, request.queue);
  writer.boolFieldUnlessFalse(3, request.omitSuccesses);
  let bytes = 0;
  for (const length of bodyBytes) bytes += length;
  writer.lengthField(4, bytes);
  for (const body of bodies) {
    if (typeof body === "string") writer.text(body);
    else writer.raw(body);
  }
  writer.uint32sField(5, bodyBytes);
  writer.textFieldUnlessEmpty(15, request.requestId);
}

/** Reads a SendRequest from `start` on. Throws MALFORMED_REQUEST. */
export function decodeSendRequest(bytes: Uint8Array, start = 0): HotSendRequest {
  const reader = new WireReader(bytes, start);
  const messages: HotNewMessage[] = [];
  let queue = "";
  let omitSuccesses = false;
  let requestId = "";
  let bytesOfBodies: Uint8Array | undefined;
  let lengths: Uint32Array = NO_LENGTHS;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        queue = reader.text();
        break;
      case 2:
        messages.push(decodeNewMessage(reader));
        break;
      case 3:
        omitSuccesses = reader.bool();
        break;
      case 4:
        bytesOfBodies = reader.data();
        break;
      case 5:
        lengths = reader.uint32s(lengths);
        break;
      case 15:
        requestId = reader.text();
        break;
      default:
        reader.skip();
    }
  }
  const packed = packedOf(bytesOfBodies, lengths);
  if (packed !== undefined && messages.length > 0) {
    throw malformed("a send has messages or bodies, not both");
  }
  return { queue, messages, packed, omitSuccesses, requestId };
}

/** Undefined when there are neither bodies nor lengths. Throws MALFORMED_REQUEST unless they fit each other. */
export function packedOf(
  bytes: Uint8Array | undefined,
  lengths: Uint32Array,
): PackedBodies | undefined {
  if ((bytes === undefined || bytes.length === 0) && lengths.length === 0) return undefined;
  return checkPackedBodies({ bytes: bytes ?? EMPTY, lengths });
}

/** Writes the SendResponse to bodies that were all stored; nothing at all when successes are omitted. */
export function encodePackedSendResponse(
  writer: WireWriter,
  sent: { readonly firstSequence: number; readonly messageIds: Uint8Array },
): void {
  writer.uintField(2, sent.firstSequence);
  writer.bytesField(3, sent.messageIds);
}

/** Writes a SendResponse; `omitSuccesses` as the request had it. */
export function encodeSendResponse(
  writer: WireWriter,
  results: readonly HotSendResult[],
  omitSuccesses: boolean,
): void {
  for (let index = 0; index < results.length; index++) {
    const result = results[index];
    if (result === undefined || (result.ok && omitSuccesses)) continue;
    const mark = writer.begin(1, result.ok ? 48 : 200);
    writer.uintFieldUnlessZero(1, index);
    if (result.ok) {
      writer.textField(2, result.messageId);
      writer.uintField(3, result.sequence);
    } else {
      const error = writer.begin(4, 200);
      encodeErrorDetail(writer, result.error);
      writer.end(error);
    }
    writer.end(mark);
  }
}

/** Reads a SendResponse from `start` on. Throws MALFORMED_REQUEST. */
export function decodeSendResponse(bytes: Uint8Array, start = 0): HotIndexedSendResult[] {
  const reader = new WireReader(bytes, start);
  const results: HotIndexedSendResult[] = [];
  let firstSequence: number | undefined;
  let messageIds = EMPTY;
  while (reader.next()) {
    if (reader.field === 1) results.push(decodeSendResult(reader));
    else if (reader.field === 2) firstSequence = reader.uint53();
    else if (reader.field === 3) messageIds = reader.data();
    else reader.skip();
  }
  if (firstSequence === undefined) return results;
  for (let index = 0; index * MESSAGE_ID_BYTES < messageIds.length; index++) {
    const messageId = uuidText(messageIds, index * MESSAGE_ID_BYTES);
    results.push({ ok: true, index, messageId, sequence: firstSequence + index });
  }
  return results;
}

function decodeNewMessage(reader: WireReader): HotNewMessage {
  const outer = reader.enter();
  let body = EMPTY;
  let delayMs: number | undefined;
  let attributes: HotAttribute[] | undefined;
  let traceHeader: string | undefined;
  let groupId: string | undefined;
  let deduplicationId: string | undefined;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        body = reader.textAsData();
        break;
      case 2:
        body = reader.data();
        break;
      case 3:
        delayMs = reader.uint32();
        break;
      case 4:
        attributes ??= [];
        attributes.push(decodeAttribute(reader));
        break;
      case 5:
        traceHeader = reader.text();
        break;
      case 6:
        groupId = reader.text();
        break;
      case 7:
        deduplicationId = reader.text();
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  const message = { body, attributes: attributes ?? NO_ATTRIBUTES };
  // Nearly every message ends here; the others are worth a second object.
  const isGrouped = groupId !== undefined || deduplicationId !== undefined;
  if (delayMs === undefined && traceHeader === undefined && !isGrouped) return message;
  return {
    ...message,
    ...(groupId === undefined ? {} : { groupId }),
    ...(deduplicationId === undefined ? {} : { deduplicationId }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
  };
}

function decodeSendResult(reader: WireReader): HotIndexedSendResult {
  const outer = reader.enter();
  let index = 0;
  let messageId: string | undefined;
  let sequence: number | undefined;
  let draft: ErrorDetailDraft | undefined;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        index = reader.uint32();
        break;
      case 2:
        messageId = reader.text();
        break;
      case 3:
        sequence = reader.uint53();
        break;
      case 4: {
        const rest = reader.enter();
        draft ??= newErrorDetailDraft();
        decodeErrorDetail(reader, draft);
        reader.leave(rest);
        break;
      }
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (draft !== undefined) return { ok: false, index, error: errorFromDraft(draft) };
  if (messageId === undefined || sequence === undefined) {
    throw malformed("a send result has neither an id and a sequence nor an error");
  }
  return { ok: true, index, messageId, sequence };
}

const EMPTY: Uint8Array = new Uint8Array(0);
const NO_LENGTHS: Uint32Array = new Uint32Array(0);

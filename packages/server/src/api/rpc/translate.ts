/**
 * The broker's values and the schema's messages, both ways: the one place where they are turned into
 * each other. Calls of the hot path come in the contract's plain shapes instead and pass by here only
 * on the Connect carrier.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { decodeUtf8, encodeUtf8 } from "@kqueuey/base";
import type {
  MessageAttribute as AttributeMessage,
  QueueAttributes as AttributesMessage,
  CreateQueueRequest,
  DescribeQueueResponseSchema,
  ExtendRequest,
  Fairness as FairnessMessage,
  FifoAttributes as FifoMessage,
  HotAttribute,
  HotNewMessage,
  HotReceiveRequest,
  HotSendRequest,
  HotTombstoneRequest,
  MessageAttributeSchema,
  MoveTaskSchema,
  NewMessage as NewMessageMessage,
  QueueAttributesSchema,
  ReceiptResultSchema,
  ReceivedMessageSchema,
  ReceiveRequest,
  SendRequest,
  SendResultSchema,
  SetQueueAttributesRequest,
  StatusResponseSchema,
  TombstoneRequest,
} from "@kqueuey/contract";
import { checkReceiptParts, errorToDetail, KQueueyError, packedOf } from "@kqueuey/contract";
import type {
  ClusterStatus,
  MoveTask,
  QueueAttributeChanges,
  QueueAttributes,
  QueueDescription,
  ReceiptResult,
  ReceivedMessage,
  SendResult,
} from "../../broker.ts";
import { unpackBodies } from "../../broker.ts";

const EMPTY: Uint8Array = new Uint8Array(0);

/** A SendRequest in the plain shape. */
export function fromSendRequest(request: SendRequest): HotSendRequest {
  const { queue, omitSuccesses, requestId } = request;
  const packed = packedOf(request.bodies, Uint32Array.from(request.bodyLengths));
  if (packed !== undefined && request.messages.length > 0) {
    throw new KQueueyError("MALFORMED_REQUEST", "a send has messages or bodies, not both");
  }
  const messages =
    packed === undefined ? request.messages.map(fromNewMessage) : unpackBodies(packed);
  return { queue, messages, packed: undefined, omitSuccesses, requestId };
}

function fromNewMessage(message: NewMessageMessage): HotNewMessage {
  return {
    body: bytesOf(message.body),
    attributes: message.attributes.map(fromAttribute),
    ...(message.delayMs === undefined ? {} : { delayMs: message.delayMs }),
    ...(message.traceHeader === undefined ? {} : { traceHeader: message.traceHeader }),
    ...(message.groupId === undefined ? {} : { groupId: message.groupId }),
    ...(message.deduplicationId === undefined ? {} : { deduplicationId: message.deduplicationId }),
  };
}

type BytesOrText =
  | { readonly case: "text"; readonly value: string }
  | { readonly case: "data"; readonly value: Uint8Array }
  | { readonly case: undefined };

function bytesOf(value: BytesOrText): Uint8Array {
  switch (value.case) {
    case "text":
      return encodeUtf8(value.value);
    case "data":
      return value.value;
    case undefined:
      return EMPTY;
  }
}

function fromAttribute(attribute: AttributeMessage): HotAttribute {
  const fallback = attribute.value.case === "data" ? "Binary" : "String";
  const { name, type } = attribute;
  return { name, type: type === "" ? fallback : type, value: bytesOf(attribute.value) };
}

/** A ReceiveRequest in the plain shape. */
export function fromReceiveRequest(request: ReceiveRequest): HotReceiveRequest {
  const { queue, maxMessages, visibilityTimeoutMs, waitMs, maxBytes } = request;
  const { bodiesAsData, packed, attemptId, requestId } = request;
  const times = { visibilityTimeoutMs, waitMs };
  return { queue, maxMessages, ...times, maxBytes, bodiesAsData, packed, attemptId, requestId };
}

/** A TombstoneRequest in the plain shape. Throws MALFORMED_REQUEST. */
export function fromTombstoneRequest(request: TombstoneRequest): HotTombstoneRequest {
  const { queue, receiptHandles, runs, omitSuccesses, requestId } = request;
  for (const { parts } of runs) checkReceiptParts(parts);
  if (runs.length > 0 && receiptHandles.length > 0) {
    const text = "a tombstone has receipt_handles or runs, not both";
    throw new KQueueyError("MALFORMED_REQUEST", text);
  }
  return { queue, receiptHandles, runs, omitSuccesses, requestId };
}

/** The entries of an ExtendRequest in the plain shape. */
export function fromExtendEntries(
  request: ExtendRequest,
): readonly { readonly receiptHandle: string; readonly visibilityTimeoutMs: number | undefined }[] {
  return request.entries.map(({ receiptHandle, visibilityTimeoutMs }) => ({
    receiptHandle,
    visibilityTimeoutMs,
  }));
}

/** The results of a send; `index` tells which message each is about. */
export function toSendResults(
  results: readonly SendResult[],
  omitSuccesses: boolean,
): MessageInitShape<typeof SendResultSchema>[] {
  const messages: MessageInitShape<typeof SendResultSchema>[] = [];
  for (const [index, result] of results.entries()) {
    if (!result.ok) messages.push({ index, error: errorToDetail(result.error) });
    else if (!omitSuccesses) {
      const { messageId, sequence } = result;
      messages.push({ index, messageId, sequence: BigInt(sequence) });
    }
  }
  return messages;
}

/** The results of a tombstone, extension or release. */
export function toReceiptResults(
  results: readonly ReceiptResult[],
  omitSuccesses: boolean,
): MessageInitShape<typeof ReceiptResultSchema>[] {
  const messages: MessageInitShape<typeof ReceiptResultSchema>[] = [];
  for (const [index, result] of results.entries()) {
    if (!result.ok) {
      messages.push({ index, outcome: "error", error: errorToDetail(result.error) });
    } else if (!result.effective) messages.push({ index, outcome: result.reason });
    else if (!omitSuccesses) messages.push({ index, outcome: "effective" });
  }
  return messages;
}

/** A delivered message. A body that is UTF-8 goes as text unless the caller wants bytes. */
export function toReceivedMessage(
  message: ReceivedMessage,
  bodiesAsData: boolean,
): MessageInitShape<typeof ReceivedMessageSchema> {
  const text = bodiesAsData ? undefined : decodeUtf8(message.body);
  const { messageId, receiptHandle, sender, receiveCount, traceHeader, deadLetterSource } = message;
  const { groupId, sequenceNumber, deduplicationId } = message;
  return {
    messageId,
    receiptHandle,
    body:
      text === undefined ? { case: "data", value: message.body } : { case: "text", value: text },
    attributes: message.attributes.map(toAttribute),
    sender,
    sentAtMs: BigInt(message.sentAtMs),
    firstReceivedAtMs: BigInt(message.firstReceivedAtMs),
    receiveCount,
    fencingToken: BigInt(message.fencingToken),
    leaseRemainingMs: Math.floor(message.leaseRemainingMs),
    ...(traceHeader === undefined ? {} : { traceHeader }),
    ...(deadLetterSource === undefined ? {} : { deadLetterSource }),
    ...(groupId === undefined ? {} : { groupId }),
    ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
    ...(deduplicationId === undefined ? {} : { deduplicationId }),
  };
}

function toAttribute(attribute: HotAttribute): MessageInitShape<typeof MessageAttributeSchema> {
  const { name, type, value } = attribute;
  const binary = type === "Binary" || type.startsWith("Binary.");
  const text = binary ? undefined : decodeUtf8(value);
  return {
    name,
    type,
    value: text === undefined ? { case: "data", value } : { case: "text", value: text },
  };
}

/** The attributes that a create or set names. */
function fromAttributes(attributes: AttributesMessage | undefined): QueueAttributeChanges {
  if (attributes === undefined) return {};
  const { visibilityTimeoutMs, delayMs, retentionMs, maximumMessageBytes } = attributes;
  const { receiveWaitMs, deadLetter, fifo, fairness } = attributes;
  return {
    ...(visibilityTimeoutMs === undefined ? {} : { visibilityTimeoutMs }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(maximumMessageBytes === undefined ? {} : { maximumMessageBytes }),
    ...(receiveWaitMs === undefined ? {} : { receiveWaitMs }),
    ...(deadLetter === undefined
      ? {}
      : {
          deadLetter: { queue: deadLetter.queue, maximumReceives: deadLetter.maximumReceives },
        }),
    ...(fifo === undefined ? {} : { fifo: fromFifo(fifo) }),
    ...(fairness === undefined ? {} : { fairness: fromFairness(fairness) }),
  };
}

function fromFairness(fairness: FairnessMessage): NonNullable<QueueAttributes["fairness"]> {
  const { inFlightMin, inFlightPercent } = fairness;
  return { inFlightMin, inFlightPercent };
}

function fromFifo(fifo: FifoMessage): NonNullable<QueueAttributes["fifo"]> {
  const { deduplicationScope, contentBasedDeduplication } = fifo;
  switch (deduplicationScope) {
    case "":
    case "queue":
      return { deduplicationScope: "queue", contentBasedDeduplication };
    case "messageGroup":
      return { deduplicationScope, contentBasedDeduplication };
    default:
      throw new KQueueyError(
        "INVALID_ATTRIBUTE",
        "fifo.deduplication_scope must be queue or messageGroup",
      );
  }
}

/** What a CreateQueueRequest asks for. */
export function fromCreateQueueRequest(request: CreateQueueRequest): {
  readonly queue: string;
  readonly attributes: QueueAttributeChanges;
  readonly tags: Readonly<Record<string, string>>;
  readonly requestId: string;
} {
  const { queue, tags, requestId } = request;
  return { queue, attributes: fromAttributes(request.attributes), tags, requestId };
}

/** What a SetQueueAttributesRequest asks for. Throws INVALID_ARGUMENT when it contradicts itself. */
export function fromSetQueueAttributesRequest(request: SetQueueAttributesRequest): {
  readonly queue: string;
  readonly attributes: QueueAttributeChanges;
  readonly requestId: string;
} {
  const { queue, requestId } = request;
  const attributes = fromAttributes(request.attributes);
  if (!request.removeDeadLetter) return { queue, attributes, requestId };
  if (attributes.deadLetter !== undefined) {
    throw new KQueueyError(
      "INVALID_ARGUMENT",
      "attributes.dead_letter and remove_dead_letter are both given; give one of them",
    );
  }
  return { queue, attributes: { ...attributes, deadLetter: undefined }, requestId };
}

function toAttributes(attributes: QueueAttributes): MessageInitShape<typeof QueueAttributesSchema> {
  const { deadLetter, fifo, fairness, ...others } = attributes;
  return {
    ...others,
    ...(deadLetter === undefined ? {} : { deadLetter }),
    ...(fifo === undefined ? {} : { fifo }),
    ...(fairness === undefined ? {} : { fairness }),
  };
}

/** A queue's description. */
export function toDescribeQueueResponse(
  description: QueueDescription,
): MessageInitShape<typeof DescribeQueueResponseSchema> {
  const { name, tags, available, inFlight, delayed, noisyGroups, availableQuiet } = description;
  return {
    queue: name,
    attributes: toAttributes(description.attributes),
    tags: { ...tags },
    available,
    inFlight,
    delayed,
    noisyGroups,
    availableQuiet,
    createdAtMs: BigInt(description.createdAtMs),
    modifiedAtMs: BigInt(description.modifiedAtMs),
  };
}

/** A move task. */
export function toMoveTask(task: MoveTask): MessageInitShape<typeof MoveTaskSchema> {
  const { taskId, status, failure = "", destination, messagesPerSecond } = task;
  return {
    taskId,
    status,
    failure,
    ...(destination === undefined ? {} : { destination }),
    ...(messagesPerSecond === undefined ? {} : { messagesPerSecond }),
    moved: BigInt(task.moved),
    toMove: BigInt(task.toMove),
    startedAtMs: BigInt(task.startedAtMs),
  };
}

/** The cluster as this node knows it. */
export function toStatusResponse(
  status: ClusterStatus,
): MessageInitShape<typeof StatusResponseSchema> {
  const { clusterId, leader, term, nodes } = status;
  return {
    clusterId,
    term: BigInt(term),
    ...(leader === undefined ? {} : { leader }),
    nodes: nodes.map((node) => ({ ...node, appliedIndex: BigInt(node.appliedIndex) })),
  };
}

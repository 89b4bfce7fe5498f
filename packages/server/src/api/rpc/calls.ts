/**
 * The native API's calls, whichever carrier they came by: values are checked against the limits, then
 * the broker is asked. What is wrong with a whole call throws; what is wrong with one entry of a batch
 * is that entry's result, and the others go on. Values have the shape of the contract's hand-written
 * codecs, which is the broker's shape too: the hot path copies nothing.
 */
import type {
  HotExtendRequest,
  HotReceiveRequest,
  HotReleaseRequest,
  HotSendRequest,
  HotTombstoneRequest,
  Limits,
  Range,
} from "@kqueuey/contract";
import {
  describeOutOfRange,
  KQueueyError,
  parseQueueName,
  QUEUE_NAME_LENGTH_MAX,
  RECEIPT_PART_BYTES,
  RELAXED_LIMITS,
  REQUEST_ID_BYTES,
} from "@kqueuey/contract";
import type {
  Broker,
  CallContext,
  Delivery,
  NewMessage,
  PackedBodies,
  PackedSent,
  QueueAttributeChanges,
  QueueDescription,
  ReceiptResult,
  ReceiveOptions,
  SendResult,
} from "../../broker.ts";
import { unpackBodies } from "../../broker.ts";
import { describeWrongId, describeWrongMessage } from "./check-message.ts";

/** Who calls; a carrier makes one for each call. */
export interface Caller {
  readonly principal: string;
  readonly signal: AbortSignal;
}

const LIMITS: Limits = RELAXED_LIMITS;

/** Throws unless `queue` can be a queue's name. */
export function checkQueueName(queue: string): void {
  // Nearly every name is right; the parser's work is for the others.
  if (queue.length <= QUEUE_NAME_LENGTH_MAX && /^[A-Za-z0-9_-]+$/.test(queue)) return;
  const parsed = parseQueueName(queue);
  if (!parsed.ok) throw new KQueueyError("INVALID_QUEUE_NAME", parsed.reason);
}

/** The context of a call about `queue`, both checked. */
export function contextFor(caller: Caller, queue: string, requestId: string): CallContext {
  checkQueueName(queue);
  const { principal, signal } = caller;
  if (requestId === "") return { principal, signal };
  // Bytes are at least as many as UTF-16 units and at most three times as many.
  if (requestId.length * 3 > REQUEST_ID_BYTES.max && utf8Length(requestId) > REQUEST_ID_BYTES.max) {
    throw new KQueueyError(
      "INVALID_ARGUMENT",
      `request_id has ${utf8Length(requestId)} bytes; it must have ${REQUEST_ID_BYTES.min} to ${REQUEST_ID_BYTES.max}`,
    );
  }
  return { principal, signal, requestId };
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}

/** Throws unless `value` is in `range`. */
export function checkRange(name: string, value: number, range: Range): void {
  const problem = describeOutOfRange(name, value, range);
  if (problem !== undefined) throw new KQueueyError("INVALID_ARGUMENT", problem);
}

function checkBatchCount(count: number): void {
  if (count === 0) {
    throw new KQueueyError(
      "BATCH_EMPTY",
      `the call has no entries; it must have ${LIMITS.batchEntries.min} to ${LIMITS.batchEntries.max}`,
    );
  }
  if (count > LIMITS.batchEntries.max) {
    throw new KQueueyError(
      "BATCH_TOO_LARGE",
      `the call has ${count} entries; at most ${LIMITS.batchEntries.max} are allowed. Split it`,
      { details: { entries: count, entriesMax: LIMITS.batchEntries.max } },
    );
  }
}

/** What messages weigh together: bodies and attributes. */
function bytesOf(messages: readonly NewMessage[]): number {
  let bytes = 0;
  for (const message of messages) {
    bytes += message.body.length;
    for (const { name, type, value } of message.attributes) {
      bytes += name.length + type.length + value.length;
    }
  }
  return bytes;
}

/** Stores messages; results in their order. */
export async function send(
  broker: Broker,
  caller: Caller,
  request: Pick<HotSendRequest, "queue" | "messages" | "requestId">,
): Promise<readonly SendResult[]> {
  const { queue, messages } = request;
  const context = contextFor(caller, queue, request.requestId);
  checkBatchCount(messages.length);
  const bytes = bytesOf(messages);
  if (bytes > LIMITS.batchBytes.max) {
    throw new KQueueyError(
      "BATCH_TOO_LARGE",
      `the messages have ${bytes} bytes together; at most ${LIMITS.batchBytes.max} are allowed. Split the call`,
      { details: { bytes, bytesMax: LIMITS.batchBytes.max } },
    );
  }
  return eachValid(
    messages,
    (message) => describeWrongMessage(message, LIMITS),
    (valid) => broker.send(context, queue, valid),
  );
}

/** Stores bodies alone: the fast way when all are right, `send` when not. */
export async function sendPacked(
  broker: Broker,
  caller: Caller,
  request: { readonly queue: string; readonly packed: PackedBodies; readonly requestId: string },
): Promise<PackedSent | readonly SendResult[]> {
  const { queue, packed, requestId } = request;
  let empty = false;
  for (const length of packed.lengths) if (length === 0) empty = true;
  if (empty || packed.bytes.length > LIMITS.batchBytes.max) {
    return send(broker, caller, { queue, messages: unpackBodies(packed), requestId });
  }
  const context = contextFor(caller, queue, requestId);
  checkBatchCount(packed.lengths.length);
  return broker.sendPacked(context, queue, packed);
}

/** Leases messages; the caller settles the delivery. */
export function receive(
  broker: Broker,
  caller: Caller,
  request: HotReceiveRequest,
): Promise<Delivery> {
  const { queue, visibilityTimeoutMs, waitMs, attemptId } = request;
  const context = contextFor(caller, queue, request.requestId);
  const problem = describeWrongId("attempt_id", attemptId);
  if (problem !== undefined) throw problem;
  const maxMessages = request.maxMessages === 0 ? 1 : request.maxMessages;
  const maxBytes = request.maxBytes ?? LIMITS.receiveBytes.max;
  checkRange("max_messages", maxMessages, LIMITS.receiveMessages);
  checkRange("max_bytes", maxBytes, LIMITS.receiveBytes);
  if (visibilityTimeoutMs !== undefined) {
    checkRange("visibility_timeout_ms", visibilityTimeoutMs, LIMITS.visibilityTimeoutMs);
  }
  if (waitMs !== undefined) checkRange("wait_ms", waitMs, LIMITS.receiveWaitMs);
  const options: ReceiveOptions = {
    maxMessages,
    maxBytes,
    ...(visibilityTimeoutMs === undefined ? {} : { visibilityTimeoutMs }),
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(attemptId === undefined ? {} : { attemptId }),
  };
  return broker.receive(context, queue, options);
}

/** Deletes deliveries; results in the order of the handles. */
export async function tombstone(
  broker: Broker,
  caller: Caller,
  request: HotTombstoneRequest,
): Promise<readonly ReceiptResult[]> {
  const { queue, receiptHandles, runs } = request;
  const context = contextFor(caller, queue, request.requestId);
  if (runs.length === 0) {
    checkBatchCount(receiptHandles.length);
    return broker.tombstone(context, queue, receiptHandles);
  }
  let count = 0;
  for (const { parts } of runs) count += parts.length / RECEIPT_PART_BYTES;
  checkBatchCount(count);
  return broker.tombstoneRuns(context, queue, runs);
}

/** Moves deadlines; results in the order of the entries. */
export async function extend(
  broker: Broker,
  caller: Caller,
  request: HotExtendRequest,
): Promise<readonly ReceiptResult[]> {
  const { queue } = request;
  const context = contextFor(caller, queue, request.requestId);
  checkBatchCount(request.entries.length);
  const entries = request.entries.map(({ receiptHandle, visibilityTimeoutMs }) => ({
    receiptHandle,
    visibilityTimeoutMs: visibilityTimeoutMs ?? Number.NaN,
  }));
  return eachValid(
    entries,
    ({ visibilityTimeoutMs }) =>
      Number.isNaN(visibilityTimeoutMs)
        ? new KQueueyError("INVALID_ARGUMENT", "visibility_timeout_ms is missing")
        : outOfRange("visibility_timeout_ms", visibilityTimeoutMs, LIMITS.visibilityTimeoutMs),
    (valid) => broker.extend(context, queue, valid),
  );
}

/** Gives deliveries back; results in the order of the entries. */
export async function release(
  broker: Broker,
  caller: Caller,
  request: HotReleaseRequest,
): Promise<readonly ReceiptResult[]> {
  const { queue } = request;
  const context = contextFor(caller, queue, request.requestId);
  checkBatchCount(request.entries.length);
  return eachValid(
    request.entries,
    ({ delayMs }) => outOfRange("delay_ms", delayMs, LIMITS.delayMs),
    (valid) => broker.release(context, queue, valid),
  );
}

function outOfRange(name: string, value: number, range: Range): KQueueyError | undefined {
  const problem = describeOutOfRange(name, value, range);
  return problem === undefined ? undefined : new KQueueyError("INVALID_ARGUMENT", problem);
}

/**
 * Asks for the entries with which nothing is wrong, and puts the errors of the others between the
 * answers. When all are right, which is nearly always, the list goes through as it is.
 */
async function eachValid<E, R>(
  entries: readonly E[],
  wrong: (entry: E) => KQueueyError | undefined,
  ask: (valid: readonly E[]) => Promise<readonly R[]>,
): Promise<readonly (R | { readonly ok: false; readonly error: KQueueyError })[]> {
  let errors: Map<number, KQueueyError> | undefined;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    const error = entry === undefined ? undefined : wrong(entry);
    if (error === undefined) continue;
    errors ??= new Map();
    errors.set(index, error);
  }
  if (errors === undefined) return ask(entries);
  const failed = errors;
  const valid = entries.filter((_, index) => !failed.has(index));
  const answers = valid.length === 0 ? [] : await ask(valid);
  const results: (R | { readonly ok: false; readonly error: KQueueyError })[] = [];
  let next = 0;
  for (let index = 0; index < entries.length; index++) {
    const error = failed.get(index);
    if (error !== undefined) {
      results.push({ ok: false, error });
      continue;
    }
    const answer = answers[next++];
    if (answer !== undefined) results.push(answer);
  }
  return results;
}

/** A page of queue names. */
export interface QueuePage {
  readonly queues: readonly string[];
  /** Absent on the last page. */
  readonly nextAfter: string | undefined;
}

/** Names of queues after `after`. One more than asked for is fetched, to know whether there is a next page. */
export async function listQueues(
  broker: Broker,
  caller: Caller,
  request: { readonly prefix: string; readonly after: string; readonly limit: number },
): Promise<QueuePage> {
  const { prefix, after } = request;
  const limit = request.limit === 0 ? LIMITS.listLimit.max : request.limit;
  checkRange("limit", limit, LIMITS.listLimit);
  if (prefix !== "") checkQueueName(prefix);
  if (after !== "") checkQueueName(after);
  const { principal, signal } = caller;
  const names = await broker.listQueues({ principal, signal }, { prefix, after, limit: limit + 1 });
  const queues = names.slice(0, limit);
  return { queues, nextAfter: names.length > limit ? queues.at(-1) : undefined };
}

/** Creates a queue. */
export function createQueue(
  broker: Broker,
  caller: Caller,
  request: {
    readonly queue: string;
    readonly attributes: QueueAttributeChanges;
    readonly tags: Readonly<Record<string, string>>;
    readonly requestId: string;
  },
): Promise<{ readonly created: boolean }> {
  const context = contextFor(caller, request.queue, request.requestId);
  checkAttributes(request.attributes);
  const { attributes, tags } = request;
  return broker.createQueue(context, request.queue, { attributes, extra: {}, tags });
}

/** Changes attributes of a queue. */
export async function setQueueAttributes(
  broker: Broker,
  caller: Caller,
  request: {
    readonly queue: string;
    readonly attributes: QueueAttributeChanges;
    readonly requestId: string;
  },
): Promise<void> {
  const context = contextFor(caller, request.queue, request.requestId);
  checkAttributes(request.attributes);
  await broker.setQueueAttributes(context, request.queue, {
    attributes: request.attributes,
    extra: {},
  });
}

/** Begins to move a queue's messages. */
export function startMoveTask(
  broker: Broker,
  caller: Caller,
  request: {
    readonly queue: string;
    readonly destination?: string | undefined;
    readonly messagesPerSecond?: number | undefined;
    readonly requestId: string;
  },
): Promise<{ readonly taskId: string }> {
  const { queue, destination, messagesPerSecond } = request;
  const context = contextFor(caller, queue, request.requestId);
  if (destination !== undefined) checkQueueName(destination);
  if (destination === queue) {
    throw new KQueueyError("INVALID_ARGUMENT", "destination is the queue itself: name another one");
  }
  if (messagesPerSecond !== undefined) {
    checkRange("messages_per_second", messagesPerSecond, LIMITS.moveMessagesPerSecond);
  }
  return broker.startMoveTask(context, queue, {
    ...(destination === undefined ? {} : { destination }),
    ...(messagesPerSecond === undefined ? {} : { messagesPerSecond }),
  });
}

/** Describes a queue. */
export function describeQueue(
  broker: Broker,
  caller: Caller,
  queue: string,
): Promise<QueueDescription> {
  return broker.describeQueue(contextFor(caller, queue, ""), queue);
}

const ATTRIBUTE_RANGES = [
  ["visibility_timeout_ms", "visibilityTimeoutMs", LIMITS.visibilityTimeoutMs],
  ["delay_ms", "delayMs", LIMITS.delayMs],
  ["retention_ms", "retentionMs", LIMITS.retentionMs],
  ["maximum_message_bytes", "maximumMessageBytes", LIMITS.maximumMessageBytes],
  ["receive_wait_ms", "receiveWaitMs", LIMITS.receiveWaitMs],
] as const;

function checkFairness({ fairness, fifo }: QueueAttributeChanges): void {
  if (fairness === undefined) return;
  const { inFlightMin, inFlightPercent } = fairness;
  const problem =
    describeOutOfRange("fairness.in_flight_min", inFlightMin, LIMITS.fairInFlightMin) ??
    describeOutOfRange("fairness.in_flight_percent", inFlightPercent, LIMITS.fairPercent) ??
    (fifo === undefined ? undefined : "fairness is for standard queues: leave fifo or it out");
  if (problem !== undefined) {
    throw new KQueueyError("INVALID_ATTRIBUTE", problem, { details: { attribute: "fairness" } });
  }
}

function checkAttributes(attributes: QueueAttributeChanges): void {
  for (const [name, key, range] of ATTRIBUTE_RANGES) {
    const value = attributes[key];
    const problem = value === undefined ? undefined : describeOutOfRange(name, value, range);
    if (problem !== undefined) {
      throw new KQueueyError("INVALID_ATTRIBUTE", problem, { details: { attribute: name } });
    }
  }
  checkFairness(attributes);
  const { deadLetter } = attributes;
  if (deadLetter === undefined) return;
  const parsed = parseQueueName(deadLetter.queue);
  const problem = parsed.ok
    ? describeOutOfRange(
        "dead_letter.maximum_receives",
        deadLetter.maximumReceives,
        LIMITS.maximumReceives,
      )
    : `dead_letter.queue: ${parsed.reason}`;
  if (problem !== undefined) {
    throw new KQueueyError("INVALID_ATTRIBUTE", problem, { details: { attribute: "dead_letter" } });
  }
}

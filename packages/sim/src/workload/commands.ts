/** Requests of simulated clients: what a client means, as an operation for the history and as bytes for the engine. */
import { ByteWriter, encodeUtf8, wallTime } from "@kqueuey/base";
import type { BodyRecord, QueueAttributeChanges, QueueAttributes, QueueId } from "@kqueuey/queue";
import {
  encodeCancelMove,
  encodeConfirmQueue,
  encodeCreateQueue,
  encodeDeleteQueue,
  encodeExtend,
  encodeForgetQueue,
  encodeMarkDeleting,
  encodeOpenSession,
  encodePurgeQueue,
  encodeReceive,
  encodeRelease,
  encodeReserveQueue,
  encodeSend,
  encodeSendFifo,
  encodeSendGrouped,
  encodeSetQueue,
  encodeStartMove,
  encodeTombstone,
  encodeUndelivered,
  fencingToken,
  sequence,
} from "@kqueuey/queue";
import type { EngineRequest } from "@kqueuey/replica";
import { GROUP } from "../cluster.ts";
import { crc32, digest16 } from "../digests.ts";
import type { NewMessage, Operation, SettleAction } from "../history/event.ts";
import { attributeValues, PADDING } from "./answer.ts";
import type { Ask } from "./edge.ts";
import type { FairPlan, FifoPlan } from "./plan.ts";
import type { NamedRequestId } from "./request-ids.ts";

/** Bytes of bodies that a receive asks for: more than any batch has. */
const RECEIVE_BYTES_MAX = 4_000_000;

/** A name in the catalogue, which one queue after another may have. */
export interface CataloguedName {
  readonly name: string;
  /** How many queues have had it. */
  readonly lives: number;
}

/** A queue as its clients know it. */
export interface KnownQueue {
  readonly name: string;
  readonly id: QueueId;
  /** Of a queue that comes and goes: its clients may call it otherwise. */
  readonly catalogued?: CataloguedName;
  /** Of a FIFO queue. */
  readonly fifo?: FifoPlan;
  /** Of a standard queue with message groups. */
  readonly fair?: FairPlan;
}

/** A receipt that a worker holds, or held. */
export interface HeldReceipt {
  readonly queue: KnownQueue;
  readonly body: string;
  readonly sequence: number;
  readonly token: number;
}

export interface ShownLease extends HeldReceipt {
  /** Extend and release. */
  readonly ms?: number;
  /** Extend: also a lease that is over. All leases of a call say the same. */
  readonly revives?: boolean;
}

/** What to ask, without who asks. */
export type Request = Omit<Ask, "client">;

function commandOf(encode: (writer: ByteWriter) => void): EngineRequest {
  const writer = new ByteWriter(256);
  encode(writer);
  return { kind: "command", command: writer.take() };
}

export function sendRequest(
  queue: KnownQueue,
  messages: readonly (NewMessage & { readonly bytes: number })[],
  id: NamedRequestId,
): Request {
  const records = messages.map((message) => ({
    ...recordOf(message),
    delayMs: message.delayMs,
    ...(message.group === undefined
      ? {}
      : { groupId: message.group, groupKey: keyOf(message.group) }),
  }));
  const hasGroups = messages.some(({ group }) => group !== undefined);
  const encodeMessages = hasGroups ? encodeSendGrouped : encodeSend;
  const request = commandOf((writer) => {
    encodeMessages(writer, { requestId: id.id, queueId: queue.id, messages: records }, crc32);
  });
  const asked = messages.map(({ bytes: _, ...message }) => message);
  const operation: Operation = { kind: "send", queue: queue.name, messages: asked };
  return { operation, request, requestKey: id.key };
}

function recordOf(message: { readonly body: string; readonly bytes: number }): BodyRecord {
  const body = encodeUtf8(message.body.padEnd(message.bytes, PADDING));
  return {
    sentAtMs: wallTime(1),
    bodyMd5: digest16(body),
    sender: "sim",
    traceHeader: undefined,
    attributes: [],
    body,
  };
}

/** A message for a FIFO queue. */
export interface GroupedMessage {
  readonly body: string;
  readonly bytes: number;
  readonly group: string;
  /** As the sender gives it, whatever it counts within. */
  readonly deduplicationId: string;
}

export function sendFifoRequest(
  queue: KnownQueue,
  messages: readonly GroupedMessage[],
  id: NamedRequestId,
): Request {
  const records = messages.map((message) => ({
    ...recordOf(message),
    groupId: message.group,
    deduplicationId: message.deduplicationId,
    groupKey: keyOf(message.group),
    deduplicationKey: keyOf(message.deduplicationId),
  }));
  const request = commandOf((writer) => {
    encodeSendFifo(writer, { requestId: id.id, queueId: queue.id, messages: records }, crc32);
  });
  const inGroup = queue.fifo?.deduplicationScope === "messageGroup";
  const asked = messages.map(({ body, group, deduplicationId }) => ({
    body,
    group,
    deduplicationId: inGroup ? `${group} ${deduplicationId}` : deduplicationId,
  }));
  const operation: Operation = { kind: "send", queue: queue.name, messages: asked };
  return { operation, request, requestKey: id.key };
}

/** 16 bytes that stand for a name. */
function keyOf(name: string): Uint8Array {
  return digest16(encodeUtf8(name));
}

/** What a receive asks for. */
export interface ReceiveOptions {
  readonly limit: number;
  readonly waitMs: number;
  readonly leaseMs?: number;
  /** FIFO queues. */
  readonly attempt?: string;
  /** Standard queues: messages in flight at most, these included. */
  readonly inFlightMax?: number;
}

export function receiveRequest(
  queue: KnownQueue,
  options: ReceiveOptions,
  id: NamedRequestId,
): Request {
  const writer = new ByteWriter(64);
  encodeReceive(writer, {
    requestId: id.id,
    queueId: queue.id,
    limit: options.limit,
    maxBytes: RECEIVE_BYTES_MAX,
    visibilityTimeoutMs: options.leaseMs,
    inFlightMax: options.inFlightMax,
    attemptKey: options.attempt === undefined ? undefined : keyOf(options.attempt),
  });
  return {
    operation: { kind: "receive", queue: queue.name, ...options },
    request: { kind: "receive", command: writer.take(), waitMs: options.waitMs },
    requestKey: id.key,
  };
}

/** `leases` are all of the one queue. */
export function settleRequest(
  action: SettleAction,
  queue: KnownQueue,
  leases: readonly ShownLease[],
  id: NamedRequestId,
): Request {
  const references = leases.map((lease) => ({
    sequence: sequence(lease.sequence),
    token: fencingToken(lease.token),
    ms: lease.ms ?? 0,
  }));
  const command = { requestId: id.id, queueId: queue.id, leases: references };
  const request = commandOf((writer) => {
    switch (action) {
      case "tombstone":
        encodeTombstone(writer, command);
        return;
      case "extend":
        encodeExtend(writer, {
          ...command,
          revives: leases.some(({ revives }) => revives === true),
        });
        return;
      case "release":
        encodeRelease(writer, command);
        return;
      case "undelivered":
        encodeUndelivered(writer, command);
        return;
    }
  });
  const receipts = leases.map(({ body, token, ms }) =>
    ms === undefined ? { body, token } : { body, token, ms },
  );
  const operation: Operation = { kind: "settle", action, queue: queue.name, receipts };
  return { operation, request, requestKey: id.key };
}

export function setRequest(
  queue: KnownQueue,
  changes: QueueAttributeChanges,
  id: NamedRequestId,
): Request {
  const about = { requestId: id.id, queueId: queue.id, extra: new Map(), tags: new Map() };
  const numbers: Record<string, number> = {};
  for (const [name, value] of Object.entries(changes)) {
    if (typeof value === "number") numbers[name] = value;
  }
  return {
    operation: { kind: "set", queue: queue.name, attributes: numbers },
    request: commandOf((writer) => encodeSetQueue(writer, { ...about, attributes: changes })),
    requestKey: id.key,
  };
}

export function purgeRequest(queue: KnownQueue, id: NamedRequestId): Request {
  return {
    operation: { kind: "purge", queue: queue.name },
    request: commandOf((writer) =>
      encodePurgeQueue(writer, { requestId: id.id, queueId: queue.id }),
    ),
    requestKey: id.key,
  };
}

export function startMoveRequest(
  queue: KnownQueue,
  options: {
    readonly taskId: Uint8Array;
    readonly destination: KnownQueue | undefined;
    readonly perSecond: number | undefined;
  },
  id: NamedRequestId,
): Request {
  const { taskId, destination, perSecond } = options;
  const about = { requestId: id.id, queueId: queue.id, taskId, perSecond };
  return {
    operation: {
      kind: "start-move",
      queue: queue.name,
      ...(destination === undefined ? {} : { destination: destination.name }),
      ...(perSecond === undefined ? {} : { perSecond }),
    },
    request: commandOf((writer) => {
      encodeStartMove(writer, { ...about, destination: destination?.id });
    }),
    requestKey: id.key,
  };
}

export function cancelMoveRequest(
  queue: KnownQueue,
  taskId: Uint8Array,
  id: NamedRequestId,
): Request {
  return {
    operation: { kind: "cancel-move", queue: queue.name },
    request: commandOf((writer) => {
      encodeCancelMove(writer, { requestId: id.id, queueId: queue.id, taskId });
    }),
    requestKey: id.key,
  };
}

export function describeRequest(queue: KnownQueue): Request {
  return {
    operation: { kind: "describe", queue: queue.name },
    request: { kind: "describe", queueId: queue.id },
  };
}

export function findRequest(name: string): Request {
  return { operation: { kind: "find", queue: name }, request: { kind: "find", name } };
}

export function listRequest(prefix: string): Request {
  return {
    operation: { kind: "list", prefix },
    request: { kind: "list", prefix, after: "", limit: 1_000 },
  };
}

/** A session, in which a client counts its requests. */
export function sessionRequest(id: NamedRequestId): Request {
  return {
    operation: { kind: "open-session" },
    request: commandOf((writer) => encodeOpenSession(writer, { requestId: id.id })),
    requestKey: id.key,
  };
}

/** What a queue is created with. */
export interface NewQueue {
  /** In the catalogue. */
  readonly name: string;
  /** What its clients call it; absent: the same. */
  readonly label?: string;
  readonly attributes: QueueAttributes;
  /** The name of the queue that its dead letters go to. */
  readonly deadLetterQueue?: string | undefined;
}

/** The steps of creating a queue, each of which may be made again: take the name, make the queue, open the name. */
export function reserveStep(queue: NewQueue, id: NamedRequestId): Request {
  const about = { ...queue, extra: new Map(), tags: new Map() };
  return {
    operation: createOperation(queue),
    request: commandOf((writer) =>
      encodeReserveQueue(writer, { requestId: id.id, group: GROUP, ...about }),
    ),
    requestKey: id.key,
  };
}

export function createStep(
  queue: NewQueue & { readonly id: QueueId; readonly placement: number },
  id: NamedRequestId,
): Request {
  const { name, attributes, placement } = queue;
  const about = { name, attributes, placement, extra: new Map(), tags: new Map() };
  return {
    operation: createOperation(queue),
    request: commandOf((writer) =>
      encodeCreateQueue(writer, { requestId: id.id, queueId: queue.id, ...about }),
    ),
    requestKey: id.key,
  };
}

export function confirmStep(
  queue: NewQueue & { readonly id: QueueId },
  id: NamedRequestId,
): Request {
  return {
    operation: createOperation(queue),
    request: commandOf((writer) =>
      encodeConfirmQueue(writer, { requestId: id.id, queueId: queue.id }),
    ),
    requestKey: id.key,
  };
}

/** The steps of deleting a queue, in order. */
export function deleteSteps(queue: KnownQueue, ids: () => NamedRequestId): Request[] {
  return [encodeMarkDeleting, encodeDeleteQueue, encodeForgetQueue].map((encode) => {
    const id = ids();
    return {
      operation: { kind: "delete", queue: queue.name },
      request: commandOf((writer) => encode(writer, { requestId: id.id, queueId: queue.id })),
      requestKey: id.key,
    };
  });
}

function createOperation(queue: NewQueue): Operation {
  return {
    kind: "create",
    queue: queue.label ?? queue.name,
    attributes: attributeValues(queue.attributes),
    deadLetterQueue: queue.deadLetterQueue,
  };
}

/** The test node's methods: decode, ask the broker, encode. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type QueueAttributes as AttributesMessage,
  CancelMoveTaskRequestSchema,
  CancelMoveTaskResponseSchema,
  CreateQueueRequestSchema,
  CreateQueueResponseSchema,
  DeleteQueueRequestSchema,
  DeleteQueueResponseSchema,
  DescribeQueueRequestSchema,
  DescribeQueueResponseSchema,
  decodeExtendRequest,
  decodeReceiveRequest,
  decodeReleaseRequest,
  decodeSendRequest,
  decodeTombstoneRequest,
  encodeReceiptResponse,
  encodeReceiveResponse,
  encodeSendResponse,
  type Frame,
  type HotNewMessage,
  type HotReceiptResult,
  KQueueyError,
  ListMoveTasksRequestSchema,
  ListMoveTasksResponseSchema,
  ListQueuesRequestSchema,
  ListQueuesResponseSchema,
  type MethodName,
  type MoveTaskSchema,
  type PackedBodies,
  PurgeQueueRequestSchema,
  PurgeQueueResponseSchema,
  SetQueueAttributesRequestSchema,
  SetQueueAttributesResponseSchema,
  StartMoveTaskRequestSchema,
  StartMoveTaskResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
  type WireWriter,
} from "@kqueuey/contract";
import type { Timers } from "../transport.ts";
import type { ClusterStatus, NewQueueAttributes } from "../types.ts";
import type { TestBroker, TestMove } from "./test-broker.ts";
import type { TestQueue } from "./test-queue.ts";

/** What serving needs. */
export interface ServeParts {
  readonly broker: TestBroker;
  readonly timers: Timers;
  status(): ClusterStatus;
}

/** A decoded request: whose it is, and how to run it. `run` gives the function that cancels it. */
export interface Served {
  readonly head: { readonly queue: string; readonly requestId: string };
  run(): () => void;
}

type Answer = (write: (writer: WireWriter) => void) => void;

/** Decodes the request in `frame`. Throws MALFORMED_REQUEST. */
export function serve(method: MethodName, frame: Frame, parts: ServeParts, answer: Answer): Served {
  switch (method) {
    case "send":
      return serveSend(frame, parts, answer);
    case "receive":
      return serveReceive(frame, parts, answer);
    case "tombstone":
    case "extend":
    case "release":
      return serveReceipts(method, frame, parts, answer);
    case "clusterStatus":
      return serveStatus(frame, parts, answer);
    case "createQueue":
    case "describeQueue":
    case "listQueues":
    case "setQueueAttributes":
    case "deleteQueue":
    case "purgeQueue":
      return serveAdmin(method, frame, parts, answer);
    case "startMoveTask":
    case "listMoveTasks":
    case "cancelMoveTask":
      return serveMoves(method, frame, parts, answer);
  }
}

function serveSend(frame: Frame, { broker }: ServeParts, answer: Answer): Served {
  const request = decodeSendRequest(frame.bytes, frame.payloadStart);
  return at(request, () => {
    const { queue, packed, omitSuccesses, requestId } = request;
    const messages = packed === undefined ? request.messages : unpackBodies(packed);
    const results = broker.once(`send ${queue}`, requestId, () => broker.send(queue, messages));
    answer((writer) => encodeSendResponse(writer, results, omitSuccesses));
  });
}

function unpackBodies({ bytes, lengths }: PackedBodies): HotNewMessage[] {
  let from = 0;
  return Array.from(lengths, (length) => {
    const body = bytes.subarray(from, from + length);
    from += length;
    return { body, attributes: [] };
  });
}

function serveReceive(frame: Frame, { broker, timers }: ServeParts, answer: Answer): Served {
  const request = decodeReceiveRequest(frame.bytes, frame.payloadStart);
  const { queue, requestId } = request;
  return {
    head: { queue, requestId },
    run: () => {
      // One grant for each request id: a repeated receive is answered with what it still holds.
      const grant = broker.once(`receive ${queue}`, requestId, () => ({ handles: [] as string[] }));
      const held = broker.queue(queue).stillHeld(grant.handles, timers.nowMs());
      if (held.length > 0) {
        answer((writer) => encodeReceiveResponse(writer, held));
        return nothing;
      }
      return broker.receive(queue, request, (messages) => {
        grant.handles = messages.map(({ receiptHandle }) => receiptHandle);
        answer((writer) => encodeReceiveResponse(writer, messages));
      });
    },
  };
}

function serveReceipts(
  method: "tombstone" | "extend" | "release",
  frame: Frame,
  { broker, timers }: ServeParts,
  answer: Answer,
): Served {
  const { bytes, payloadStart } = frame;
  const finish = (
    request: { queue: string; requestId: string; omitSuccesses: boolean },
    act: (queue: TestQueue) => HotReceiptResult[],
  ): Served =>
    at(request, () => {
      const { queue, requestId, omitSuccesses } = request;
      const results = broker.once(`${method} ${queue}`, requestId, () => act(broker.queue(queue)));
      broker.wake();
      answer((writer) => encodeReceiptResponse(writer, results, omitSuccesses));
    });
  const nowMs = timers.nowMs();
  switch (method) {
    case "tombstone": {
      const request = decodeTombstoneRequest(bytes, payloadStart);
      return finish(request, (queue) =>
        request.receiptHandles.map((handle) => queue.tombstone(handle, nowMs)),
      );
    }
    case "extend": {
      const request = decodeExtendRequest(bytes, payloadStart);
      return finish(request, (queue) =>
        request.entries.map(({ receiptHandle, visibilityTimeoutMs: ms }) => {
          if (ms !== undefined) return queue.extend(receiptHandle, ms, nowMs);
          const text = "visibilityTimeoutMs is missing";
          return { ok: false, error: new KQueueyError("INVALID_ARGUMENT", text) };
        }),
      );
    }
    case "release": {
      const request = decodeReleaseRequest(bytes, payloadStart);
      return finish(request, (queue) =>
        request.entries.map(({ receiptHandle, delayMs }) =>
          queue.release(receiptHandle, delayMs, nowMs),
        ),
      );
    }
  }
}

function serveAdmin(
  method: Exclude<
    MethodName,
    "send" | "receive" | "tombstone" | "extend" | "release" | "clusterStatus" | MoveMethod
  >,
  frame: Frame,
  parts: ServeParts,
  answer: Answer,
): Served {
  const { broker, timers } = parts;
  switch (method) {
    case "createQueue": {
      const request = read(CreateQueueRequestSchema, frame);
      return at(request, () => {
        const { queue, requestId, attributes, tags } = request;
        const created = broker.once(`create ${queue}`, requestId, () =>
          broker.create(queue, attributesOf(attributes), tags),
        );
        write(answer, CreateQueueResponseSchema, { created });
      });
    }
    case "describeQueue":
      return serveDescribe(frame, parts, answer);
    case "listQueues": {
      const { prefix, after, limit } = read(ListQueuesRequestSchema, frame);
      return at({ queue: "", requestId: "" }, () => {
        const names = broker.names().filter((name) => name.startsWith(prefix) && name > after);
        const queues = names.slice(0, limit === 0 ? 1_000 : limit);
        const last = queues.at(-1);
        const more = queues.length < names.length && last !== undefined;
        write(answer, ListQueuesResponseSchema, more ? { queues, nextAfter: last } : { queues });
      });
    }
    case "setQueueAttributes": {
      const request = read(SetQueueAttributesRequestSchema, frame);
      return at(request, () => {
        const queue = broker.queue(request.queue);
        queue.attributes = { ...queue.attributes, ...attributesOf(request.attributes) };
        if (request.removeDeadLetter) {
          queue.attributes = { ...queue.attributes, deadLetter: undefined };
        }
        queue.modifiedAtMs = timers.nowMs();
        write(answer, SetQueueAttributesResponseSchema, {});
      });
    }
    case "deleteQueue": {
      const request = read(DeleteQueueRequestSchema, frame);
      return at(request, () => {
        const { queue, requestId } = request;
        broker.once(`delete ${queue}`, requestId, () => broker.delete(queue));
        write(answer, DeleteQueueResponseSchema, {});
      });
    }
    case "purgeQueue": {
      const request = read(PurgeQueueRequestSchema, frame);
      return at(request, () => {
        const { queue, requestId } = request;
        broker.once(`purge ${queue}`, requestId, () => broker.queue(queue).purge());
        write(answer, PurgeQueueResponseSchema, {});
      });
    }
  }
}

type MoveMethod = "startMoveTask" | "listMoveTasks" | "cancelMoveTask";

/** Tasks of this broker are remembered and move nothing. */
function serveMoves(
  method: MoveMethod,
  frame: Frame,
  { broker, timers }: ServeParts,
  answer: Answer,
): Served {
  switch (method) {
    case "startMoveTask": {
      const request = read(StartMoveTaskRequestSchema, frame);
      return at(request, () => {
        const { queue, destination, messagesPerSecond, requestId } = request;
        const { available: toMove } = broker.queue(queue).counts(timers.nowMs());
        const where = { queue, destination, messagesPerSecond };
        const begun = { ...where, toMove, startedAtMs: timers.nowMs() };
        const taskId = broker.once(`move ${queue}`, requestId, () => broker.startMove(begun));
        write(answer, StartMoveTaskResponseSchema, { taskId });
      });
    }
    case "listMoveTasks": {
      const { queue } = read(ListMoveTasksRequestSchema, frame);
      return at({ queue, requestId: "" }, () => {
        const tasks = broker.movesOf(queue).map(moveTaskMessage);
        write(answer, ListMoveTasksResponseSchema, { tasks });
      });
    }
    case "cancelMoveTask": {
      const request = read(CancelMoveTaskRequestSchema, frame);
      return at(request, () => {
        broker.cancelMove(request.queue, request.taskId);
        write(answer, CancelMoveTaskResponseSchema, { moved: 0n });
      });
    }
  }
}

function moveTaskMessage(task: TestMove): MessageInitShape<typeof MoveTaskSchema> {
  const { taskId, status, destination, messagesPerSecond } = task;
  return {
    taskId,
    status,
    ...(destination === undefined ? {} : { destination }),
    ...(messagesPerSecond === undefined ? {} : { messagesPerSecond }),
    toMove: BigInt(task.toMove),
    startedAtMs: BigInt(Math.floor(task.startedAtMs)),
  };
}

function serveDescribe(frame: Frame, { broker, timers }: ServeParts, answer: Answer): Served {
  const request = read(DescribeQueueRequestSchema, frame);
  return at({ ...request, requestId: "" }, () => {
    const queue = broker.queue(request.queue);
    const { deadLetter, ...numbers } = queue.attributes;
    write(answer, DescribeQueueResponseSchema, {
      queue: queue.name,
      attributes: deadLetter === undefined ? numbers : { ...numbers, deadLetter },
      tags: { ...queue.tags },
      ...queue.counts(timers.nowMs()),
      createdAtMs: BigInt(Math.floor(queue.createdAtMs)),
      modifiedAtMs: BigInt(Math.floor(queue.modifiedAtMs)),
    });
  });
}

function serveStatus(frame: Frame, parts: ServeParts, answer: Answer): Served {
  read(StatusRequestSchema, frame);
  return at({ queue: "", requestId: "" }, () => {
    const { clusterId, leader, term, nodes } = parts.status();
    write(answer, StatusResponseSchema, {
      clusterId,
      ...(leader === undefined ? {} : { leader }),
      term: BigInt(term),
      nodes: nodes.map((node) => ({ ...node, appliedIndex: BigInt(node.appliedIndex) })),
    });
  });
}

function at(head: { readonly queue: string; readonly requestId: string }, act: () => void): Served {
  const { queue, requestId } = head;
  return {
    head: { queue, requestId },
    run: () => {
      act();
      return nothing;
    },
  };
}

function read<Desc extends DescMessage>(schema: Desc, frame: Frame): MessageShape<Desc> {
  try {
    return fromBinary(schema, frame.bytes.subarray(frame.payloadStart));
  } catch (cause) {
    throw new KQueueyError("MALFORMED_REQUEST", "malformed protobuf message", { cause });
  }
}

function write<Desc extends DescMessage>(
  answer: Answer,
  schema: Desc,
  init: MessageInitShape<Desc>,
): void {
  const bytes = toBinary(schema, create(schema, init));
  answer((writer) => writer.raw(bytes));
}

/** Only what is present. */
function attributesOf(message: AttributesMessage | undefined): NewQueueAttributes {
  if (message === undefined) return {};
  const { visibilityTimeoutMs, delayMs, retentionMs, maximumMessageBytes, receiveWaitMs } = message;
  const { deadLetter } = message;
  return {
    ...(visibilityTimeoutMs === undefined ? {} : { visibilityTimeoutMs }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(maximumMessageBytes === undefined ? {} : { maximumMessageBytes }),
    ...(receiveWaitMs === undefined ? {} : { receiveWaitMs }),
    ...(deadLetter === undefined
      ? {}
      : { deadLetter: { queue: deadLetter.queue, maximumReceives: deadLetter.maximumReceives } }),
  };
}

function nothing(): void {}

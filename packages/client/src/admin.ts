/** Administration: queues and the cluster. These calls are rare; the schema's own codec serves them. */
import {
  create,
  type DescMessage,
  fromBinary,
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
  type Fairness as FairnessMessage,
  type FifoAttributes as FifoMessage,
  KQueueyError,
  ListMoveTasksRequestSchema,
  ListMoveTasksResponseSchema,
  ListQueuesRequestSchema,
  ListQueuesResponseSchema,
  METHOD,
  type MethodName,
  type MoveTask as MoveTaskMessage,
  PurgeQueueRequestSchema,
  PurgeQueueResponseSchema,
  QUEUE_ATTRIBUTE_DEFAULTS,
  QueueAttributesSchema,
  SetQueueAttributesRequestSchema,
  SetQueueAttributesResponseSchema,
  StartMoveTaskRequestSchema,
  StartMoveTaskResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from "@kqueuey/contract";
import type { Caller } from "./caller.ts";
import type { RequestIds } from "./request-ids.ts";
import type {
  CallOptions,
  ClusterStatus,
  CreateQueueOptions,
  Fairness,
  FifoAttributes,
  ListQueuesOptions,
  MoveTask,
  MoveTaskStatus,
  NewQueueAttributes,
  QueueAttributeChanges,
  QueueAttributes,
  QueueDescription,
  QueuePage,
  StartMoveTaskOptions,
} from "./types.ts";

interface Exchange<Q extends DescMessage, A extends DescMessage> {
  readonly method: MethodName;
  readonly queue: string;
  readonly mutates: boolean;
  readonly request: readonly [Q, MessageShape<Q>];
  readonly response: A;
}

/** The calls that are not about messages. */
export class Admin {
  readonly #caller: Caller;
  readonly #ids: RequestIds;

  constructor(caller: Caller, ids: RequestIds) {
    this.#caller = caller;
    this.#ids = ids;
  }

  async createQueue(queue: string, options: CreateQueueOptions): Promise<{ created: boolean }> {
    const request = create(CreateQueueRequestSchema, {
      queue,
      attributes: attributesMessage(options.attributes ?? {}),
      tags: { ...options.tags },
      requestId: this.#ids.next(),
    });
    const { created } = await this.#exchange(
      {
        method: "createQueue",
        queue,
        mutates: true,
        request: [CreateQueueRequestSchema, request],
        response: CreateQueueResponseSchema,
      },
      options,
    );
    return { created };
  }

  async describeQueue(queue: string, options: CallOptions): Promise<QueueDescription> {
    const answer = await this.#exchange(
      {
        method: "describeQueue",
        queue,
        mutates: false,
        request: [DescribeQueueRequestSchema, create(DescribeQueueRequestSchema, { queue })],
        response: DescribeQueueResponseSchema,
      },
      options,
    );
    return {
      name: answer.queue,
      attributes: attributesOf(answer.attributes),
      tags: { ...answer.tags },
      available: answer.available,
      inFlight: answer.inFlight,
      delayed: answer.delayed,
      createdAtMs: Number(answer.createdAtMs),
      noisyGroups: answer.noisyGroups,
      availableQuiet: answer.availableQuiet,
      modifiedAtMs: Number(answer.modifiedAtMs),
    };
  }

  async listQueues(options: ListQueuesOptions): Promise<QueuePage> {
    const { prefix = "", after = "", limit = 0 } = options;
    const request = create(ListQueuesRequestSchema, { prefix, after, limit });
    const { queues, nextAfter } = await this.#exchange(
      {
        method: "listQueues",
        queue: "",
        mutates: false,
        request: [ListQueuesRequestSchema, request],
        response: ListQueuesResponseSchema,
      },
      options,
    );
    return { queues, nextAfter };
  }

  async setQueueAttributes(
    queue: string,
    changes: QueueAttributeChanges,
    options: CallOptions,
  ): Promise<void> {
    const { deadLetter, ...rest } = changes;
    const set = deadLetter === undefined || deadLetter === null ? rest : { ...rest, deadLetter };
    const request = create(SetQueueAttributesRequestSchema, {
      queue,
      attributes: attributesMessage(set),
      removeDeadLetter: deadLetter === null,
      requestId: this.#ids.next(),
    });
    await this.#exchange(
      {
        method: "setQueueAttributes",
        queue,
        mutates: true,
        request: [SetQueueAttributesRequestSchema, request],
        response: SetQueueAttributesResponseSchema,
      },
      options,
    );
  }

  async deleteQueue(queue: string, options: CallOptions): Promise<void> {
    const request = create(DeleteQueueRequestSchema, { queue, requestId: this.#ids.next() });
    await this.#exchange(
      {
        method: "deleteQueue",
        queue,
        mutates: true,
        request: [DeleteQueueRequestSchema, request],
        response: DeleteQueueResponseSchema,
      },
      options,
    );
  }

  async purgeQueue(queue: string, options: CallOptions): Promise<void> {
    const request = create(PurgeQueueRequestSchema, { queue, requestId: this.#ids.next() });
    await this.#exchange(
      {
        method: "purgeQueue",
        queue,
        mutates: true,
        request: [PurgeQueueRequestSchema, request],
        response: PurgeQueueResponseSchema,
      },
      options,
    );
  }

  async startMoveTask(queue: string, options: StartMoveTaskOptions): Promise<{ taskId: string }> {
    const { destination, messagesPerSecond } = options;
    const request = create(StartMoveTaskRequestSchema, {
      queue,
      ...(destination === undefined ? {} : { destination }),
      ...(messagesPerSecond === undefined ? {} : { messagesPerSecond }),
      requestId: this.#ids.next(),
    });
    const { taskId } = await this.#exchange(
      {
        method: "startMoveTask",
        queue,
        mutates: true,
        request: [StartMoveTaskRequestSchema, request],
        response: StartMoveTaskResponseSchema,
      },
      options,
    );
    return { taskId };
  }

  async listMoveTasks(queue: string, options: CallOptions): Promise<readonly MoveTask[]> {
    const { tasks } = await this.#exchange(
      {
        method: "listMoveTasks",
        queue,
        mutates: false,
        request: [ListMoveTasksRequestSchema, create(ListMoveTasksRequestSchema, { queue })],
        response: ListMoveTasksResponseSchema,
      },
      options,
    );
    return tasks.map(moveTaskOf);
  }

  async cancelMoveTask(
    queue: string,
    taskId: string,
    options: CallOptions,
  ): Promise<{ moved: number }> {
    const requestId = this.#ids.next();
    const request = create(CancelMoveTaskRequestSchema, { queue, taskId, requestId });
    const { moved } = await this.#exchange(
      {
        method: "cancelMoveTask",
        queue,
        mutates: true,
        request: [CancelMoveTaskRequestSchema, request],
        response: CancelMoveTaskResponseSchema,
      },
      options,
    );
    return { moved: Number(moved) };
  }

  async clusterStatus(options: CallOptions): Promise<ClusterStatus> {
    const answer = await this.#exchange(
      {
        method: "clusterStatus",
        queue: "",
        mutates: false,
        request: [StatusRequestSchema, create(StatusRequestSchema)],
        response: StatusResponseSchema,
      },
      options,
    );
    return {
      clusterId: answer.clusterId,
      leader: answer.leader,
      term: Number(answer.term),
      nodes: answer.nodes.map((node) => ({
        id: node.id,
        role: node.role,
        clientUrl: node.clientUrl,
        peerAddress: node.peerAddress,
        appliedIndex: Number(node.appliedIndex),
        healthy: node.healthy,
      })),
    };
  }

  #exchange<Q extends DescMessage, A extends DescMessage>(
    exchange: Exchange<Q, A>,
    options: CallOptions,
  ): Promise<MessageShape<A>> {
    const { method, queue, mutates, request, response } = exchange;
    const payload = toBinary(...request);
    return this.#caller.call(
      {
        method: METHOD[method],
        queue,
        mutates,
        waits: false,
        write: (writer) => writer.raw(payload),
        read: (bytes, start) => fromBinary(response, bytes.subarray(start)),
      },
      options,
    );
  }
}

const MOVE_TASK_STATUSES: readonly MoveTaskStatus[] = [
  "running",
  "completed",
  "cancelled",
  "failed",
];

function moveTaskOf(message: MoveTaskMessage): MoveTask {
  const { taskId, failure, destination, messagesPerSecond } = message;
  return {
    taskId,
    // A word of a later version is at least not this one's "running".
    status: MOVE_TASK_STATUSES.find((status) => status === message.status) ?? "failed",
    failure: failure === "" ? undefined : failure,
    destination,
    messagesPerSecond,
    moved: Number(message.moved),
    toMove: Number(message.toMove),
    startedAtMs: Number(message.startedAtMs),
  };
}

function attributesMessage(attributes: NewQueueAttributes): AttributesMessage {
  // The schema's codec refuses such numbers too, but does not say which attribute it was.
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value !== "number") continue;
    if (Number.isSafeInteger(value) && value >= 0 && value <= 0xffff_ffff) continue;
    throw new KQueueyError("INVALID_ATTRIBUTE", `${name} is ${value}; it must be a whole number`);
  }
  const { deadLetter, fifo, fairness, ...numbers } = attributes;
  return create(QueueAttributesSchema, {
    ...numbers,
    ...(deadLetter === undefined ? {} : { deadLetter }),
    ...(fifo === undefined ? {} : { fifo }),
    ...(fairness === undefined ? {} : { fairness }),
  });
}

function fifoOf(message: FifoMessage): FifoAttributes {
  const { contentBasedDeduplication } = message;
  const isNarrow = message.deduplicationScope === "messageGroup";
  return { deduplicationScope: isNarrow ? "messageGroup" : "queue", contentBasedDeduplication };
}

function fairnessOf(message: FairnessMessage | undefined): Fairness | undefined {
  if (message === undefined) return undefined;
  const { inFlightMin, inFlightPercent } = message;
  return { inFlightMin, inFlightPercent };
}

function attributesOf(message: AttributesMessage | undefined): QueueAttributes {
  const defaults = QUEUE_ATTRIBUTE_DEFAULTS;
  const deadLetter = message?.deadLetter;
  return {
    visibilityTimeoutMs: message?.visibilityTimeoutMs ?? defaults.visibilityTimeoutMs,
    delayMs: message?.delayMs ?? defaults.delayMs,
    retentionMs: message?.retentionMs ?? defaults.retentionMs,
    maximumMessageBytes: message?.maximumMessageBytes ?? defaults.maximumMessageBytes,
    receiveWaitMs: message?.receiveWaitMs ?? defaults.receiveWaitMs,
    deadLetter:
      deadLetter === undefined
        ? undefined
        : { queue: deadLetter.queue, maximumReceives: deadLetter.maximumReceives },
    fifo: message?.fifo === undefined ? undefined : fifoOf(message.fifo),
    fairness: fairnessOf(message?.fairness),
  };
}

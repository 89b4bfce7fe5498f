/**
 * The calls that are not hot (queues and the cluster), on the schema's messages: both carriers use
 * them as they are.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  CancelMoveTaskRequest,
  CancelMoveTaskResponseSchema,
  CreateQueueRequest,
  CreateQueueResponseSchema,
  DeleteQueueRequest,
  DeleteQueueResponseSchema,
  DescribeQueueRequest,
  DescribeQueueResponseSchema,
  ListMoveTasksRequest,
  ListMoveTasksResponseSchema,
  ListQueuesRequest,
  ListQueuesResponseSchema,
  PurgeQueueRequest,
  PurgeQueueResponseSchema,
  SetQueueAttributesRequest,
  SetQueueAttributesResponseSchema,
  StartMoveTaskRequest,
  StartMoveTaskResponseSchema,
  StatusRequest,
  StatusResponseSchema,
} from "@kqueuey/contract";
import type { Broker } from "../../broker.ts";
import type { Caller } from "./calls.ts";
import {
  contextFor,
  createQueue,
  describeQueue,
  listQueues,
  setQueueAttributes,
  startMoveTask,
} from "./calls.ts";
import {
  fromCreateQueueRequest,
  fromSetQueueAttributesRequest,
  toDescribeQueueResponse,
  toMoveTask,
  toStatusResponse,
} from "./translate.ts";

/** One function a method: the schema's request in, what makes the schema's response out. */
export interface Administration {
  createQueue(
    caller: Caller,
    request: CreateQueueRequest,
  ): Promise<MessageInitShape<typeof CreateQueueResponseSchema>>;
  describeQueue(
    caller: Caller,
    request: DescribeQueueRequest,
  ): Promise<MessageInitShape<typeof DescribeQueueResponseSchema>>;
  listQueues(
    caller: Caller,
    request: ListQueuesRequest,
  ): Promise<MessageInitShape<typeof ListQueuesResponseSchema>>;
  setQueueAttributes(
    caller: Caller,
    request: SetQueueAttributesRequest,
  ): Promise<MessageInitShape<typeof SetQueueAttributesResponseSchema>>;
  deleteQueue(
    caller: Caller,
    request: DeleteQueueRequest,
  ): Promise<MessageInitShape<typeof DeleteQueueResponseSchema>>;
  purgeQueue(
    caller: Caller,
    request: PurgeQueueRequest,
  ): Promise<MessageInitShape<typeof PurgeQueueResponseSchema>>;
  startMoveTask(
    caller: Caller,
    request: StartMoveTaskRequest,
  ): Promise<MessageInitShape<typeof StartMoveTaskResponseSchema>>;
  listMoveTasks(
    caller: Caller,
    request: ListMoveTasksRequest,
  ): Promise<MessageInitShape<typeof ListMoveTasksResponseSchema>>;
  cancelMoveTask(
    caller: Caller,
    request: CancelMoveTaskRequest,
  ): Promise<MessageInitShape<typeof CancelMoveTaskResponseSchema>>;
  clusterStatus(
    caller: Caller,
    request: StatusRequest,
  ): Promise<MessageInitShape<typeof StatusResponseSchema>>;
}

/** Administration through `broker`. */
export function createAdministration(broker: Broker): Administration {
  return {
    async createQueue(caller, request) {
      return createQueue(broker, caller, fromCreateQueueRequest(request));
    },
    async describeQueue(caller, request) {
      return toDescribeQueueResponse(await describeQueue(broker, caller, request.queue));
    },
    async listQueues(caller, request) {
      const { queues, nextAfter } = await listQueues(broker, caller, request);
      return { queues: [...queues], ...(nextAfter === undefined ? {} : { nextAfter }) };
    },
    async setQueueAttributes(caller, request) {
      await setQueueAttributes(broker, caller, fromSetQueueAttributesRequest(request));
      return {};
    },
    async deleteQueue(caller, request) {
      const { queue, requestId } = request;
      await broker.deleteQueue(contextFor(caller, queue, requestId), queue);
      return {};
    },
    async purgeQueue(caller, request) {
      const { queue, requestId } = request;
      await broker.purgeQueue(contextFor(caller, queue, requestId), queue);
      return {};
    },
    async startMoveTask(caller, request) {
      return startMoveTask(broker, caller, request);
    },
    async listMoveTasks(caller, { queue }) {
      const tasks = await broker.listMoveTasks(contextFor(caller, queue, ""), queue);
      return { tasks: tasks.map(toMoveTask) };
    },
    async cancelMoveTask(caller, { queue, taskId, requestId }) {
      const context = contextFor(caller, queue, requestId);
      const { moved } = await broker.cancelMoveTask(context, queue, taskId);
      return { moved: BigInt(moved) };
    },
    async clusterStatus(caller) {
      const { principal, signal } = caller;
      return toStatusResponse(await broker.clusterStatus({ principal, signal }));
    },
  };
}

/** A right request of every method of the native API, as a JSON value: the schema makes the other forms of it. */
import { type DescMessage, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import {
  CancelMoveTaskRequestSchema,
  CreateQueueRequestSchema,
  DeleteQueueRequestSchema,
  DescribeQueueRequestSchema,
  ExtendRequestSchema,
  ListMoveTasksRequestSchema,
  ListQueuesRequestSchema,
  METHOD,
  type Method,
  PurgeQueueRequestSchema,
  ReceiveRequestSchema,
  ReleaseRequestSchema,
  SendRequestSchema,
  SetQueueAttributesRequestSchema,
  StartMoveTaskRequestSchema,
  StatusRequestSchema,
  TombstoneRequestSchema,
} from "@kqueuey/contract";

export interface RpcSample {
  readonly method: Method;
  /** `QueueService/Send` and the like. */
  readonly path: string;
  readonly schema: DescMessage;
  readonly body: JsonObject;
  /** `body` in the schema's binary form. */
  readonly binary: Uint8Array;
}

/** `receipts` are of leases of messages in `queue`; at least one. */
export function rpcSamples(queue: string, receipts: readonly string[]): readonly RpcSample[] {
  return [...messageSamples(queue, receipts), ...queueSamples(queue)];
}

const requestId = "4f7c8e1a-7f7b-4c0e-9d53-111111111111";

function messageSamples(queue: string, receipts: readonly string[]): readonly RpcSample[] {
  const [receiptHandle = ""] = receipts;
  const messages = [
    { text: "a body", delayMs: 5, attributes: [{ name: "colour", type: "String", text: "green" }] },
    { data: "AAECAwQ=", traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793" },
  ];
  const lease = { maxMessages: 2, visibilityTimeoutMs: 1_000, waitMs: 0, maxBytes: 100_000 };
  const extensions = [{ receiptHandle, visibilityTimeoutMs: 20_000 }];
  return [
    sample("send", SendRequestSchema, { queue, messages, omitSuccesses: false, requestId }),
    sample("send", SendRequestSchema, { queue, messages: [{ text: "x" }] }),
    sample("receive", ReceiveRequestSchema, { queue, ...lease, bodiesAsData: true, requestId }),
    sample("tombstone", TombstoneRequestSchema, { queue, receiptHandles: [...receipts] }),
    sample("extend", ExtendRequestSchema, { queue, entries: extensions, requestId }),
    sample("release", ReleaseRequestSchema, { queue, entries: [{ receiptHandle, delayMs: 10 }] }),
  ];
}

function queueSamples(queue: string): readonly RpcSample[] {
  const attributes = {
    visibilityTimeoutMs: 30_000,
    delayMs: 0,
    retentionMs: 86_400_000,
    maximumMessageBytes: 262_144,
    receiveWaitMs: 0,
    deadLetter: { queue: "dead", maximumReceives: 5 },
  };
  const { deadLetter, ...plain } = attributes;
  const tags = { team: "a" };
  const changes = { attributes: { deadLetter, delayMs: 1 }, removeDeadLetter: false };
  return [
    sample("createQueue", CreateQueueRequestSchema, { queue: "dead", attributes: plain, tags }),
    sample("describeQueue", DescribeQueueRequestSchema, { queue }),
    sample("listQueues", ListQueuesRequestSchema, { prefix: "o", after: "", limit: 10 }),
    sample("setQueueAttributes", SetQueueAttributesRequestSchema, { queue, ...changes }),
    sample("deleteQueue", DeleteQueueRequestSchema, { queue: "unknown", requestId }),
    sample("purgeQueue", PurgeQueueRequestSchema, { queue, requestId }),
    sample("startMoveTask", StartMoveTaskRequestSchema, {
      queue,
      destination: "dead",
      messagesPerSecond: 5,
      requestId,
    }),
    sample("listMoveTasks", ListMoveTasksRequestSchema, { queue }),
    sample("cancelMoveTask", CancelMoveTaskRequestSchema, {
      queue,
      taskId: "dc16c0b4-c0a2-4a51-8ba4-4a1b4dc9a4b3",
      requestId,
    }),
    sample("clusterStatus", StatusRequestSchema, {}),
  ];
}

function sample(name: keyof typeof METHOD, schema: DescMessage, body: JsonObject): RpcSample {
  const named = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
  const path = name === "clusterStatus" ? "ClusterService/Status" : `QueueService/${named}`;
  const binary = toBinary(schema, fromJson(schema, body));
  return { method: METHOD[name], path, schema, body, binary };
}

/** The KQueuey client: queues, batches, workers. */
export type { ErrorCode, ErrorDetails } from "@kqueuey/contract";
export { KQueueyError } from "@kqueuey/contract";
export { createClient } from "./client.ts";
export type { SocketEvents, StreamSocket, Timers, Transport } from "./transport.ts";
export type {
  AttributeValue,
  BatchOptions,
  CallOptions,
  Client,
  ClientOptions,
  ClusterStatus,
  CreateQueueOptions,
  DeadLetterPolicy,
  Handler,
  HandlerContext,
  ListQueuesOptions,
  Message,
  MessagesOptions,
  NewMessage,
  NewQueueAttributes,
  NodeStatus,
  Queue,
  QueueAttributeChanges,
  QueueAttributes,
  QueueDescription,
  QueuePage,
  Receipt,
  ReceiptOutcome,
  ReceiveOptions,
  SendBatchOptions,
  SendBatchResult,
  SendFailure,
  Sent,
  Worker,
  WorkerStats,
  WorkOptions,
} from "./types.ts";

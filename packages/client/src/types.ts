/** The public types. Times are in ms, sizes in bytes; every call throws `KQueueyError` and nothing else. */
import type { KQueueyError } from "@kqueuey/contract";
import type { Transport } from "./transport.ts";

/** What every call takes. */
export interface CallOptions {
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take, retries included; the client's `timeoutMs` by default. */
  readonly timeoutMs?: number | undefined;
}

/** How sends are gathered into batches. */
export interface BatchOptions {
  /** Messages in a batch: 1 to 1,000; 1,000 by default. */
  readonly maxMessages?: number;
  /** Body bytes in a batch: up to 4 MiB; 1 MiB by default. */
  readonly maxBytes?: number;
  /** How long a batch that is not full waits while others are under way; 2 by default. */
  readonly lingerMs?: number;
  /** Batches of one queue under way at a time: 1 to 64; 4 by default. */
  readonly maxInFlight?: number;
  /** Body bytes of one queue that may wait to be sent; past it `send` is refused with THROTTLED. 64 MiB by default. */
  readonly maxPendingBytes?: number;
}

export interface ClientOptions {
  /** Client addresses of some nodes: `http://host:9324`, `https://…` or `host:9324`. One is enough. */
  readonly endpoints: readonly string[];
  /** How long a call may take, retries included; 30,000 by default. */
  readonly timeoutMs?: number;
  /** Refuse to talk to nodes of another cluster. */
  readonly clusterId?: string;
  /** Shown in the servers' logs; "kqueuey-js" by default. */
  readonly name?: string;
  /** Whether to connect to nodes that only the cluster names: true by default; false is for a proxy. */
  readonly discover?: boolean;
  readonly batch?: BatchOptions;
  /** Calls under way at a time, receives that wait aside: 1 to 1,024; 256 by default. The others wait their turn. */
  readonly maxCallsInFlight?: number;
  /** Sockets, clock and randomness of one's own, for tests; WebSockets by default. */
  readonly transport?: Transport;
}

/** A message attribute: a text, bytes, or a value with an explicit type as Amazon SQS has them. */
export type AttributeValue =
  | string
  | Uint8Array
  | { readonly type: string; readonly value: string | Uint8Array };

/** A message to send: its body alone, or with what belongs to it. */
export type NewMessage =
  | string
  | Uint8Array
  | {
      /** At least one byte. */
      readonly body: string | Uint8Array;
      /** 0 to 900,000; the queue's delay by default. */
      readonly delayMs?: number | undefined;
      /** At most 10. */
      readonly attributes?: Readonly<Record<string, AttributeValue>> | undefined;
      readonly traceHeader?: string | undefined;
      /** 1 to 128 characters from ! to ~. FIFO queues need it: messages of one group are received in order. */
      readonly groupId?: string | undefined;
      /** FIFO queues: a message with the id of one of the last five minutes is that one, and not stored again. */
      readonly deduplicationId?: string | undefined;
    };

/** A message that was stored. */
export interface Sent {
  /** A UUID. */
  readonly messageId: string;
  /** Grows along the queue. */
  readonly sequence: number;
}

/** A message of a batch that was not stored. */
export interface SendFailure {
  /** Its place in the batch, from 0. */
  readonly index: number;
  readonly error: KQueueyError;
}

export interface SendBatchOptions extends CallOptions {
  /** Whether to answer the ids of all messages; false by default, which is faster. */
  readonly ids?: boolean;
  /** `throw` (default): any failure fails the call with the first one's error. `return`: failures are in the result. */
  readonly failures?: "throw" | "return";
}

export interface SendBatchResult {
  /** How many messages were stored. */
  readonly sent: number;
  /** Empty unless `failures: "return"`. */
  readonly failures: readonly SendFailure[];
  /** With `ids: true`: one per message in their order; undefined where the message failed. */
  readonly ids: readonly (Sent | undefined)[] | undefined;
}

export interface ReceiveOptions extends CallOptions {
  /** 1 to 1,000; 1 by default. */
  readonly maxMessages?: number;
  /** How long the messages are leased: 0 to 43,200,000; the queue's visibility timeout by default. */
  readonly visibilityTimeoutMs?: number | undefined;
  /** How long to wait for a first message: 0 to 20,000; the queue's receive wait by default. */
  readonly waitMs?: number | undefined;
  /** Ends the answer after the message with which its bodies reach this size: up to 4 MiB, which is the default. */
  readonly maxBytes?: number | undefined;
  /** FIFO queues: the same for all tries of one receive, which then get the same messages. 1 to 128 characters. */
  readonly attemptId?: string | undefined;
}

/** A received message. It is yours until its lease ends; tombstone it (`ack`) when the work is done. */
export interface Message {
  /** A UUID; stays the same over deliveries. */
  readonly id: string;
  readonly queue: string;
  readonly body: Uint8Array;
  /** The body as UTF-8; bytes that are not become U+FFFD. */
  readonly text: string;
  /** The body parsed as JSON. Throws INVALID_MESSAGE when it is none. */
  json(): unknown;
  /** Values are texts, or bytes for the type Binary. */
  readonly attributes: Readonly<Record<string, string | Uint8Array>>;
  readonly traceHeader: string | undefined;
  /** Who sent it. */
  readonly sender: string;
  /** Wall clock, ms since 1970. */
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  /** This delivery included: 1 or more. */
  readonly receiveCount: number;
  /** Grows with every lease of the queue: give it to the storage you write to, so that it can refuse an older one. */
  readonly fencingToken: number;
  /** For a dead letter: the queue it came from. */
  readonly deadLetterSource: string | undefined;
  /** Its message group, if it was sent with one. */
  readonly groupId: string | undefined;
  /** Of a FIFO queue: 20 digits, growing. */
  readonly sequenceNumber: string | undefined;
  /** Of a FIFO queue: what it was sent under, given or made of its content. */
  readonly deduplicationId: string | undefined;
  /** Names this delivery. */
  readonly receiptHandle: string;
  /** Ms until the lease ends, as far as this process knows; 0 when it is over. */
  remainingMs(): number;
  /** Deletes the message for good. True: deleted by this call. False: the lease was over, and nothing was changed. */
  ack(options?: CallOptions): Promise<boolean>;
  /** The lease then lasts this long from now. False: it was over already. */
  extend(visibilityTimeoutMs: number, options?: CallOptions): Promise<boolean>;
  /** Gives the message back, to be received again after `delayMs` (0 by default). False: the lease was over already. */
  release(options?: CallOptions & { readonly delayMs?: number }): Promise<boolean>;
}

/** What became of a receipt in a batch. */
export type ReceiptOutcome =
  /** Done. */
  | { readonly outcome: "effective" }
  /** Nothing was changed: the message was deleted before (gone), or the lease is over (stale). */
  | { readonly outcome: "gone" | "stale" }
  | { readonly outcome: "error"; readonly error: KQueueyError };

/** A message, or the receipt handle of one. */
export type Receipt = string | { readonly receiptHandle: string };

/** What a worker's handler is told besides the message. */
export interface HandlerContext {
  /**
   * Aborted shortly before the lease is lost (it could not be renewed), when `handlerTimeoutMs` is over, or
   * when the worker stops and its patience ends. The reason is a KQueueyError. Stop then: the message may become
   * someone else's.
   */
  readonly signal: AbortSignal;
}

/** Does the work of one message: returning tombstones it, throwing gives it back. */
export type Handler = (message: Message, context: HandlerContext) => Promise<void> | void;

export interface WorkOptions {
  /** Handlers that run at a time: 1 to 10,000; 10 by default. */
  readonly concurrency?: number;
  /** Messages fetched ahead of a free handler: 0 to 10,000; `concurrency` by default. */
  readonly prefetch?: number;
  /** How long a lease is, first and when renewed: 1,000 to 43,200,000; the queue's visibility timeout by default. */
  readonly visibilityTimeoutMs?: number | undefined;
  /** How long one poll waits: 0 to 20,000; 20,000 by default. */
  readonly waitMs?: number;
  /** How long a handler may run before its signal is aborted and its lease renewed no more; unlimited by default. */
  readonly handlerTimeoutMs?: number | undefined;
  /** When a message whose handler threw comes back: by default after 1 s, doubled with each delivery, up to 5 min. */
  readonly retryDelayMs?: (message: Message, error: unknown) => number;
  /** Told what a handler threw, and errors of polls, tombstones and releases. By default a process warning. */
  readonly onError?: (error: unknown, message: Message | undefined) => void;
  /** Stops the worker, as `stop` does. */
  readonly signal?: AbortSignal | undefined;
  /** How long `stop` waits for running handlers before it aborts their signals; 30,000 by default. */
  readonly stopTimeoutMs?: number;
}

/** A worker: polls, runs handlers, renews leases, tombstones, until it is stopped. */
export interface Worker extends AsyncDisposable {
  /** Polls no more, gives back what no handler began, waits for the handlers that run. Resolves when all is done. */
  stop(): Promise<void>;
  /** Resolves when the worker has stopped. Never rejects. */
  readonly finished: Promise<void>;
  stats(): WorkerStats;
}

export interface WorkerStats {
  /** Handlers that run now. */
  readonly running: number;
  /** Messages that wait for a handler. */
  readonly waiting: number;
  /** Handlers that returned, handlers that threw, leases that were lost: since the start. */
  readonly completed: number;
  readonly failed: number;
  readonly lost: number;
}

export interface MessagesOptions {
  /** Messages fetched ahead: 1 to 1,000; 10 by default. */
  readonly prefetch?: number;
  /** As a worker's. */
  readonly visibilityTimeoutMs?: number | undefined;
  /** How long one poll waits: 0 to 20,000; 20,000 by default. */
  readonly waitMs?: number;
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** One queue of a cluster. Making one asks nothing of the cluster. */
export interface Queue {
  readonly name: string;
  /** Stores one message; concurrent sends travel in batches. Resolves once a majority has it on disk. */
  send(message: NewMessage, options?: CallOptions): Promise<Sent>;
  /**
   * Stores many messages, in as many batches as needed; an async iterable is read no faster than it is sent.
   * The fastest way to send: there is no promise per message.
   */
  sendBatch(
    messages: Iterable<NewMessage> | AsyncIterable<NewMessage>,
    options?: SendBatchOptions,
  ): Promise<SendBatchResult>;
  /** Leases up to `maxMessages` messages; an empty list is not an error. */
  receive(options?: ReceiveOptions): Promise<Message[]>;
  /** Deletes deliveries for good; answers in the order of the receipts. */
  tombstone(receipts: readonly Receipt[], options?: CallOptions): Promise<ReceiptOutcome[]>;
  /** The leases then last `visibilityTimeoutMs` from now. */
  extend(
    receipts: readonly Receipt[],
    visibilityTimeoutMs: number,
    options?: CallOptions,
  ): Promise<ReceiptOutcome[]>;
  /** Gives deliveries back, to be received again after `delayMs` (0 by default). */
  release(
    receipts: readonly Receipt[],
    options?: CallOptions & { readonly delayMs?: number },
  ): Promise<ReceiptOutcome[]>;
  /** Starts a worker. */
  work(handler: Handler, options?: WorkOptions): Worker;
  /**
   * Messages as they come, one at a time. The lease of the message in the loop's body is renewed until the next
   * is asked for; leaving the loop gives back what was fetched and not seen.
   */
  messages(options?: MessagesOptions): AsyncGenerator<Message, void, undefined>;
}

/** Attributes of a queue. */
export interface QueueAttributes {
  /** 0 to 43,200,000; 30,000 by default. */
  readonly visibilityTimeoutMs: number;
  /** 0 to 900,000; 0 by default. */
  readonly delayMs: number;
  /** 60,000 to 1,209,600,000; 345,600,000 by default. */
  readonly retentionMs: number;
  /** 1,024 to 1,048,576; 1,048,576 by default. */
  readonly maximumMessageBytes: number;
  /** 0 to 20,000; 0 by default. */
  readonly receiveWaitMs: number;
  /** Where a message goes that was received `maximumReceives` times (1 to 1,000) without a tombstone. */
  readonly deadLetter: DeadLetterPolicy | undefined;
  /** Of a FIFO queue, whose name ends with `.fifo`; undefined for a standard one. A queue stays what it is. */
  readonly fifo: FifoAttributes | undefined;
  /** Of a standard queue; undefined for the defaults: 30 messages, and more than 10 %. */
  readonly fairness: Fairness | undefined;
}

/** When a message group of a standard queue is noisy, so that messages of others are received first. */
export interface Fairness {
  /** Messages in flight, at least: 1 to 1,000,000. */
  readonly inFlightMin: number;
  /** More than this part of all in flight: 1 to 100. With 100 no group is noisy ever. */
  readonly inFlightPercent: number;
}

export interface FifoAttributes {
  /** Where a deduplication id counts. Fixed with the queue. */
  readonly deduplicationScope: "queue" | "messageGroup";
  /** Messages without a deduplication id get the SHA-256 of their body for one. */
  readonly contentBasedDeduplication: boolean;
}

export interface DeadLetterPolicy {
  readonly queue: string;
  readonly maximumReceives: number;
}

/** Attributes to give a new queue; an absent one takes its default. */
export type NewQueueAttributes = { readonly [K in keyof QueueAttributes]?: QueueAttributes[K] };

/** Attributes to change; an absent one stays. `deadLetter: null` removes the dead-letter queue. */
export type QueueAttributeChanges = {
  readonly [K in Exclude<keyof QueueAttributes, "deadLetter">]?: QueueAttributes[K];
} & { readonly deadLetter?: DeadLetterPolicy | null };

export interface CreateQueueOptions extends CallOptions {
  readonly attributes?: NewQueueAttributes;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface QueueDescription {
  readonly name: string;
  readonly attributes: QueueAttributes;
  readonly tags: Readonly<Record<string, string>>;
  /** Messages that can be received now. */
  readonly available: number;
  /** Messages that are leased to a worker. */
  readonly inFlight: number;
  /** Messages whose delay has not ended. */
  readonly delayed: number;
  /** Message groups of a standard queue that are noisy. */
  readonly noisyGroups: number;
  /** Messages that can be received now and are of no noisy group. */
  readonly availableQuiet: number;
  /** Wall clock, ms since 1970. */
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
}

export interface ListQueuesOptions extends CallOptions {
  /** Only names that begin with it. */
  readonly prefix?: string;
  /** Only names after it: `nextAfter` of the page before. */
  readonly after?: string;
  /** 1 to 1,000; 1,000 by default. */
  readonly limit?: number;
}

export interface QueuePage {
  /** Names in byte order. */
  readonly queues: readonly string[];
  /** Undefined on the last page. */
  readonly nextAfter: string | undefined;
}

export interface NodeStatus {
  readonly id: number;
  /** leader, follower, candidate, learner, probation or unknown. */
  readonly role: string;
  readonly clientUrl: string;
  readonly peerAddress: string;
  readonly appliedIndex: number;
  readonly healthy: boolean;
}

/** Where the messages of a queue go, and how fast. */
export interface StartMoveTaskOptions extends CallOptions {
  /** Absent: each message goes back to the queue that it came from as a dead letter. */
  readonly destination?: string;
  /** Absent: as fast as tasks usually are. */
  readonly messagesPerSecond?: number;
}

/** A task that moves the messages of a queue. */
export interface MoveTask {
  /** A UUID. */
  readonly taskId: string;
  readonly status: MoveTaskStatus;
  /** "no-source" (a message came from no queue), "queue-gone", "too-long" (36 hours); undefined: it did not fail. */
  readonly failure: string | undefined;
  /** Undefined: each message goes back to where it came from; or the queue is gone. */
  readonly destination: string | undefined;
  readonly messagesPerSecond: number | undefined;
  readonly moved: number;
  /** Messages that could be received when it began. */
  readonly toMove: number;
  readonly startedAtMs: number;
}

export type MoveTaskStatus = "running" | "completed" | "cancelled" | "failed";

export interface ClusterStatus {
  readonly clusterId: string;
  /** Node id of the leader, or undefined while there is none. */
  readonly leader: number | undefined;
  readonly term: number;
  readonly nodes: readonly NodeStatus[];
}

/** A connection to a cluster. Make one per process; it connects when first used and reconnects by itself. */
export interface Client extends AsyncDisposable {
  /** The queue of that name, whether it exists or not. Throws INVALID_QUEUE_NAME. */
  queue(name: string): Queue;
  /** Creates a queue. `created: false` when it was there with the same attributes. */
  createQueue(name: string, options?: CreateQueueOptions): Promise<{ readonly created: boolean }>;
  describeQueue(name: string, options?: CallOptions): Promise<QueueDescription>;
  listQueues(options?: ListQueuesOptions): Promise<QueuePage>;
  setQueueAttributes(
    name: string,
    changes: QueueAttributeChanges,
    options?: CallOptions,
  ): Promise<void>;
  /** Deletes the queue with its messages. */
  deleteQueue(name: string, options?: CallOptions): Promise<void>;
  /** Deletes every message that is in the queue now. */
  purgeQueue(name: string, options?: CallOptions): Promise<void>;
  /** Begins to move the messages that are in the queue now, in the background. TASK_RUNNING while another task does. */
  startMoveTask(name: string, options?: StartMoveTaskOptions): Promise<{ readonly taskId: string }>;
  /** The ten newest, newest first. */
  listMoveTasks(name: string, options?: CallOptions): Promise<readonly MoveTask[]>;
  /** Ends a running task; what it moved stays moved. */
  cancelMoveTask(
    name: string,
    taskId: string,
    options?: CallOptions,
  ): Promise<{ readonly moved: number }>;
  clusterStatus(options?: CallOptions): Promise<ClusterStatus>;
  /** Stops the workers, sends what waits to be sent, closes the connections. Other calls fail with CANCELLED. */
  close(): Promise<void>;
}

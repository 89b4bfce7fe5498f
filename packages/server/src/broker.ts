/**
 * What the APIs ask of the cluster, in domain terms: SQS and the native API translate to this and
 * from it. Every call throws `KQueueyError`; a batch answers per entry. Any node offers it; the
 * implementation finds the leader.
 */
import type { KQueueyError } from "@kqueuey/contract";
import type { CallSignal } from "./call-signal.ts";

/** Who calls, and until when the caller waits. */
export interface CallContext {
  /** "anonymous" while authentication is off. */
  readonly principal: string;
  /**
   * Makes a mutating call retry-safe: equal keys (1 to 64 bytes) for equal (principal, action, queue) within the
   * window are one call. Absent: the broker draws one for its own forwarding retries.
   */
  readonly requestId?: string;
  /** The caller hung up, or its time is over. A waiting receive is then granted nothing. */
  readonly signal: CallSignal;
}

/** Attributes of a queue. Times in ms, sizes in bytes. */
export interface QueueAttributes {
  /** 0 … 43,200,000; 30,000 by default. */
  readonly visibilityTimeoutMs: number;
  /** 0 … 900,000; 0 by default. */
  readonly delayMs: number;
  /** 60,000 … 1,209,600,000; 345,600,000 by default. */
  readonly retentionMs: number;
  /** 1,024 … 1,048,576; 1,048,576 by default. */
  readonly maximumMessageBytes: number;
  /** 0 … 20,000; 0 by default. */
  readonly receiveWaitMs: number;
  /** Where a message goes that was received `maximumReceives` times (1 … 1,000) without a tombstone. */
  readonly deadLetter: { readonly queue: string; readonly maximumReceives: number } | undefined;
  /** Of a FIFO queue; undefined for a standard one. The scope is fixed with the queue. */
  readonly fifo:
    | {
        readonly deduplicationScope: "queue" | "messageGroup";
        /** Messages without a deduplication id of their own get one of their body. */
        readonly contentBasedDeduplication: boolean;
      }
    | undefined;
  /** Of a standard queue: when a message group is noisy; undefined: 30 messages, and more than 10 %. */
  readonly fairness:
    | {
        /** 1 … 1,000,000 messages in flight, at least. */
        readonly inFlightMin: number;
        /** 1 … 100: more than this part of all in flight. With 100 no group is noisy ever. */
        readonly inFlightPercent: number;
      }
    | undefined;
}

/** Attributes to set; an absent one is left (or takes its default), `deadLetter: undefined` with the key present removes it. */
export type QueueAttributeChanges = {
  readonly [K in keyof QueueAttributes]?: QueueAttributes[K] | undefined;
};

export interface QueueDescription {
  readonly name: string;
  readonly attributes: QueueAttributes;
  /** Texts that an API stores with the queue and the engine does not read (SQS: Policy, KmsMasterKeyId …), by name. */
  readonly extra: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Ready to be received. */
  readonly available: number;
  /** Leased to a worker. */
  readonly inFlight: number;
  /** Waiting for their delay to end. */
  readonly delayed: number;
  /** Message groups of a standard queue that are noisy. */
  readonly noisyGroups: number;
  /** Ready to be received, and of no noisy group. */
  readonly availableQuiet: number;
  /** Wall clock, ms. */
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
}

/** A message attribute as SQS has it. `type` is String, Number or Binary, with an optional `.label`. */
export interface MessageAttribute {
  readonly name: string;
  readonly type: string;
  /** UTF-8 for String and Number, raw bytes for Binary. */
  readonly value: Uint8Array;
}

export interface NewMessage {
  readonly body: Uint8Array;
  /** MD5 of the body, 16 bytes, when the API has computed it already. */
  readonly bodyMd5?: Uint8Array;
  /** Absent: the queue's delay. */
  readonly delayMs?: number;
  readonly attributes: readonly MessageAttribute[];
  readonly traceHeader?: string;
  /** 1 to 128 characters; FIFO queues need it. */
  readonly groupId?: string;
  /** 1 to 128 characters; FIFO queues alone. */
  readonly deduplicationId?: string;
}

/** Why a FIFO queue refuses a message without a deduplication id that it does not make itself; clients compare it. */
export const NO_DEDUPLICATION_ID: string =
  "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";

export type SendResult =
  | {
      readonly ok: true;
      readonly messageId: string;
      /** Where it is in its queue; a message that repeats another has that one's. */
      readonly sequence: number;
      /** Of a FIFO queue: 20 digits. */
      readonly sequenceNumber?: string;
    }
  | { readonly ok: false; readonly error: KQueueyError };

/** Bodies of messages that have nothing else, one after another; `lengths` add up to the bytes. */
export interface PackedBodies {
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
}

/** The same as messages, one object each: for what is not the fast way. */
export function unpackBodies({ bytes, lengths }: PackedBodies): NewMessage[] {
  const messages: NewMessage[] = [];
  let from = 0;
  for (const length of lengths) {
    messages.push({ body: bytes.subarray(from, from + length), attributes: [] });
    from += length;
  }
  return messages;
}

/** Every body was stored, in a run of sequences. */
export interface PackedSent {
  readonly firstSequence: number;
  readonly count: number;
  /** 16 bytes each. Computed when asked for: most senders do not look at them. */
  messageIds(): Uint8Array;
}

/** Receipts of one grant: what a handle is made of, 8 bytes of `parts` for each. */
export interface ReceiptRun {
  readonly head: Uint8Array;
  readonly parts: Uint8Array;
  readonly tail: Uint8Array;
}

/** Deliveries of one grant as columns; value i is of message i. */
export interface PackedMessages {
  readonly bodyLengths: Uint32Array;
  readonly bodyBytes: number;
  /** Where each body lies. */
  readonly records: readonly Uint8Array[];
  readonly bodyStarts: Uint32Array;
  readonly messageIds: Uint8Array;
  readonly receipts: ReceiptRun;
  /** Of the first message; the others' follow it. */
  readonly fencingToken: number;
  readonly sender: string;
  readonly sentAtMs: number;
  readonly sentAfterMs: Uint32Array;
  readonly firstReceivedAtMs: number;
  readonly firstReceivedAfterMs: Uint32Array;
  readonly receiveCounts: Uint32Array;
  readonly leaseRemainingMs: number;
}

export interface ReceiveOptions {
  /** 1 … 1,000 messages. */
  readonly maxMessages: number;
  /** Absent: the queue's visibility timeout. */
  readonly visibilityTimeoutMs?: number;
  /** How long to wait for a first message; absent: the queue's receive wait time. */
  readonly waitMs?: number;
  /** Refuses with LIMIT_REACHED while so many messages are in flight, and grants no more than are left of it. */
  readonly inFlightMax?: number;
  /** Stop adding messages to the answer past this many body bytes (at least one is given). */
  readonly maxBytes?: number;
  /** FIFO queues: the same for all tries of one receive, 1 to 128 characters. */
  readonly attemptId?: string;
}

export interface ReceivedMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: Uint8Array;
  /** MD5 of the body, 16 bytes, where the broker kept it: saves the API from computing it again. */
  readonly bodyMd5?: Uint8Array | undefined;
  readonly attributes: readonly MessageAttribute[];
  readonly traceHeader: string | undefined;
  readonly groupId?: string | undefined;
  /** Of a FIFO queue; a dead letter's is its message id. */
  readonly deduplicationId?: string | undefined;
  /** Of a FIFO queue: 20 digits, growing. */
  readonly sequenceNumber?: string | undefined;
  readonly sender: string;
  /** Wall clock, ms. */
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  /** This delivery included: 1 or more. */
  readonly receiveCount: number;
  /** Grows with every lease of the queue: storage that the worker writes to can reject an older one. */
  readonly fencingToken: number;
  /** Milliseconds of the lease that were left when the answer was made. */
  readonly leaseRemainingMs: number;
  /** For a dead letter: the queue it came from. */
  readonly deadLetterSource: string | undefined;
}

/** What a receive was granted. The API must call exactly one of `written` and `undelivered`. */
export interface Delivery {
  /** Messages here. */
  readonly count: number;
  /** Made when asked for. */
  readonly messages: readonly ReceivedMessage[];
  /** The same as columns, when all messages are bodies alone and were granted just now. */
  packed(): PackedMessages | undefined;
  /** False once less than half of the lease is left: call `undelivered` and answer empty instead. */
  stillFresh(): boolean;
  /** The bytes were handed to the socket. */
  written(): void;
  /** Nobody will see the answer: the messages come back at once and their receive counts are restored. */
  undelivered(): void;
}

/** What became of a tombstone, an extension or a release. */
export type ReceiptResult =
  | { readonly ok: true; readonly effective: true }
  /**
   * A well-formed handle whose lease is over; nothing was changed. `reason`: gone (already deleted), stale
   * (held by another).
   */
  | { readonly ok: true; readonly effective: false; readonly reason: "gone" | "stale" }
  | { readonly ok: false; readonly error: KQueueyError };

/** A task that moves the messages of a queue, mostly dead letters, to others. */
export interface MoveTask {
  /** A UUID. */
  readonly taskId: string;
  readonly status: "running" | "completed" | "cancelled" | "failed";
  /** A message that came from no queue, a queue that is gone, more time than tasks have; undefined: it did not fail. */
  readonly failure: "no-source" | "queue-gone" | "too-long" | undefined;
  /** Undefined: each message goes to the queue that it came from; or the queue is gone. */
  readonly destination: string | undefined;
  /** Undefined: as fast as tasks usually are. */
  readonly messagesPerSecond: number | undefined;
  readonly moved: number;
  /** Messages that were available when it began. */
  readonly toMove: number;
  /** Wall clock, ms. */
  readonly startedAtMs: number;
}

export interface LeaseExtension {
  readonly receiptHandle: string;
  readonly visibilityTimeoutMs: number;
}

export interface NodeStatus {
  readonly id: number;
  readonly role: "leader" | "follower" | "candidate" | "learner" | "probation" | "unknown";
  readonly clientUrl: string;
  readonly peerAddress: string;
  readonly appliedIndex: number;
  readonly healthy: boolean;
}

export interface ClusterStatus {
  readonly clusterId: string;
  /** Node id of the leader of group 0, or undefined while there is none. */
  readonly leader: number | undefined;
  readonly term: number;
  readonly nodes: readonly NodeStatus[];
}

export interface Broker {
  createQueue(
    context: CallContext,
    name: string,
    options: {
      readonly attributes: QueueAttributeChanges;
      readonly extra: Readonly<Record<string, string>>;
      readonly tags: Readonly<Record<string, string>>;
    },
  ): Promise<{ readonly created: boolean }>;
  describeQueue(context: CallContext, name: string): Promise<QueueDescription>;
  /** Names in byte order, after `after` exclusively, at most `limit`. */
  listQueues(
    context: CallContext,
    options: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly string[]>;
  /** An `extra` value of "" removes that text, an undefined tag removes that tag. */
  setQueueAttributes(
    context: CallContext,
    name: string,
    changes: {
      readonly attributes: QueueAttributeChanges;
      readonly extra: Readonly<Record<string, string>>;
      readonly tags?: Readonly<Record<string, string | undefined>>;
    },
  ): Promise<void>;
  /**
   * Sets one of the queue's `extra` texts if it still is what the caller read ("": it has none); false, and nothing
   * changed, when it is not.
   */
  replaceText(
    context: CallContext,
    queue: string,
    change: { readonly name: string; readonly from: string; readonly to: string },
  ): Promise<boolean>;
  deleteQueue(context: CallContext, name: string): Promise<void>;
  /** False, and nothing happened, within `intervalMs` of another purge that named an interval. */
  purgeQueue(
    context: CallContext,
    name: string,
    options?: { readonly intervalMs?: number },
  ): Promise<boolean>;
  /**
   * Begins to move the messages that are in the queue now to `destination`, or each to the queue that it came from as
   * a dead letter. TASK_RUNNING while another task does so.
   */
  startMoveTask(
    context: CallContext,
    queue: string,
    options: { readonly destination?: string; readonly messagesPerSecond?: number },
  ): Promise<{ readonly taskId: string }>;
  /** The ten newest, newest first. */
  listMoveTasks(context: CallContext, queue: string): Promise<readonly MoveTask[]>;
  /** Ends a running task, TASK_NOT_FOUND when it is none; what it moved stays moved. */
  cancelMoveTask(
    context: CallContext,
    queue: string,
    taskId: string,
  ): Promise<{ readonly moved: number }>;
  send(
    context: CallContext,
    queue: string,
    messages: readonly NewMessage[],
  ): Promise<readonly SendResult[]>;
  /** `send` of bodies alone. Per-message results when not all of them were stored. */
  sendPacked(
    context: CallContext,
    queue: string,
    bodies: PackedBodies,
  ): Promise<PackedSent | readonly SendResult[]>;
  receive(context: CallContext, queue: string, options: ReceiveOptions): Promise<Delivery>;
  tombstone(
    context: CallContext,
    queue: string,
    receiptHandles: readonly string[],
  ): Promise<readonly ReceiptResult[]>;
  /** `tombstone` of packed receipts; results in the order of the runs and their parts. */
  tombstoneRuns(
    context: CallContext,
    queue: string,
    runs: readonly ReceiptRun[],
  ): Promise<readonly ReceiptResult[]>;
  /** The lease then lasts `visibilityTimeoutMs` from now; 0 releases. */
  extend(
    context: CallContext,
    queue: string,
    entries: readonly LeaseExtension[],
    options?: {
      /** Also leases that are over, while nobody was given the message since. */
      readonly revives: boolean;
    },
  ): Promise<readonly ReceiptResult[]>;
  /** Gives a message back before its deadline, to be available after `delayMs`. */
  release(
    context: CallContext,
    queue: string,
    entries: readonly { readonly receiptHandle: string; readonly delayMs: number }[],
  ): Promise<readonly ReceiptResult[]>;
  clusterStatus(context: CallContext): Promise<ClusterStatus>;
}

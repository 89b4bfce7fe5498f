/**
 * What clients did and saw, as plain data: every call has an invocation and, if one came, an answer. The
 * format serves simulated clients and real ones; what only the simulator can know is optional. A body is
 * sent once, so it names its message wherever it turns up.
 */

/** Tells messages of a whole cluster apart; a message keeps it when it becomes a dead letter. */
export type MessageId = number | string;

/** Attributes by name, numbers only: what is written is what is read back. */
export type AttributeValues = Readonly<Record<string, number>>;

/** A message to be stored. */
export interface NewMessage {
  readonly body: string;
  /** Absent: the queue's delay. */
  readonly delayMs?: number;
  /** Its message group. */
  readonly group?: string;
  /**
   * In a FIFO queue: equal for messages of which only the first is stored. Names the group too where deduplication
   * ids count within it.
   */
  readonly deduplicationId?: string;
}

/** A receipt that a client shows. */
export interface ShownReceipt {
  /** The body that it was handed out with; empty for a receipt that nobody was ever given. */
  readonly body: string;
  readonly token: number;
  /** Extend: how long the lease lasts from now; release: the delay. */
  readonly ms?: number;
}

export type SettleAction = "tombstone" | "extend" | "release" | "undelivered";

/** What a client asked for. */
export type Operation =
  | { readonly kind: "send"; readonly queue: string; readonly messages: readonly NewMessage[] }
  | {
      readonly kind: "receive";
      readonly queue: string;
      readonly limit: number;
      readonly waitMs: number;
      /** Absent: the queue's visibility timeout. */
      readonly leaseMs?: number;
      /** FIFO queues: names the attempt; made again under the same name, it is given the same messages. */
      readonly attempt?: string;
      /** Standard queues: messages in flight at most, these included. */
      readonly inFlightMax?: number;
    }
  | {
      readonly kind: "settle";
      readonly action: SettleAction;
      readonly queue: string;
      readonly receipts: readonly ShownReceipt[];
    }
  | {
      readonly kind: "create";
      readonly queue: string;
      readonly attributes: AttributeValues;
      /** Where its dead letters go. */
      readonly deadLetterQueue?: string | undefined;
    }
  | { readonly kind: "set"; readonly queue: string; readonly attributes: AttributeValues }
  | { readonly kind: "purge" | "delete" | "describe" | "find"; readonly queue: string }
  | {
      readonly kind: "start-move";
      readonly queue: string;
      /** Absent: back to where each message came from. */
      readonly destination?: string;
      readonly perSecond?: number;
    }
  | { readonly kind: "cancel-move"; readonly queue: string }
  | { readonly kind: "list"; readonly prefix: string }
  /** From here on the client's requests are counted, and recognised however late. */
  | { readonly kind: "open-session" };

/** A message as a worker got it. */
export interface GrantedMessage {
  readonly body: string;
  readonly messageId: MessageId;
  readonly token: number;
  readonly receiveCount: number;
  /** What the answer said was left of the lease, for those who can't see cluster time. */
  readonly remainingMs?: number;
  /** Cluster time of the grant and of the lease's end. */
  readonly grantedAt?: number;
  readonly deadline?: number;
}

/** What became of one receipt. */
export type Settled = "ok" | "gone" | "stale" | "not-in-flight" | "too-long";

/** Of the message groups of a standard queue. */
export interface FairnessCounts {
  readonly noisyGroups: number;
  /** Messages ready that are of no noisy group. */
  readonly availableQuiet: number;
}

export interface Counters {
  readonly available: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** What a client was told. */
export type Answer =
  | { readonly kind: "sent"; readonly messageIds: readonly MessageId[] }
  | { readonly kind: "granted"; readonly messages: readonly GrantedMessage[] }
  | { readonly kind: "settled"; readonly results: readonly Settled[] }
  | { readonly kind: "done"; readonly changed: boolean }
  /** Of a move task. */
  | { readonly kind: "task"; readonly moved: number }
  | {
      readonly kind: "described";
      readonly attributes: AttributeValues;
      readonly counters: Counters;
      /** Absent: they were not told. */
      readonly fairness?: FairnessCounts;
    }
  | { readonly kind: "found"; readonly exists: boolean }
  | { readonly kind: "listed"; readonly queues: readonly string[] }
  /** It was not carried out and never will be. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The client gave up: it may have been carried out, or may still be. */
  | { readonly kind: "unknown" };

/** A client begins a call, tried at as many nodes as need be. */
export interface Invoked {
  readonly kind: "invoked";
  readonly call: number;
  readonly client: number;
  /** On one clock for all clients, ms. */
  readonly atMs: number;
  readonly operation: Operation;
  /** The call that this one repeats under the same request id. */
  readonly repeats?: number;
  /** The request id that every try of it carries. */
  readonly requestKey?: string;
}

/** The call's end; a call without one is still under way. */
export interface Answered {
  readonly kind: "answered";
  readonly call: number;
  readonly atMs: number;
  readonly answer: Answer;
  /** The node that the answer came from. */
  readonly node?: number;
  /** Cluster time by the clock of whoever led when the answer came. */
  readonly clusterTimeMs?: number;
  /** Whether that was the node that the answer came from. */
  readonly isLeaders?: boolean;
}

export type HistoryEvent = Invoked | Answered;

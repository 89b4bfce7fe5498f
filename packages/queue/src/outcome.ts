/** What became of a command: plain values, equal on every replica, produced only where somebody waits. */
import type { ClusterTimeMs, DurationMs, GroupId } from "@kqueuey/base";
import type { QueueId, Sequence, SessionId } from "./ids.ts";

/** Why a command changed nothing. */
export type RefusalReason =
  /** No such queue in this group (or in the catalogue). */
  | "queue-not-found"
  /** The session is not known any more, or the sequence is too far behind: whether it was executed can't be said. */
  | "session-expired"
  /** The request id was used for a command of another kind or on another queue. */
  | "request-id-reused"
  /** A limit of the machine: texts of a queue, sources of accepted messages. */
  | "limit-reached"
  /** As many messages are in flight as the receive allows. */
  | "in-flight-limit"
  /** The queue was deleted, and this is a late duplicate of its creation. */
  | "queue-deleted"
  /** The command is for the catalogue and this is not group 0. */
  | "wrong-group"
  /** The catalogue entry is not in the state that this step needs. */
  | "wrong-state"
  /** The bytes are no command. */
  | "malformed"
  /** The queue is being emptied by another move task. */
  | "task-running"
  /** No such move task runs. */
  | "task-not-found"
  /** Messages with groups for a standard queue, or without for a FIFO queue. */
  | "wrong-kind"
  /** The texts of the queue are not those that the change was made for. */
  | "not-as-expected"
  /** The queue was purged within the interval that the purge names. */
  | "purged-recently";

/** What became of one receipt of a batch; the values of `SettledOutcome.results`. */
export const SETTLED = {
  /** It had its effect. */
  ok: 0,
  /** The message does not exist any more. */
  gone: 1,
  /** The message was leased to somebody else since. */
  stale: 2,
  /** Extend and release: the lease is over, though nobody else has the message yet. */
  notInFlight: 3,
  /** Extend: the lease would last longer than 12 hours since its grant. */
  tooLong: 4,
} as const;

export interface RefusedOutcome {
  readonly kind: "refused";
  readonly reason: RefusalReason;
}

/** Message i of the command has sequence `firstSequence + i`, unless there are `sequences`. */
export interface SentOutcome {
  readonly kind: "sent";
  readonly queueId: QueueId;
  readonly firstSequence: Sequence;
  readonly count: number;
  /** In a FIFO queue, when some messages repeat others: of each message, or of the one that it repeats. */
  readonly sequences?: Float64Array | undefined;
  /** The answer to a retry: nothing was stored now. */
  readonly replayed: boolean;
}

/** The messages of one grant, in the order granted; columns of equal length, element i is message i. */
export interface GrantedOutcome {
  readonly kind: "granted";
  readonly queueId: QueueId;
  readonly replayed: boolean;
  /** First token of the whole grant; 0 when nothing was granted. With `grantCount`, what a receipt's MAC covers. */
  readonly grantFirst: number;
  /** Messages of the whole grant: for a replay it may be more than the messages here. */
  readonly grantCount: number;
  /** Messages here. */
  readonly count: number;
  /** Length of the lease as granted. */
  readonly leaseMs: DurationMs;
  /** The machine's time at this apply: deadlines compare with it. */
  readonly nowMs: ClusterTimeMs;
  readonly sequences: Float64Array;
  /** Index of the entry that holds the body record. */
  readonly entries: Float64Array;
  /** Offset of the body record in that entry's data. */
  readonly offsets: Uint32Array;
  readonly tokens: Float64Array;
  /** Cluster time. */
  readonly deadlines: Float64Array;
  /** This grant included. */
  readonly receiveCounts: Uint32Array;
  /** Wall-clock ms. */
  readonly firstReceived: Float64Array;
  /** Undefined when no message here was ever moved; else 0 where it was not. Message ids come from these. */
  readonly originQueues: Float64Array | undefined;
  readonly originSequences: Float64Array | undefined;
  /** The queue it was moved from at last, as a dead letter; 0 where it was not. */
  readonly sourceQueues: Float64Array | undefined;
}

/** For tombstone, extend, release and undelivered: one of `SETTLED` per receipt, in order. */
export interface SettledOutcome {
  readonly kind: "settled";
  readonly queueId: QueueId;
  readonly results: Uint8Array;
  readonly replayed: boolean;
}

/** For the commands that only succeed. */
export interface DoneOutcome {
  readonly kind: "done";
  /** False when there was nothing to do: it was so already. */
  readonly changed: boolean;
  readonly replayed: boolean;
}

/** For `reserveQueue`. */
export interface ReservedOutcome {
  readonly kind: "reserved";
  readonly queueId: QueueId;
  readonly group: GroupId;
  readonly placement: number;
  /** "reserved": made now, or by an earlier call that was not finished: go on with it. Else the name is taken. */
  readonly state: CatalogueState;
  /** True when this call made the entry. */
  readonly created: boolean;
  readonly replayed: boolean;
}

/** Where a catalogue entry stands in the two steps of creation and of deletion. */
export type CatalogueState = "reserved" | "active" | "deleting";

export interface SessionOutcome {
  readonly kind: "session";
  readonly sessionId: SessionId;
  readonly replayed: boolean;
}

/** For `accept`. */
export interface AcceptedOutcome {
  readonly kind: "accepted";
  /** True: it had been accepted before, and was not stored again. */
  readonly duplicate: boolean;
}

/** For `startMove` and `cancelMove`. */
export interface MoveOutcome {
  readonly kind: "move";
  /** 16 bytes. */
  readonly taskId: Uint8Array;
  /** Messages moved so far. */
  readonly moved: number;
  readonly replayed: boolean;
}

export type Outcome =
  | RefusedOutcome
  | SentOutcome
  | GrantedOutcome
  | SettledOutcome
  | DoneOutcome
  | ReservedOutcome
  | SessionOutcome
  | AcceptedOutcome
  | MoveOutcome;

/** Takes the outcomes of one entry, in order. `ordinal` is the command's place in the entry, from 0. */
export interface OutcomeSink {
  outcome(ordinal: number, outcome: Outcome): void;
}

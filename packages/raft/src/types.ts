/**
 * What Raft keeps and agrees on: entries, hard state, who is a member. Everything here is plain data
 * that storage writes and the wire carries; nothing here is retained by the caller's permission only:
 * an entry's bytes are shared, never copied, and must not be changed once handed over.
 */
import type { Incarnation, LogIndex, MonotonicMs, NodeId, Term } from "@kqueuey/base";

/**
 * What an entry is for. `commands` go to the state machine; `noop` opens a leader's term (paper §8);
 * `membership` holds an encoded {@link Membership} and is read by Raft itself.
 */
export type EntryKind = "noop" | "commands" | "membership";

/** The byte that stands for each kind on disk and on the wire. Final: never renumbered. */
export const ENTRY_KIND_CODES: Readonly<Record<EntryKind, number>> = {
  noop: 0,
  commands: 1,
  membership: 2,
};

/** The kind of a byte read from disk or wire, or undefined when no kind has it. */
export function entryKindOf(code: number): EntryKind | undefined {
  switch (code) {
    case 0:
      return "noop";
    case 1:
      return "commands";
    case 2:
      return "membership";
    default:
      return undefined;
  }
}

/** One entry of the replicated log. (index, term) names it uniquely within its group, for ever. */
export interface Entry {
  /** The term of the leader that made it; 1 or more. */
  readonly term: Term;
  /** Its place in the log; 1 or more, no gaps. */
  readonly index: LogIndex;
  readonly kind: EntryKind;
  /** Shared with the WAL, peers and the state machine; immutable. Empty for `noop`. */
  readonly data: Uint8Array;
}

/**
 * What must be on disk before a message that depends on it leaves (paper figure 2, "persistent state").
 * `commit` alone never forces a write: it is a hint that lets a restarted node apply early.
 */
export interface HardState {
  readonly term: Term;
  /** Whom this node voted for in `term`; 0 for nobody yet. */
  readonly vote: NodeId | 0;
  /** Under which admission this node acknowledges and votes; 0 in probation. */
  readonly incarnation: Incarnation;
  /** A lower bound of the commit index. */
  readonly commit: LogIndex;
}

/**
 * `voter` counts in quorums; `learner` receives the log and never counts; `joining` is a learner that
 * the leader promotes to voter by itself once it has caught up.
 */
export type MemberRole = "voter" | "learner" | "joining";

/** One node of a group under one admission. A wiped node is the same id under a higher incarnation. */
export interface Member {
  readonly id: NodeId;
  /** 1 or more. */
  readonly incarnation: Incarnation;
  readonly role: MemberRole;
}

/**
 * Who belongs to the group. While `outgoing` is not empty the group is in joint consensus: decisions
 * need a majority of the voters among `members` and a majority of `outgoing` (paper §6).
 */
export interface Membership {
  /** Ascending by id, each id once. */
  readonly members: readonly Member[];
  /** The voters before the change, ascending by id; empty unless joint. */
  readonly outgoing: readonly Member[];
  /** The highest incarnation ever given in this group, so that none is given twice. */
  readonly lastIncarnation: Incarnation;
}

/** A membership and the entry that brought it: it counts from the moment that entry is in the log. */
export interface MembershipAt {
  /** 0 for the membership that a cluster was bootstrapped with. */
  readonly index: LogIndex;
  readonly membership: Membership;
}

/** The committed state that a snapshot (or checkpoint) replaces: all entries up to `index`. */
export interface SnapshotMeta {
  readonly index: LogIndex;
  /** The term of the entry at `index`; 0 only for index 0. */
  readonly term: Term;
  /** The membership in force at `index`. */
  readonly membership: MembershipAt;
  /** What {@link RecordedMatch} entries up to `index` said: whoever skips those entries must know it too. */
  readonly recorded: readonly RecordedMatch[];
}

/** A position in the log with the term of its entry. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Entries from `from` on, up to the next run, have this term. */
export interface TermRun {
  readonly from: LogIndex;
  readonly term: Term;
}

/**
 * Who speaks: sent with every vote and acknowledgement, so that a node whose disk was lost or is a
 * copy of an older state is recognised. See readmission.ts.
 */
export interface Identity {
  readonly incarnation: Incarnation;
  /** The number of the sender's process start; see {@link RaftInitial.boot}. */
  readonly boot: number;
  /** The last index of the sender's log when it started. */
  readonly bootLastIndex: LogIndex;
}

/** What the log remembers of a member: it acknowledged `match` in its start `boot`, so it cannot start with less. */
export interface RecordedMatch {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  readonly boot: number;
  readonly match: LogIndex;
}

/** What storage found at start. The log holds the entries after `base.index` up to `lastIndex`. */
export interface RaftInitial {
  readonly hardState: HardState;
  /** The log begins after this entry; (0, 0) when it begins at 1. */
  readonly base: LogPosition;
  /** The terms of the log after `base.index`, ascending; empty when the log is. */
  readonly termRuns: readonly TermRun[];
  /** `base.index` when the log is empty. */
  readonly lastIndex: LogIndex;
  /** The newest entries if storage has them at hand: contiguous, ending at `lastIndex`; may be empty. */
  readonly tail: readonly Entry[];
  /** Up to where the state machine is: `base.index … lastIndex`. `committed` goes on after it. */
  readonly applied: LogIndex;
  /** The membership in force at `applied`, as the checkpoint kept it. */
  readonly membership: MembershipAt;
  /** All entries of kind `membership` after `applied`, ascending (earlier ones are ignored). */
  readonly membershipEntries: readonly Entry[];
  /**
   * The number of this process start: 1 … 2^53 - 1, kept in the data directory and raised at every
   * start by a random step of 1 … 2^32 (an empty directory begins at a random one too). Random steps
   * make two starts from one copied directory different, which plain counting would not.
   */
  readonly boot: number;
  /**
   * The directory is empty, damaged or provably old: no votes, no campaign, acks that nobody counts,
   * until the leader re-admits this node. Persisted as incarnation 0, so it outlives a restart.
   */
  readonly probation: boolean;
  /** What {@link RecordedMatch} entries up to `applied` said, as the state machine kept it. */
  readonly recorded: readonly RecordedMatch[];
  readonly nowMs: MonotonicMs;
}

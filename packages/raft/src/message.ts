/**
 * Everything that two nodes of a group say to each other. One interface a message: no field changes its
 * meaning by kind. The wire frame adds group and cluster time; here is only what Raft itself needs.
 */
import type { Incarnation, LogIndex, NodeId, Term } from "@kqueuey/base";
import type { Entry, Identity } from "./types.ts";

/** "Would you vote for me in `term`?" Changes nothing at the receiver (dissertation §9.6). */
export interface PreVoteRequest {
  readonly kind: "pre-vote-request";
  readonly from: NodeId;
  readonly to: NodeId;
  /** The term that the sender would campaign in: its own plus one. */
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly identity: Identity;
}

/** The answer. `term` is the asked one when granted, the sender's own when refused. */
export interface PreVoteResponse {
  readonly kind: "pre-vote-response";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly granted: boolean;
  readonly identity: Identity;
}

/** RequestVote (paper §5.2, §5.4.1). */
export interface VoteRequest {
  readonly kind: "vote-request";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The leader asked for this campaign, so having heard from it is no reason to refuse. */
  readonly transfer: boolean;
  readonly identity: Identity;
}

export interface VoteResponse {
  readonly kind: "vote-response";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly granted: boolean;
  readonly identity: Identity;
}

/** AppendEntries with or without entries (paper §5.3). At most one frame (256 KiB), or one larger entry. */
export interface AppendRequest {
  readonly kind: "append-request";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  /** The entry just before `entries`. */
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly entries: readonly Entry[];
  /** The leader's commit index. */
  readonly commit: LogIndex;
}

/** Everything up to `match` is on the sender's disk and equal to the leader's log. */
export interface AppendAccepted {
  readonly kind: "append-accepted";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly match: LogIndex;
  readonly identity: Identity;
}

/** The sender's log does not hold (prevIndex, prevTerm) of an append. */
export interface AppendRejected {
  readonly kind: "append-rejected";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  /** The `prevIndex` that was refused. */
  readonly rejected: LogIndex;
  /** The highest index of the sender, at or below `rejected`, whose term could be in the leader's log. */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
  readonly identity: Identity;
}

/** A sign of life between appends; also carries the round of pending linearizable reads. */
export interface Heartbeat {
  readonly kind: "heartbeat";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly commit: LogIndex;
  /** The newest round of reads that the leader wants confirmed; 0 for none. */
  readonly round: number;
}

/** "You lead `term` as far as I know." With a higher term it tells an old leader that its time is over. */
export interface HeartbeatResponse {
  readonly kind: "heartbeat-response";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly round: number;
  readonly identity: Identity;
}

/** "Campaign now": the leader hands leadership over (dissertation §3.10). */
export interface TimeoutNow {
  readonly kind: "timeout-now";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

/** "You are a member again, as `incarnation`": sent once the entry that says so is committed. */
export interface Readmit {
  readonly kind: "readmit";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly incarnation: Incarnation;
  /** The start of the addressee that is meant; in any other life it must not take the incarnation. */
  readonly boot: number;
}

export type RaftMessage =
  | PreVoteRequest
  | PreVoteResponse
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendAccepted
  | AppendRejected
  | Heartbeat
  | HeartbeatResponse
  | TimeoutNow
  | Readmit;

export type RaftMessageKind = RaftMessage["kind"];

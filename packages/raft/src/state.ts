/**
 * The state of one node in one group, which the functions of the other files read and change. Only
 * raft.ts holds one; nothing here leaves the package.
 */
import {
  assert,
  between,
  type Incarnation,
  incarnation,
  type LogIndex,
  logIndex,
  type MonotonicMs,
  must,
  type NodeId,
  type Random,
  type Term,
} from "@kqueuey/base";
import { findVoter } from "./confchange/change.ts";
import { decodeMembership } from "./confchange/codec.ts";
import { MembershipLog } from "./confchange/membership-log.ts";
import type { RaftConfig } from "./config.ts";
import { RaftLog } from "./log.ts";
import { MatchRecords } from "./match-records.ts";
import { Outbox } from "./outbox.ts";
import type { Reads } from "./read-index.ts";
import type { Tracker } from "./tracker/tracker.ts";
import type { HardState, Identity, Membership, RaftInitial, SnapshotMeta } from "./types.ts";
import { Unstable } from "./unstable.ts";

/** One answer to a (pre-)vote. It counts for the admission that gave it. */
export interface Vote {
  readonly granted: boolean;
  readonly incarnation: Incarnation;
}

export type Votes = Map<NodeId, Vote>;

/** Leadership on its way to another node (dissertation §3.10). */
export interface Transfer {
  readonly to: NodeId;
  readonly deadlineMs: number;
  /** TimeoutNow has left. */
  sent: boolean;
  /** Give leadership up even if `to` does not take it. */
  readonly stepDown: boolean;
}

/** A new incarnation for a node that lost its memory, given to the process start that asked. */
export interface Admission {
  readonly incarnation: Incarnation;
  /** Undefined until the node is first heard: a new member's start is not known when it is added. */
  boot: number | undefined;
  /** The membership entry. */
  readonly index: number;
}

/** What only a leader has; thrown away when it stops being one. */
export interface Leadership {
  readonly tracker: Tracker;
  readonly reads: Reads;
  readonly admissions: Map<NodeId, Admission>;
  /** The index of the entry that opened this term: reads and membership changes wait for its commit. */
  readonly firstIndex: number;
  heartbeatDueMs: number;
  transfer: Transfer | undefined;
  /** Something may be sendable that was not: looked at once, in `ready()`. */
  appendsDue: boolean;
  /** Entry bytes of this leadership that are not committed yet. */
  uncommittedBytes: number;
}

export type Role =
  | { readonly kind: "follower" }
  | { readonly kind: "pre-candidate"; readonly votes: Votes }
  | { readonly kind: "candidate"; readonly votes: Votes; readonly transfer: boolean }
  | { readonly kind: "leader"; readonly lead: Leadership };

export interface Core {
  readonly config: RaftConfig;
  readonly random: Random;
  readonly boot: number;
  readonly bootLastIndex: LogIndex;
  readonly log: RaftLog;
  readonly unstable: Unstable;
  readonly memberships: MembershipLog;
  readonly records: MatchRecords;
  readonly outbox: Outbox;

  nowMs: MonotonicMs;
  term: Term;
  vote: NodeId | 0;
  incarnation: Incarnation;
  leader: NodeId | 0;
  role: Role;
  commit: number;
  /** Applied, by the driver's word. */
  applied: number;
  /** Handed out for applying. */
  handedToApply: number;
  /** The log up to here is known to equal the current leader's: only that may be committed by it. */
  verified: number;
  /** The highest match acknowledged to the current leader. */
  acknowledged: number;
  /** When the leader last gave a sign of life; a vote for another waits for a while after it. */
  leaderHeardMs: number;
  /** Drawn anew at each change of role, so that nodes do not campaign in step. */
  electionTimeoutMs: number;
  electionDueMs: number;
  /** A snapshot is being installed: no appends, no applying. */
  installing: SnapshotMeta | undefined;
  /** This node's identity as it stands, made when the incarnation changes. */
  identity: Identity;
}

/** A node as it comes from recovery: a follower that knows no leader. */
export function createCore(config: RaftConfig, initial: RaftInitial, random: Random): Core {
  const { hardState } = initial;
  const admission = initial.probation ? incarnation(0) : hardState.incarnation;
  const log = new RaftLog(initial.base, initial.termRuns, {
    index: initial.lastIndex,
    tail: initial.tail,
  });
  const memberships = new MembershipLog(initial.membership);
  assert(initial.membership.index <= initial.applied, "the membership is in force at applied");
  for (const entry of initial.membershipEntries) {
    if (entry.index <= initial.applied) continue;
    const membership = must(decodeMembership(entry.data), "a membership entry of our own log");
    memberships.push({ index: entry.index, membership });
  }
  assert(initial.applied >= log.baseIndex, "the log has a gap after what is applied");
  assert(initial.applied <= log.lastIndex, "more is applied than logged");
  assert(Number.isSafeInteger(initial.boot) && initial.boot > 0, "boot must be 1 or more");
  // A term lost by damage must not fall below that of an entry that was kept.
  const ownTerm = Math.max(hardState.term, log.lastTerm);
  const core: Core = {
    config,
    random,
    boot: initial.boot,
    bootLastIndex: initial.lastIndex,
    log,
    unstable: new Unstable(log.lastIndex, hardState),
    memberships,
    records: new MatchRecords(initial.recorded),
    outbox: new Outbox(),
    nowMs: initial.nowMs,
    term: ownTerm as Term,
    vote: ownTerm === hardState.term ? hardState.vote : 0,
    incarnation: admission,
    leader: 0,
    role: { kind: "follower" },
    commit: Math.max(initial.applied, Math.min(hardState.commit, log.lastIndex)),
    applied: initial.applied,
    handedToApply: initial.applied,
    verified: 0,
    acknowledged: 0,
    leaderHeardMs: Number.NEGATIVE_INFINITY,
    electionTimeoutMs: 0,
    electionDueMs: 0,
    installing: undefined,
    identity: { incarnation: admission, boot: initial.boot, bootLastIndex: initial.lastIndex },
  };
  drawElectionTimeout(core);
  return core;
}

/** The hard state as it stands in memory. */
export function hardStateOf(core: Core): HardState {
  return {
    term: core.term,
    vote: core.vote,
    incarnation: core.incarnation,
    commit: logIndex(core.commit),
  };
}

/** True while this node neither votes nor counts: it has no admission, or the group gave it a new one. */
export function inProbation(core: Core): boolean {
  return core.incarnation === 0;
}

/**
 * True when this node may lead: a voter, under the admission that it has. While the entry that takes its
 * vote is not committed it still may, without counting itself: nobody else may have a log as long as
 * its own, and then the group needs it to finish the change (dissertation §4.2.2).
 */
export function isPromotable(core: Core): boolean {
  if (inProbation(core)) return false;
  const { latest } = core.memberships;
  if (isOwnVoter(core, latest.membership)) return true;
  if (latest.index <= core.commit) return false;
  return isOwnVoter(core, core.memberships.at(latest.index - 1).membership);
}

function isOwnVoter(core: Core, membership: Membership): boolean {
  return findVoter(membership, core.config.id)?.incarnation === core.incarnation;
}

/** Starts the wait for a sign of life again, with a new random length. */
export function drawElectionTimeout(core: Core): void {
  const { electionTimeoutMinMs, electionTimeoutMaxMs } = core.config;
  core.electionTimeoutMs = between(core.random, electionTimeoutMinMs, electionTimeoutMaxMs);
  core.electionDueMs = core.nowMs + core.electionTimeoutMs;
}

/** The leader gave a sign of life. */
export function noteLeaderAlive(core: Core): void {
  core.leaderHeardMs = core.nowMs;
  core.electionDueMs = core.nowMs + core.electionTimeoutMs;
}

/** True when a leader is known and was heard so lately that nobody should unseat it (dissertation §4.2.3). */
export function leaderIsFresh(core: Core): boolean {
  if (core.role.kind === "leader") return true;
  return core.leader !== 0 && core.nowMs - core.leaderHeardMs < core.config.electionTimeoutMinMs;
}

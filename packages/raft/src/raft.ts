/**
 * One Raft group's consensus at one node: state plus `step()`. This is the only place that switches on
 * the role; what a role does is in the file named after it.
 */
import {
  assert,
  type LogIndex,
  logIndex,
  type MonotonicMs,
  type NodeId,
  type Random,
  unreachable,
} from "@kqueuey/base";
import { takePreVoteResponse, takeTimeoutNow, takeVoteResponse } from "./candidate.ts";
import type { RaftConfig } from "./config.ts";
import { countOwnVote, startPreVote, takePreVoteRequest, takeVoteRequest } from "./election.ts";
import { acknowledgeDurable, takeAppend, takeHeartbeat, takeReadmit } from "./follower.ts";
import { mayApply, mustWrite, takeCommitted, takeWrite, trimLog } from "./handout.ts";
import { beginInstall, finishInstall } from "./install.ts";
import {
  beginReads,
  changeMembership,
  commitMore,
  handOver,
  peerLost,
  propose,
  readIndex,
  readsAreDue,
  takeAppendAccepted,
  takeAppendRejected,
  takeHeartbeatResponse,
  tickLeader,
  transferLeadership,
} from "./leader.ts";
import type { RaftMessage } from "./message.ts";
import type { EntriesRequest, Ready, SoftState } from "./ready.ts";
import { sendAppends, takeEntriesRead, takeSnapshotSent } from "./replication.ts";
import type {
  MembershipChange,
  MembershipChangeResult,
  ProposeResult,
  RaftStatus,
  ReadIndexResult,
  StepDownReason,
  TransferResult,
} from "./results.ts";
import { becomeFollower, followLeader, sendWhenDurable } from "./role.ts";
import { type Core, createCore, type Leadership, leaderIsFresh, noteLeaderAlive } from "./state.ts";
import { statusOf } from "./status.ts";
import { successionRank } from "./succession.ts";
import type { Entry, MembershipAt, RaftInitial, RecordedMatch, SnapshotMeta } from "./types.ts";

/** Terms from peers above this are garbage: at one election a millisecond it takes 8,900 years. */
const TERM_MAX = 2 ** 48;

export class Raft {
  readonly #core: Core;
  #softState: SoftState;

  constructor(config: RaftConfig, initial: RaftInitial, random: Random) {
    this.#core = createCore(config, initial, random);
    this.#softState = this.#currentSoftState();
  }

  /** Lets time pass. Call every 10 to 50 ms. */
  tick(nowMs: MonotonicMs): void {
    const core = this.#core;
    this.#advanceClock(nowMs);
    if (core.role.kind === "leader") tickLeader(core, core.role.lead);
    else if (core.nowMs >= core.electionDueMs && core.installing === undefined) startPreVote(core);
  }

  /** Takes a message of a peer, whatever it is; never throws for it. */
  step(nowMs: MonotonicMs, message: RaftMessage): void {
    const core = this.#core;
    this.#advanceClock(nowMs);
    if (message.to !== core.config.id || message.from === core.config.id) return;
    if (message.term > TERM_MAX) return;
    if (message.term > core.term && !this.#enterTerm(message)) return;
    if (message.term < core.term && message.kind !== "pre-vote-response") {
      this.#answerOldTerm(message);
      return;
    }
    this.#dispatch(message);
  }

  /** Bytes of any kind came from `id`: a sign of life if it leads (a snapshot, a long frame). */
  heardFrom(nowMs: MonotonicMs, id: NodeId): void {
    this.#advanceClock(nowMs);
    if (this.#core.leader === id && this.#core.role.kind === "follower")
      noteLeaderAlive(this.#core);
  }

  /**
   * The connection to or from `id` was refused or closed. If it led, a pre-vote begins: at once at the
   * first voter in order of ids, shortly after at the others, so that they do not split the vote.
   */
  peerDisconnected(nowMs: MonotonicMs, id: NodeId): void {
    const core = this.#core;
    this.#advanceClock(nowMs);
    if (core.role.kind === "leader") {
      peerLost(core.role.lead, id);
      return;
    }
    if (core.role.kind !== "follower" || core.leader !== id) return;
    const rank = successionRank(core, id);
    if (rank === undefined || core.installing !== undefined) return;
    core.leader = 0;
    core.leaderHeardMs = Number.NEGATIVE_INFINITY;
    const dueMs = core.nowMs + (rank * core.config.heartbeatMs) / 2;
    core.electionDueMs = Math.min(core.electionDueMs, dueMs);
    if (rank === 0) startPreVote(core);
  }

  /** Leader only: appends one `commands` entry for each item of `batch`, which must not be empty. */
  propose(batch: readonly Uint8Array[]): ProposeResult {
    assert(batch.length > 0, "a proposal holds at least one entry");
    const lead = this.#lead();
    return lead === undefined ? NOT_LEADER : propose(this.#core, lead, batch);
  }

  /** Leader only: asks for a linearizable read; `context` comes back in a `ReadState`. */
  readIndex(context: number): ReadIndexResult {
    const lead = this.#lead();
    return lead === undefined ? NOT_LEADER : readIndex(lead, context);
  }

  /** Leader only: hands leadership to voter `to`, as soon as it has the whole log; given up after an election timeout. */
  transferLeadership(to: NodeId): TransferResult {
    const lead = this.#lead();
    return lead === undefined ? NOT_LEADER : transferLeadership(this.#core, lead, to);
  }

  /** Leader only: see `MemberChange`. Several steps at once go through joint consensus, which ends by itself. */
  changeMembership(change: MembershipChange): MembershipChangeResult {
    const lead = this.#lead();
    if (lead === undefined) return { ok: false, reason: "not-leader", detail: "not the leader" };
    return changeMembership(this.#core, lead, change);
  }

  /**
   * Leader only: hands leadership to the most caught-up active voter. For a slow disk or a late event loop
   * it is given up after an election timeout even if that voter does not take it; a process that shuts
   * down serves on until it is gone. A leader whose own write takes longer than an election timeout does
   * this by itself.
   */
  stepDownFor(reason: StepDownReason): TransferResult {
    const lead = this.#lead();
    return lead === undefined ? NOT_LEADER : handOver(this.#core, lead, reason);
  }

  /** The write of `Ready.writeId` is durable; writes complete in order, so all earlier ones are too. */
  persisted(writeId: number): void {
    const core = this.#core;
    core.unstable.persisted(writeId);
    core.outbox.release(writeId);
    countOwnVote(core);
    if (core.role.kind === "leader") commitMore(core, core.role.lead);
    else acknowledgeDurable(core);
    trimLog(core);
  }

  /** The state machine has applied everything up to `index`. */
  applied(index: LogIndex): void {
    const core = this.#core;
    assert(index <= core.handedToApply, "more was applied than handed out");
    core.applied = Math.max(core.applied, index);
    trimLog(core);
  }

  /**
   * Answer to `Ready.readEntries`: entries contiguous from `request.from`, at least one, none above
   * `request.upTo`; `compacted` when the log no longer holds `request.from`.
   */
  entriesRead(request: EntriesRequest, result: readonly Entry[] | "compacted"): void {
    const lead = this.#lead();
    if (lead === undefined || request.term !== this.#core.term) return;
    takeEntriesRead(this.#core, { lead, request }, result);
  }

  /** Answer to `Ready.sendSnapshots`: the index of the snapshot that `to` has installed, or undefined when it failed. */
  snapshotSent(to: NodeId, index: LogIndex | undefined): void {
    const lead = this.#lead();
    const progress = lead?.tracker.get(to);
    if (lead !== undefined && progress !== undefined) takeSnapshotSent(lead, progress, index);
  }

  /**
   * A complete snapshot is here and could be installed. True when it is ahead of this node: then appends,
   * applying and campaigns wait for `snapshotInstalled` or `snapshotAborted`. False: throw it away.
   */
  beginSnapshotInstall(meta: SnapshotMeta): boolean {
    return beginInstall(this.#core, meta);
  }

  /**
   * The snapshot of `beginSnapshotInstall` is durable and loaded, and storage's log is empty and begins
   * after it. Everything handed out before is void, except that writes still complete in order.
   */
  snapshotInstalled(): void {
    finishInstall(this.#core);
  }

  /** The snapshot of `beginSnapshotInstall` could not be installed; nothing was changed. */
  snapshotAborted(): void {
    this.#core.installing = undefined;
  }

  /** Storage dropped the log up to and including `upTo`, which must be applied. */
  compact(upTo: LogIndex): void {
    const core = this.#core;
    assert(upTo <= core.applied, "only what is applied may be dropped");
    if (upTo <= core.log.baseIndex) return;
    core.log.compact(upTo);
    core.memberships.compact(upTo);
  }

  /**
   * What the leader knows, for the next time entry: a record for each admitted member that acknowledged
   * anything under its present process, itself included. Empty unless leader.
   */
  matchVector(): readonly RecordedMatch[] {
    const core = this.#core;
    const lead = this.#lead();
    if (lead === undefined) return [];
    const { incarnation, boot } = core.identity;
    const match = logIndex(core.unstable.durableTo);
    const vector: RecordedMatch[] = [{ node: core.config.id, incarnation, boot, match }];
    for (const peer of lead.tracker.peers) {
      if (peer.boot === 0 || peer.match === 0) continue;
      vector.push({
        node: peer.id,
        incarnation: peer.incarnation,
        boot: peer.boot,
        match: logIndex(peer.match),
      });
    }
    return vector;
  }

  /** Takes the match vector of a *committed* entry, in log order, when it is applied. */
  recordMatch(vector: readonly RecordedMatch[]): void {
    this.#core.records.merge(vector);
  }

  /** What `recordMatch` has come to: kept in checkpoints and given back at start. Ascending by node. */
  recordedMatches(): readonly RecordedMatch[] {
    return this.#core.records.all();
  }

  /** The membership in force at `index`, which must be at or after the log's base: for checkpoints. */
  membershipAt(index: LogIndex): MembershipAt {
    return this.#core.memberships.at(index);
  }

  /** True when `ready()` has something to say. */
  hasReady(): boolean {
    const core = this.#core;
    const lead = this.#lead();
    return (
      !core.outbox.isEmpty ||
      mustWrite(core) ||
      mayApply(core) ||
      this.#softStateChanged() ||
      (lead !== undefined && (lead.appendsDue || readsAreDue(core, lead)))
    );
  }

  /** Takes everything that is to be done now. */
  ready(): Ready {
    const core = this.#core;
    const lead = this.#lead();
    if (lead !== undefined) {
      beginReads(core, lead);
      if (lead.appendsDue) sendAppends(core, lead);
    }
    const { outbox } = core;
    const softState = this.#takeSoftState();
    const write = takeWrite(core);
    const committed = takeCommitted(core);
    const { messages, readStates, readEntries, sendSnapshots } = outbox;
    if (messages.length > 0) outbox.messages = [];
    if (readStates.length > 0) outbox.readStates = [];
    if (readEntries.length > 0) outbox.readEntries = [];
    if (sendSnapshots.length > 0) outbox.sendSnapshots = [];
    // Field by field: a spread into a literal costs more than all the rest of this function.
    const { writeId, hardState, entries } = write;
    return {
      writeId,
      hardState,
      entries,
      messages,
      committed,
      readStates,
      readEntries,
      sendSnapshots,
      softState,
    };
  }

  /** A picture for operators, metrics and tests. */
  status(): RaftStatus {
    return statusOf(this.#core);
  }

  #lead(): Leadership | undefined {
    const { role } = this.#core;
    return role.kind === "leader" ? role.lead : undefined;
  }

  #advanceClock(nowMs: MonotonicMs): void {
    if (nowMs > this.#core.nowMs) this.#core.nowMs = nowMs;
  }

  /** A message of a later term. False when it is to be ignored, term and all. */
  #enterTerm(message: RaftMessage): boolean {
    const core = this.#core;
    switch (message.kind) {
      case "pre-vote-request":
        return true;
      case "pre-vote-response":
        // Granted, it names the term that was asked about; refused, the sender's own.
        if (!message.granted) becomeFollower(core, message.term, 0);
        return message.granted;
      case "vote-request":
        // Someone who cannot hear the leader shall not unseat it (dissertation §4.2.3).
        if (leaderIsFresh(core) && !message.transfer) return false;
        becomeFollower(core, message.term, 0);
        return true;
      case "append-request":
      case "heartbeat":
      case "timeout-now":
      case "readmit":
        becomeFollower(core, message.term, message.from);
        return true;
      case "vote-response":
      case "append-accepted":
      case "append-rejected":
      case "heartbeat-response":
        becomeFollower(core, message.term, 0);
        return true;
    }
  }

  /** A message of an earlier term: who thinks that it leads, or that it might, is told of the present one. */
  #answerOldTerm(message: RaftMessage): void {
    const core = this.#core;
    switch (message.kind) {
      case "pre-vote-request":
        takePreVoteRequest(core, message);
        return;
      case "vote-request":
        takeVoteRequest(core, message);
        return;
      case "append-request":
      case "heartbeat":
        sendWhenDurable(core, {
          kind: "heartbeat-response",
          from: core.config.id,
          to: message.from,
          term: core.term,
          round: 0,
          identity: core.identity,
        });
        return;
      case "pre-vote-response":
      case "vote-response":
      case "append-accepted":
      case "append-rejected":
      case "heartbeat-response":
      case "timeout-now":
      case "readmit":
        return;
    }
    unreachable(message);
  }

  #dispatch(message: RaftMessage): void {
    const core = this.#core;
    const { role } = core;
    switch (message.kind) {
      case "pre-vote-request":
        takePreVoteRequest(core, message);
        return;
      case "pre-vote-response":
        takePreVoteResponse(core, message);
        return;
      case "vote-request":
        takeVoteRequest(core, message);
        return;
      case "vote-response":
        takeVoteResponse(core, message);
        return;
      case "append-request":
      case "heartbeat":
      case "readmit":
        // Two leaders in one term cannot be: whoever says so is not to be believed.
        if (role.kind === "leader") return;
        followLeader(core, message.from);
        if (message.kind === "append-request") takeAppend(core, message);
        else if (message.kind === "heartbeat") takeHeartbeat(core, message);
        else takeReadmit(core, message);
        return;
      case "timeout-now":
        if (role.kind !== "leader" && core.installing === undefined) takeTimeoutNow(core);
        return;
      case "append-accepted":
        if (role.kind === "leader") takeAppendAccepted(core, role.lead, message);
        return;
      case "append-rejected":
        if (role.kind === "leader") takeAppendRejected(core, role.lead, message);
        return;
      case "heartbeat-response":
        if (role.kind === "leader") takeHeartbeatResponse(core, role.lead, message);
        return;
    }
    unreachable(message);
  }

  #currentSoftState(): SoftState {
    const { role, leader, term } = this.#core;
    return { role: role.kind, leader, term };
  }

  #softStateChanged(): boolean {
    const { role, leader, term } = this.#core;
    const before = this.#softState;
    return role.kind !== before.role || leader !== before.leader || term !== before.term;
  }

  #takeSoftState(): SoftState | undefined {
    if (!this.#softStateChanged()) return undefined;
    this.#softState = this.#currentSoftState();
    return this.#softState;
  }
}

const NOT_LEADER = { ok: false, reason: "not-leader" } as const;

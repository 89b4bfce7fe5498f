/** What a leader does with answers, with time, and with what clients and operators ask of it. */
import type { NodeId } from "@kqueuey/base";
import { applyChange, findVoter, isJoint, leaveJoint } from "./confchange/change.ts";
import {
  appendMembership,
  bestSuccessor,
  broadcastHeartbeats,
  isActive,
  membershipIsSettled,
  sendTimeoutNow,
  tryTransfer,
} from "./leadership.ts";
import type { AppendAccepted, AppendRejected, HeartbeatResponse } from "./message.ts";
import { jointHolds, voterSets } from "./quorum/joint.ts";
import { acceptIdentity, expectNewcomer, proposeReadmission } from "./readmission.ts";
import {
  advanceCommit,
  appendOwn,
  takeAccepted,
  takeRejected,
  takeSignOfLife,
} from "./replication.ts";
import type {
  MembershipChange,
  MembershipChangeResult,
  ProposeResult,
  ReadIndexResult,
  StepDownReason,
  TransferResult,
} from "./results.ts";
import { becomeFollower } from "./role.ts";
import type { Core, Leadership } from "./state.ts";
import { becomeProbe, type Progress } from "./tracker/progress.ts";
import type { Member, Membership } from "./types.ts";

export function takeAppendAccepted(core: Core, lead: Leadership, message: AppendAccepted): void {
  const progress = countedSender(core, lead, message);
  if (progress === undefined || message.match > core.log.lastIndex) return;
  if (takeAccepted(lead, progress, message)) {
    commitMore(core, lead);
    if (core.role.kind === "leader" && lead.transfer?.to === progress.id) tryTransfer(core, lead);
  }
}

export function takeAppendRejected(core: Core, lead: Leadership, message: AppendRejected): void {
  const progress = countedSender(core, lead, message);
  if (progress !== undefined) takeRejected(core, { lead, progress }, message);
}

export function takeHeartbeatResponse(
  core: Core,
  lead: Leadership,
  message: HeartbeatResponse,
): void {
  const progress = countedSender(core, lead, message);
  if (progress === undefined) return;
  if (message.round <= lead.reads.roundNumber) {
    progress.round = Math.max(progress.round, message.round);
  }
  finishReads(core, lead);
  takeSignOfLife(core, lead, progress);
}

/** Counts what is on disks, its own included, and does whatever waited for a commit. */
export function commitMore(core: Core, lead: Leadership): void {
  if (!advanceCommit(core, lead)) return;
  // A commit may settle a membership, which may commit more: a voter less, or the end of a joint one.
  settle(core, lead);
}

export function tickLeader(core: Core, lead: Leadership): void {
  const { config } = core;
  if (!lead.tracker.quorumHolds((progress) => isActive(core, progress))) {
    // Check-quorum: cut off from a majority, it would only hold clients up (dissertation §6.2).
    becomeFollower(core, core.term, 0);
    return;
  }
  if (lead.transfer !== undefined && core.nowMs >= lead.transfer.deadlineMs) {
    const { stepDown } = lead.transfer;
    lead.transfer = undefined;
    if (stepDown) {
      giveUpLeadership(core);
      return;
    }
  }
  const waitingSinceMs = core.unstable.waitingSinceMs;
  if (waitingSinceMs !== undefined && core.nowMs - waitingSinceMs > config.electionTimeoutMaxMs) {
    handOver(core, lead, "slow-disk");
  }
  settle(core, lead);
  if (core.role.kind !== "leader") return;
  if (core.nowMs >= lead.heartbeatDueMs) {
    lead.heartbeatDueMs = core.nowMs + config.heartbeatMs;
    broadcastHeartbeats(core, lead);
  }
}

export function propose(core: Core, lead: Leadership, batch: readonly Uint8Array[]): ProposeResult {
  if (lead.transfer !== undefined) return { ok: false, reason: "transferring" };
  if (lead.uncommittedBytes >= core.config.uncommittedBytesMax)
    return { ok: false, reason: "full" };
  let first: ProposeResult | undefined;
  for (const data of batch) {
    const entry = appendOwn(core, lead, { kind: "commands", data });
    first ??= { ok: true, firstIndex: entry.index, term: entry.term };
  }
  return first ?? { ok: false, reason: "full" };
}

export function readIndex(lead: Leadership, context: number): ReadIndexResult {
  return lead.reads.add(context) ? { ok: true } : { ok: false, reason: "full" };
}

/** Begins the round that waiting reads need, once this term has committed something. */
export function beginReads(core: Core, lead: Leadership): void {
  if (!lead.reads.roundDue || core.commit < lead.firstIndex) return;
  lead.reads.beginRound(core.commit);
  broadcastHeartbeats(core, lead);
  finishReads(core, lead);
}

/** True when `beginReads` would begin one. */
export function readsAreDue(core: Core, lead: Leadership): boolean {
  return lead.reads.roundDue && core.commit >= lead.firstIndex;
}

export function transferLeadership(core: Core, lead: Leadership, to: NodeId): TransferResult {
  if (lead.transfer !== undefined) return { ok: false, reason: "transferring" };
  if (to === core.config.id) return { ok: true, to };
  const isVoter = lead.tracker.voters.incoming.some((member) => member.id === to);
  if (!isVoter || lead.tracker.get(to) === undefined) return { ok: false, reason: "not-a-voter" };
  beginTransfer(core, lead, { to, stepDown: false });
  return { ok: true, to };
}

/** Hands over to the best successor; a leader unfit to lead steps down even if that one does not take over. */
export function handOver(core: Core, lead: Leadership, reason: StepDownReason): TransferResult {
  if (lead.transfer !== undefined) return { ok: false, reason: "transferring" };
  const best = bestSuccessor(core, lead);
  if (best === undefined) return { ok: false, reason: "no-target" };
  beginTransfer(core, lead, { to: best.id, stepDown: reason !== "shutdown" });
  return { ok: true, to: best.id };
}

export function changeMembership(
  core: Core,
  lead: Leadership,
  change: MembershipChange,
): MembershipChangeResult {
  const refuse = (
    reason: Exclude<MembershipChangeResult, { readonly ok: true }>["reason"],
    detail: string,
  ): MembershipChangeResult => ({ ok: false, reason, detail });
  if (lead.transfer !== undefined) return refuse("transferring", "leadership is being handed over");
  const { membership } = core.memberships.latest;
  // The second condition was missing from the first description of Raft, which made it unsafe.
  if (core.commit < lead.firstIndex)
    return refuse("not-ready", "nothing of this term is committed");
  if (!membershipIsSettled(core) || isJoint(membership)) {
    return refuse("in-progress", "the last change is not complete");
  }
  const outcome = applyChange(membership, change);
  if (!outcome.ok) return refuse("invalid", outcome.detail);
  const laggard = change.find(
    (step) => step.kind === "promote" && !hasCaughtUp(core, lead, step.id),
  );
  if (laggard !== undefined) return refuse("lagging", `node ${laggard.id} has not caught up`);
  if (!isHealthy(core, lead, outcome.membership)) {
    return refuse("unhealthy", "the voters that would be left and answer are no majority");
  }
  const { index, term } = appendMembership(core, lead, outcome.membership);
  for (const step of change) {
    if (step.kind === "add" || step.kind === "add-learner") expectNewcomer(core, lead, step.id);
  }
  return { ok: true, index, term, joint: isJoint(outcome.membership) };
}

/** The connection to a follower broke: what was in flight is lost. */
export function peerLost(lead: Leadership, id: NodeId): void {
  const progress = lead.tracker.get(id);
  if (progress?.state.kind !== "replicate") return;
  becomeProbe(progress, progress.match + 1);
  progress.state = { kind: "probe", paused: true };
}

/** The one place where a leader changes the membership by itself, one step at a time. */
function settle(core: Core, lead: Leadership): void {
  if (core.commit < lead.firstIndex || !membershipIsSettled(core)) return;
  lead.tracker.forgetLeaving();
  const { membership } = core.memberships.latest;
  if (isJoint(membership)) {
    appendMembership(core, lead, leaveJoint(membership));
    commitMore(core, lead);
    return;
  }
  if (findVoter(membership, core.config.id) === undefined) {
    giveUpLeadership(core);
    return;
  }
  if (lead.transfer !== undefined) return;
  if (proposeReadmission(core, lead) || promoteJoining(core, lead)) commitMore(core, lead);
}

function promoteJoining(core: Core, lead: Leadership): boolean {
  const { membership } = core.memberships.latest;
  const ready = membership.members.find(
    (member) => member.role === "joining" && hasCaughtUp(core, lead, member.id),
  );
  if (ready === undefined) return false;
  const members = membership.members.map(
    (member): Member => (member === ready ? { ...member, role: "voter" } : member),
  );
  appendMembership(core, lead, { ...membership, members });
  return true;
}

function hasCaughtUp(core: Core, lead: Leadership, id: NodeId): boolean {
  const progress = lead.tracker.get(id);
  if (progress?.state.kind !== "replicate" || !isActive(core, progress)) return false;
  if (progress.match < lead.firstIndex) return false;
  return progress.match + core.config.promotionLagEntriesMax >= core.log.lastIndex;
}

/** True when the voters that answer now could decide under `membership`, so that the change can commit. */
function isHealthy(core: Core, lead: Leadership, membership: Membership): boolean {
  return jointHolds(voterSets(membership), (member) => {
    if (member.id === core.config.id) return true;
    const progress = lead.tracker.get(member.id);
    if (progress === undefined || progress.incarnation !== member.incarnation) return false;
    return progress.suspicion === undefined && isActive(core, progress);
  });
}

/** Steps down for good, or for a while: removed, or a disk too slow to lead with. */
function giveUpLeadership(core: Core): void {
  if (core.role.kind !== "leader") return;
  const best = bestSuccessor(core, core.role.lead);
  if (best !== undefined) sendTimeoutNow(core, best.id);
  becomeFollower(core, core.term, 0);
  // Others first.
  core.electionDueMs += core.config.electionTimeoutMaxMs;
}

function beginTransfer(
  core: Core,
  lead: Leadership,
  target: { readonly to: NodeId; readonly stepDown: boolean },
): void {
  const deadlineMs = core.nowMs + core.config.electionTimeoutMaxMs;
  lead.transfer = { ...target, deadlineMs, sent: false };
  tryTransfer(core, lead);
  lead.appendsDue = true;
}

function finishReads(core: Core, lead: Leadership): void {
  const open = lead.reads.openRound;
  if (open === undefined) return;
  if (!lead.tracker.quorumHolds((progress) => progress.round >= open)) return;
  lead.reads.finishRound(core.outbox.readStates);
}

/** The sender's progress if its answer counts: a member, under its admission, with its memory. */
function countedSender(
  core: Core,
  lead: Leadership,
  message: AppendAccepted | AppendRejected | HeartbeatResponse,
): Progress | undefined {
  const progress = lead.tracker.get(message.from);
  if (progress === undefined) return undefined;
  return acceptIdentity(core, { lead, progress }, message.identity) ? progress : undefined;
}

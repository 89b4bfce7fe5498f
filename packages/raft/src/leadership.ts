/** Becoming a leader, and the membership changes that only a leader makes. */
import type { LogIndex, NodeId, Term } from "@kqueuey/base";
import { encodeMembership } from "./confchange/codec.ts";
import { Reads } from "./read-index.ts";
import { appendOwn } from "./replication.ts";
import { send } from "./role.ts";
import type { Core, Leadership } from "./state.ts";
import type { Progress } from "./tracker/progress.ts";
import { Tracker } from "./tracker/tracker.ts";
import type { Membership } from "./types.ts";

const NO_DATA = new Uint8Array(0);

/** Takes office: an empty entry opens the term, since only its commit tells what is committed (paper §8). */
export function becomeLeader(core: Core): Leadership {
  const tracker = new Tracker({
    id: core.config.id,
    durableTo: () => core.unstable.durableTo,
  });
  const lead: Leadership = {
    tracker,
    reads: new Reads(core.config.readsMax),
    admissions: new Map(),
    firstIndex: core.log.lastIndex + 1,
    heartbeatDueMs: core.nowMs,
    transfer: undefined,
    appendsDue: true,
    uncommittedBytes: 0,
  };
  tracker.enter(core.memberships.latest.membership, core.log.lastIndex, core.nowMs);
  core.role = { kind: "leader", lead };
  core.leader = core.config.id;
  appendOwn(core, lead, { kind: "noop", data: NO_DATA });
  return lead;
}

/** Appends a membership, which is in force at once (paper §6). */
export function appendMembership(
  core: Core,
  lead: Leadership,
  membership: Membership,
): { readonly index: LogIndex; readonly term: Term } {
  const before = core.log.lastIndex;
  const entry = appendOwn(core, lead, {
    kind: "membership",
    data: encodeMembership(membership),
  });
  core.memberships.push({ index: entry.index, membership });
  lead.tracker.enter(membership, before, core.nowMs);
  return { index: entry.index, term: entry.term };
}

/** True when nothing stands against a new membership but the change itself. */
export function membershipIsSettled(core: Core): boolean {
  return core.memberships.latest.index <= core.commit;
}

/** A round of heartbeats to everyone, which also asks for the newest round of reads. */
export function broadcastHeartbeats(core: Core, lead: Leadership): void {
  for (const progress of lead.tracker.peers) {
    send(core, {
      kind: "heartbeat",
      from: core.config.id,
      to: progress.id,
      term: core.term,
      commit: heartbeatCommit(core, progress),
      round: lead.reads.roundNumber,
    });
  }
}

/** Hands over to `to` if it has everything; otherwise it is tried again when more is acknowledged. */
export function tryTransfer(core: Core, lead: Leadership): void {
  const { transfer } = lead;
  if (transfer === undefined || transfer.sent) return;
  const progress = lead.tracker.get(transfer.to);
  if (progress === undefined || progress.match < core.log.lastIndex) return;
  transfer.sent = true;
  sendTimeoutNow(core, transfer.to);
}

export function sendTimeoutNow(core: Core, to: NodeId): void {
  send(core, { kind: "timeout-now", from: core.config.id, to, term: core.term });
}

/** The voter that answered lately and has most of the log; undefined when there is none. */
export function bestSuccessor(core: Core, lead: Leadership): Progress | undefined {
  let best: Progress | undefined;
  for (const progress of lead.tracker.peers) {
    const isCandidate = lead.tracker.voters.incoming.some(
      (member) => member.id === progress.id && member.incarnation === progress.incarnation,
    );
    if (!isCandidate || !isActive(core, progress)) continue;
    if (best === undefined || progress.match > best.match) best = progress;
  }
  return best;
}

/** True when the peer answered within the longest election timeout. */
export function isActive(core: Core, progress: Progress): boolean {
  return core.nowMs - progress.heardMs < core.config.electionTimeoutMaxMs;
}

function heartbeatCommit(core: Core, progress: Progress): LogIndex {
  return Math.min(core.commit, progress.match) as LogIndex;
}

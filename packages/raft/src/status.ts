/** One node's view of its group, as plain values. */
import { logIndex } from "@kqueuey/base";
import { isActive, membershipIsSettled } from "./leadership.ts";
import type { PeerStatus, RaftStatus } from "./results.ts";
import { type Core, hardStateOf, inProbation } from "./state.ts";
import type { Progress } from "./tracker/progress.ts";
import { sameHardState } from "./unstable.ts";

export function statusOf(core: Core): RaftStatus {
  const { role, log, unstable } = core;
  const lead = role.kind === "leader" ? role.lead : undefined;
  const peers = lead === undefined ? [] : [...lead.tracker.peers].map((p) => peerStatus(core, p));
  return {
    id: core.config.id,
    incarnation: core.incarnation,
    probation: inProbation(core),
    role: role.kind,
    term: core.term,
    vote: core.vote,
    voteIsDurable: sameHardState(hardStateOf(core), unstable.durableHardState),
    leader: core.leader,
    commit: logIndex(core.commit),
    applied: logIndex(core.applied),
    firstIndex: logIndex(log.baseIndex + 1),
    lastIndex: logIndex(log.lastIndex),
    durable: logIndex(unstable.durableTo),
    bootLastIndex: core.identity.bootLastIndex,
    membership: core.memberships.latest.membership,
    membershipCommitted: membershipIsSettled(core),
    transferTo: lead?.transfer?.to ?? 0,
    tailBytes: log.tailBytes,
    uncommittedBytes: lead?.uncommittedBytes ?? 0,
    peers: peers.sort((a, b) => a.id - b.id),
  };
}

function peerStatus(core: Core, progress: Progress): PeerStatus {
  const { members, outgoing } = core.memberships.latest.membership;
  const member = members.find((candidate) => candidate.id === progress.id);
  const isOutgoing = outgoing.some((candidate) => candidate.id === progress.id);
  return {
    id: progress.id,
    incarnation: progress.incarnation,
    role: member?.role ?? (isOutgoing ? "outgoing" : "leaving"),
    state: progress.state.kind,
    match: logIndex(progress.match),
    next: logIndex(progress.next),
    active: isActive(core, progress),
  };
}

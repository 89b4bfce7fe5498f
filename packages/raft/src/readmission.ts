/**
 * Amnesia is not allowed back in. A member is (node id, incarnation); its promises (votes, acknowledged
 * entries) belong to that admission. A node whose answers come from another one, or from a disk that held
 * less at its start than it had acknowledged, is refused:
 *
 *     answers refused for a while -> membership entry: no voter, new incarnation (commits without it)
 *        -> "readmit" to that very process start -> it persists the incarnation and acknowledges anew
 *        -> caught up -> membership entry: voter again
 *
 * The membership entry is the barrier. A vote that the node gave and forgot can only help a candidate whose
 * log lacks the entry, and no such candidate wins once a quorum without the node has it. A
 * process start takes an incarnation only if it is meant by number, since a message may be older than the wipe.
 */
import type { NodeId } from "@kqueuey/base";
import { readmitMember } from "./confchange/change.ts";
import { appendMembership } from "./leadership.ts";
import { judge } from "./match-records.ts";
import { send } from "./role.ts";
import type { Core, Leadership } from "./state.ts";
import { becomeProbe, type Progress } from "./tracker/progress.ts";
import type { Identity } from "./types.ts";

/** Whether an answer counts; if not, it is remembered against the sender. */
export function acceptIdentity(
  core: Core,
  context: { readonly lead: Leadership; readonly progress: Progress },
  identity: Identity,
): boolean {
  const { lead, progress } = context;
  if (isOwn(core, progress, identity)) {
    progress.suspicion = undefined;
    progress.heardMs = core.nowMs;
    if (progress.boot !== identity.boot) {
      // A new process: what was in flight is lost, and what it knows of this log must be asked again.
      const isFirst = progress.boot === 0;
      progress.boot = identity.boot;
      if (!isFirst && progress.state.kind !== "snapshot") becomeProbe(progress, progress.match + 1);
      lead.appendsDue = true;
    }
    return true;
  }
  // The process that counts now, before it was admitted: a message that took long.
  if (identity.boot === progress.boot) return false;
  if (!offer(core, context, identity)) {
    const sinceMs = progress.suspicion?.sinceMs ?? core.nowMs;
    progress.suspicion = { sinceMs, boot: identity.boot, incarnation: identity.incarnation };
  }
  return false;
}

/** Proposes a new admission for one member that was refused long enough; false when there is none. */
export function proposeReadmission(core: Core, lead: Leadership): boolean {
  const { membership } = core.memberships.latest;
  for (const progress of lead.tracker.peers) {
    const { suspicion } = progress;
    if (suspicion === undefined || progress.leaving) continue;
    // One late message proves nothing: an honest process answers again in the meantime.
    if (core.nowMs - suspicion.sinceMs < core.config.electionTimeoutMinMs) continue;
    const next = readmitMember(membership, progress.id, suspicion.incarnation);
    if (next === undefined) continue;
    const { index } = appendMembership(core, lead, next);
    lead.admissions.set(progress.id, {
      incarnation: next.lastIncarnation,
      boot: suspicion.boot,
      index,
    });
    return true;
  }
  return false;
}

/** A new member's process is not known yet: the first that answers is meant. */
export function expectNewcomer(core: Core, lead: Leadership, id: NodeId): void {
  const { index, membership } = core.memberships.latest;
  const member = membership.members.find((candidate) => candidate.id === id);
  if (member === undefined) return;
  lead.admissions.set(id, { incarnation: member.incarnation, boot: undefined, index });
}

function isOwn(core: Core, progress: Progress, identity: Identity): boolean {
  if (identity.incarnation !== progress.incarnation) return false;
  if (core.records.judge(progress.id, identity) !== "trusted") return false;
  return judge(identity, progress) === "trusted";
}

/** Sends the admission that this process start was given, once it is committed. True when there is one. */
function offer(
  core: Core,
  context: { readonly lead: Leadership; readonly progress: Progress },
  identity: Identity,
): boolean {
  const { lead, progress } = context;
  const admission = lead.admissions.get(progress.id);
  if (admission === undefined || admission.incarnation !== progress.incarnation) return false;
  if (identity.incarnation >= admission.incarnation) return false;
  admission.boot ??= identity.boot;
  if (admission.boot !== identity.boot) return false;
  if (admission.index > core.commit) return true;
  send(core, {
    kind: "readmit",
    from: core.config.id,
    to: progress.id,
    term: core.term,
    incarnation: admission.incarnation,
    boot: admission.boot,
  });
  return true;
}

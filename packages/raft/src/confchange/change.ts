/**
 * What a membership becomes by a change. One voter more or less is a change of its own: every majority
 * before it meets every majority after it. More than that goes through joint consensus (paper §6).
 */
import { type Incarnation, incarnation, type NodeId } from "@kqueuey/base";
import type { MemberChange, MembershipChange } from "../results.ts";
import type { Member, MemberRole, Membership } from "../types.ts";

const INCARNATION_MAX = 0xffff_ffff;

export type ChangeOutcome =
  | { readonly ok: true; readonly membership: Membership }
  /** `detail` says what is wrong, in words for an operator. */
  | { readonly ok: false; readonly detail: string };

/** The membership that a new group begins with: `ids` are voters under incarnation 1. */
export function bootstrapMembership(ids: readonly NodeId[]): Membership {
  const members = ids.map((id): Member => ({ id, incarnation: incarnation(1), role: "voter" }));
  return { members: sorted(members), outgoing: [], lastIncarnation: incarnation(1) };
}

/** Applies `change` to `membership`, which must not be joint. */
export function applyChange(membership: Membership, change: MembershipChange): ChangeOutcome {
  if (change.length === 0) return { ok: false, detail: "the change is empty" };
  const members = new Map(membership.members.map((member) => [member.id, member]));
  const touched = new Set<NodeId>();
  let last: number = membership.lastIncarnation;
  for (const step of change) {
    if (touched.has(step.id)) return { ok: false, detail: `node ${step.id} is changed twice` };
    touched.add(step.id);
    const known = members.get(step.id);
    const problem = findProblem(step, known);
    if (problem !== undefined) return { ok: false, detail: problem };
    if (step.kind === "remove") members.delete(step.id);
    else if (known !== undefined) members.set(step.id, { ...known, role: roleAfter(step) });
    else {
      last += 1;
      members.set(step.id, { id: step.id, incarnation: incarnation(last), role: roleAfter(step) });
    }
  }
  return finish(membership, [...members.values()], last);
}

/**
 * Takes the vote of a node that lost its memory: a voter becomes `joining`, everyone gets an incarnation
 * that nobody had before and that is above `claimed`, the one it speaks under. Undefined when no voter would be left to
 * decide it, or no higher incarnation is left.
 */
export function readmitMember(
  membership: Membership,
  id: NodeId,
  claimed: Incarnation,
): Membership | undefined {
  const highest = Math.max(membership.lastIncarnation, claimed);
  if (highest >= INCARNATION_MAX) return undefined;
  const last = incarnation(highest + 1);
  const members = membership.members.map(
    (member): Member =>
      member.id === id
        ? { id, incarnation: last, role: member.role === "learner" ? "learner" : "joining" }
        : member,
  );
  if (!members.some((member) => member.role === "voter")) return undefined;
  return { members, outgoing: [], lastIncarnation: last };
}

/** The end of joint consensus: the incoming voters decide alone. */
export function leaveJoint(membership: Membership): Membership {
  return { ...membership, outgoing: [] };
}

export function isJoint(membership: Membership): boolean {
  return membership.outgoing.length > 0;
}

/** The member `id` as a voter of either half, or undefined. */
export function findVoter(membership: Membership, id: NodeId): Member | undefined {
  return (
    membership.members.find((member) => member.id === id && member.role === "voter") ??
    membership.outgoing.find((member) => member.id === id)
  );
}

function findProblem(step: MemberChange, known: Member | undefined): string | undefined {
  switch (step.kind) {
    case "add":
    case "add-learner":
      return known === undefined ? undefined : `node ${step.id} is a member already`;
    case "promote":
      if (known === undefined) return `node ${step.id} is not a member`;
      return known.role === "voter" ? `node ${step.id} is a voter already` : undefined;
    case "demote":
      if (known === undefined) return `node ${step.id} is not a member`;
      return known.role === "learner" ? `node ${step.id} is a learner already` : undefined;
    case "remove":
      return known === undefined ? `node ${step.id} is not a member` : undefined;
  }
}

function roleAfter(step: Exclude<MemberChange, { readonly kind: "remove" }>): MemberRole {
  switch (step.kind) {
    case "add":
      return "joining";
    case "promote":
      return "voter";
    case "add-learner":
    case "demote":
      return "learner";
  }
}

function finish(before: Membership, members: readonly Member[], last: number): ChangeOutcome {
  const isVoter = (member: Member): boolean => member.role === "voter";
  const votersBefore = before.members.filter(isVoter);
  const votersAfter = members.filter(isVoter);
  if (votersAfter.length === 0) return { ok: false, detail: "no voter would be left" };
  const has = (list: readonly Member[], id: NodeId): boolean => list.some((m) => m.id === id);
  const gained = votersAfter.filter((member) => !has(votersBefore, member.id)).length;
  const lost = votersBefore.filter((member) => !has(votersAfter, member.id)).length;
  const membership: Membership = {
    members: sorted(members),
    outgoing: gained + lost > 1 ? votersBefore : [],
    lastIncarnation: incarnation(last),
  };
  return { ok: true, membership };
}

function sorted(members: readonly Member[]): Member[] {
  return [...members].sort((a, b) => a.id - b.id);
}

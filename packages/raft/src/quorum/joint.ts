/**
 * Decisions of a membership, joint or not: in joint consensus both the incoming and the outgoing voters
 * must agree by a majority of their own (paper §6).
 */
import type { Member, Membership } from "../types.ts";
import {
  drawMajority,
  majorityHolds,
  majorityIndex,
  majorityVote,
  type VoteResult,
} from "./majority.ts";

/** The two sets of voters that must agree; `outgoing` is empty unless joint. */
export interface VoterSets {
  readonly incoming: readonly Member[];
  readonly outgoing: readonly Member[];
}

export function voterSets(membership: Membership): VoterSets {
  return {
    incoming: membership.members.filter((member) => member.role === "voter"),
    outgoing: membership.outgoing,
  };
}

/** The highest index that both halves have. */
export function jointIndex(sets: VoterSets, matchOf: (member: Member) => number): number {
  return Math.min(majorityIndex(sets.incoming, matchOf), majorityIndex(sets.outgoing, matchOf));
}

/** True when a majority of both halves satisfies `test`. */
export function jointHolds(sets: VoterSets, test: (member: Member) => boolean): boolean {
  return majorityHolds(sets.incoming, test) && majorityHolds(sets.outgoing, test);
}

/** Won when both halves are won, lost as soon as one is. */
export function jointVote(
  sets: VoterSets,
  voteOf: (member: Member) => boolean | undefined,
): VoteResult {
  const incoming = majorityVote(sets.incoming, voteOf);
  const outgoing = majorityVote(sets.outgoing, voteOf);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}

/** Both halves, drawn. */
export function drawJoint(sets: VoterSets, matchOf: (member: Member) => number): string {
  const incoming = drawMajority(sets.incoming, matchOf);
  if (sets.outgoing.length === 0) return incoming;
  const outgoing = drawMajority(sets.outgoing, matchOf);
  return `incoming\n${incoming}\noutgoing\n${outgoing}\nagreed ${jointIndex(sets, matchOf)}`;
}

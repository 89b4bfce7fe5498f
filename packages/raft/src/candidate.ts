/** What a node that (pre-)campaigns does with messages of its term. */
import { campaign, takeVote } from "./election.ts";
import type { PreVoteResponse, VoteResponse } from "./message.ts";
import type { Core } from "./state.ts";

/** Granted pre-votes carry the term that was asked about, refusals the refuser's. */
export function takePreVoteResponse(core: Core, message: PreVoteResponse): void {
  const { role } = core;
  if (role.kind !== "pre-candidate") return;
  if (message.granted && message.term !== core.term + 1) return;
  takeVote(core, role.votes, message);
}

export function takeVoteResponse(core: Core, message: VoteResponse): void {
  const { role } = core;
  if (role.kind !== "candidate" || message.term !== core.term) return;
  takeVote(core, role.votes, message);
}

/** The leader hands over: no pre-vote, and voters need not wait until the leader is silent. */
export function takeTimeoutNow(core: Core): void {
  campaign(core, true);
}

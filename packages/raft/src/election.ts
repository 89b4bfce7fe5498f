/**
 * Who may ask for votes, who gives them, and when (paper §5.2, §5.4.1; dissertation §4.2.3, §9.6).
 *
 * A campaign begins with a pre-vote, which changes nothing anywhere: a node that was cut off comes back
 * without having raised the term. Voters refuse while they hear from a leader. A vote leaves, and
 * a candidate counts its own, only once it is on disk.
 */
import { type NodeId, type Term, term } from "@kqueuey/base";
import { becomeLeader } from "./leadership.ts";
import type { PreVoteRequest, PreVoteResponse, VoteRequest, VoteResponse } from "./message.ts";
import { jointVote, voterSets } from "./quorum/joint.ts";
import type { VoteResult } from "./quorum/majority.ts";
import { becomeFollower, sendWhenDurable } from "./role.ts";
import {
  type Core,
  drawElectionTimeout,
  inProbation,
  isPromotable,
  leaderIsFresh,
  type Votes,
} from "./state.ts";
import type { Identity, Member } from "./types.ts";

/** No sign of life: asks whether a campaign could be won. */
export function startPreVote(core: Core): void {
  becomeFollower(core, core.term, 0);
  if (!isPromotable(core)) return;
  const votes: Votes = new Map([
    [core.config.id, { granted: true, incarnation: core.incarnation }],
  ]);
  core.role = { kind: "pre-candidate", votes };
  if (countVotes(core, votes) === "won") {
    campaign(core, false);
    return;
  }
  for (const to of otherVoters(core)) {
    sendWhenDurable(core, {
      kind: "pre-vote-request",
      from: core.config.id,
      to,
      term: term(core.term + 1),
      ...lastPosition(core),
      identity: core.identity,
    });
  }
}

/** Raises the term and asks for votes; `transfer`: because the leader said so. */
export function campaign(core: Core, transfer: boolean): void {
  if (!isPromotable(core)) return;
  becomeFollower(core, term(core.term + 1), 0);
  core.vote = core.config.id;
  const votes: Votes = new Map();
  core.role = { kind: "candidate", votes, transfer };
  for (const to of otherVoters(core)) {
    sendWhenDurable(core, {
      kind: "vote-request",
      from: core.config.id,
      to,
      term: core.term,
      ...lastPosition(core),
      transfer,
      identity: core.identity,
    });
  }
}

/** The hard state reached the disk: a candidate now has its own vote. */
export function countOwnVote(core: Core): void {
  const { role, unstable } = core;
  if (role.kind !== "candidate" || role.votes.has(core.config.id)) return;
  const durable = unstable.durableHardState;
  if (durable.term !== core.term || durable.vote !== core.config.id) return;
  role.votes.set(core.config.id, { granted: true, incarnation: core.incarnation });
  decide(core, role.votes);
}

export function takePreVoteRequest(core: Core, message: PreVoteRequest): void {
  if (inProbation(core)) return;
  const granted =
    message.term > core.term &&
    !leaderIsFresh(core) &&
    core.log.isUpToDate(message.lastIndex, message.lastTerm) &&
    isTrusted(core, message.from, message.identity);
  sendWhenDurable(core, {
    kind: "pre-vote-response",
    from: core.config.id,
    to: message.from,
    term: granted ? message.term : core.term,
    granted,
    identity: core.identity,
  });
}

/** A request in the current term; the caller has followed a higher one already. */
export function takeVoteRequest(core: Core, message: VoteRequest): void {
  if (inProbation(core)) return;
  const mayVote = core.vote === message.from || (core.vote === 0 && core.leader === 0);
  const granted =
    message.term === core.term &&
    mayVote &&
    core.log.isUpToDate(message.lastIndex, message.lastTerm) &&
    isTrusted(core, message.from, message.identity);
  if (granted) {
    core.vote = message.from;
    // Whoever gave a vote waits for its outcome.
    drawElectionTimeout(core);
  }
  sendWhenDurable(core, {
    kind: "vote-response",
    from: core.config.id,
    to: message.from,
    term: core.term,
    granted,
    identity: core.identity,
  });
}

/** An answer to this node's (pre-)vote in the right role and term. */
export function takeVote(core: Core, votes: Votes, message: PreVoteResponse | VoteResponse): void {
  const { identity } = message;
  if (!isTrusted(core, message.from, identity)) return;
  const before = votes.get(message.from);
  // The first answer stands, unless it came under an admission that is not the one asked for any more.
  if (before !== undefined && before.incarnation >= identity.incarnation) return;
  votes.set(message.from, { granted: message.granted, incarnation: identity.incarnation });
  decide(core, votes);
}

function decide(core: Core, votes: Votes): void {
  switch (countVotes(core, votes)) {
    case "won":
      if (core.role.kind === "pre-candidate") campaign(core, false);
      else becomeLeader(core);
      return;
    case "lost":
      becomeFollower(core, core.term, 0);
      return;
    case "pending":
      return;
  }
}

/** A vote counts for the admission that gave it, so that of a wiped node's earlier life is void. */
function countVotes(core: Core, votes: Votes): VoteResult {
  const sets = voterSets(core.memberships.latest.membership);
  return jointVote(sets, (member: Member) => {
    const vote = votes.get(member.id);
    return vote?.incarnation === member.incarnation ? vote.granted : undefined;
  });
}

/** False when the sender has lost its memory as far as the log tells: neither its vote nor its candidacy counts. */
function isTrusted(core: Core, from: NodeId, identity: Identity): boolean {
  const { members } = core.memberships.latest.membership;
  const member = members.find((candidate) => candidate.id === from);
  // An admission newer than the log knows is fine: this log is behind.
  if (member !== undefined && identity.incarnation < member.incarnation) return false;
  return core.records.judge(from, identity) === "trusted";
}

function otherVoters(core: Core): NodeId[] {
  const { incoming, outgoing } = voterSets(core.memberships.latest.membership);
  const ids = new Set<NodeId>();
  for (const member of [...incoming, ...outgoing]) ids.add(member.id);
  ids.delete(core.config.id);
  return [...ids].sort((a, b) => a - b);
}

function lastPosition(core: Core): Pick<VoteRequest, "lastIndex" | "lastTerm"> {
  return {
    lastIndex: core.log.lastIndex as VoteRequest["lastIndex"],
    lastTerm: core.log.lastTerm as Term,
  };
}

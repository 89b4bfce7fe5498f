/** Sending, and falling back to follower: what every role does. */
import type { NodeId, Term } from "@kqueuey/base";
import type { RaftMessage } from "./message.ts";
import { type Core, drawElectionTimeout, hardStateOf } from "./state.ts";
import { sameHardState } from "./unstable.ts";

/** Sends now: for what promises nothing that is not on disk yet. */
export function send(core: Core, message: RaftMessage): void {
  core.outbox.messages.push(message);
}

/**
 * Sends once the hard state as it stands is durable: for votes, requests for votes and answers. Writes
 * complete in order, so every entry handed out before is durable by then as well.
 */
export function sendWhenDurable(core: Core, message: RaftMessage): void {
  const { unstable, outbox } = core;
  const current = hardStateOf(core);
  if (!sameHardState(current, unstable.handedHardState)) {
    outbox.sendAfter(unstable.nextWriteId, message);
  } else if (!sameHardState(current, unstable.durableHardState)) {
    outbox.sendAfter(unstable.lastWriteId, message);
  } else {
    outbox.messages.push(message);
  }
}

/** Follows in `term`, which is the current one or later, under `leader` (0: not known yet). */
export function becomeFollower(core: Core, term: Term, leader: NodeId | 0): void {
  if (term !== core.term) {
    core.term = term;
    core.vote = 0;
    core.verified = 0;
    core.acknowledged = 0;
  }
  core.role = { kind: "follower" };
  core.leader = leader;
  drawElectionTimeout(core);
}

/** Another node leads the current term. */
export function followLeader(core: Core, leader: NodeId): void {
  if (core.role.kind !== "follower" || core.leader !== leader) {
    becomeFollower(core, core.term, leader);
  }
}

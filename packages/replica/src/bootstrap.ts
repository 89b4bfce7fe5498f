/**
 * Whether an empty directory may begin a cluster. It may when every listed peer says that its own is
 * empty too, or holds a cluster so new that nobody ever voted in it; or when the operator says so.
 * If any peer knows more, this node has lost its memory: it starts in probation and is re-admitted.
 */
import type { NodeId, Term } from "@kqueuey/base";
import type { DirectoryState } from "./wire/frame.ts";

export type BootstrapDecision = "wait" | "begin" | "probation";

export class Bootstrap {
  readonly #peers: readonly NodeId[];
  readonly #answers = new Map<NodeId, "empty" | "known">();

  /** `peers`: every other node that the configuration lists. */
  constructor(peers: readonly NodeId[]) {
    this.#peers = peers;
  }

  /** A peer says what its directory holds. */
  onGreeting(from: NodeId, state: DirectoryState, term: Term): void {
    const empty = state === "fresh" || (state === "new" && term === 0);
    this.#answers.set(from, empty ? "empty" : "known");
  }

  /** What to do, given what was heard so far. `forced`: the operator's explicit word. */
  decide(forced: boolean): BootstrapDecision {
    let heard = 0;
    for (const peer of this.#peers) {
      const answer = this.#answers.get(peer);
      if (answer === "known") return "probation";
      if (answer === "empty") heard += 1;
    }
    return forced || heard === this.#peers.length ? "begin" : "wait";
  }

  /** Peers that have not answered. */
  missing(): readonly NodeId[] {
    return this.#peers.filter((peer) => !this.#answers.has(peer));
  }
}

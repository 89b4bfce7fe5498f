/**
 * The promises' own limit: at most a minority of the voters is failed at a time. A failure is a hold on
 * its node; the node counts as failed until every hold on it was released.
 */
import { assert, type NodeId } from "@kqueuey/base";

/** Sets of voters that decide; while a membership is joint, each half is one. */
export type VoterSets = readonly (readonly NodeId[])[];

export class Budget {
  readonly #voters: () => VoterSets;
  readonly #holds = new Map<NodeId, number>();

  /** `voters` says who decides now, by everybody's opinion: all of them have to be able to. */
  constructor(voters: () => VoterSets) {
    this.#voters = voters;
  }

  /** Whether these nodes may fail too. */
  allows(more: readonly NodeId[]): boolean {
    return this.#voters().every((voters) => this.#leavesMajority(voters, more));
  }

  /** Whether a membership could decide now, and still if `more` failed. */
  wouldHold(voters: readonly NodeId[], more: readonly NodeId[] = []): boolean {
    return this.#leavesMajority(voters, more);
  }

  /** The node is failed until the returned function is called, and all others of the node. */
  hold(id: NodeId): () => void {
    this.#holds.set(id, (this.#holds.get(id) ?? 0) + 1);
    let held = true;
    return () => {
      assert(held, "a hold is released once");
      held = false;
      const left = (this.#holds.get(id) ?? 0) - 1;
      if (left > 0) this.#holds.set(id, left);
      else this.#holds.delete(id);
    };
  }

  isFailed(id: NodeId): boolean {
    return this.#holds.has(id);
  }

  get failed(): number {
    return this.#holds.size;
  }

  #leavesMajority(voters: readonly NodeId[], more: readonly NodeId[]): boolean {
    const failed = voters.filter((id) => this.#holds.has(id) || more.includes(id)).length;
    return failed <= Math.floor((voters.length - 1) / 2);
  }
}

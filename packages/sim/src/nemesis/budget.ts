/**
 * The promises' own limit: at most a minority of the voters is failed at a time. A failure is a hold on
 * its node; the node counts as failed until every hold on it was released.
 */
import { assert, type NodeId } from "@kqueuey/base";

/** Who decides; while a membership is joint, each half is one. */
export interface Electorate {
  readonly voters: readonly NodeId[];
  /** Who becomes a voter at any moment, by itself, each in its own time. */
  readonly joining: readonly NodeId[];
}

export class Budget {
  readonly #electorates: () => readonly Electorate[];
  readonly #holds = new Map<NodeId, number>();

  /** `electorates`: who decides now, by everybody's opinion: all of them have to be able to. */
  constructor(electorates: () => readonly Electorate[]) {
    this.#electorates = electorates;
  }

  /** Whether these nodes may fail too. */
  allows(more: readonly NodeId[]): boolean {
    return this.#electorates().every((electorate) => this.#leavesMajority(electorate, more));
  }

  /** Whether a membership could decide now. */
  wouldHold(voters: readonly NodeId[], joining: readonly NodeId[] = []): boolean {
    return this.#leavesMajority({ voters, joining }, []);
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

  #leavesMajority({ voters, joining }: Electorate, more: readonly NodeId[]): boolean {
    const isFailed = (id: NodeId): boolean => this.#holds.has(id) || more.includes(id);
    // At worst those of the joining vote next who cannot.
    const all = [...voters, ...joining.filter(isFailed)];
    return all.filter(isFailed).length <= Math.floor((all.length - 1) / 2);
  }
}

/**
 * A node that cannot win an election does not call one: it asks first, and that changes nothing. So a node
 * that was cut off comes back in the term that it knew, and unseats nobody (dissertation §9.6). What can be
 * seen of it: nobody campaigns in one term after another while no other node follows into any of them.
 */
import type { NodeId } from "@kqueuey/base";
import type { Checker, NodeView, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

/**
 * Campaigns in a row that nobody heard of. One or two can be, since links that carried the pre-vote may break
 * right after it.
 */
const LONELY_MAX = 3;

interface Campaigns {
  /** The term of the latest. */
  term: number;
  /** How many in a row no other node has followed. */
  lonely: number;
}

export class Undisturbed implements Checker {
  readonly name = "undisturbed";
  readonly promise = "a node that was cut off comes back without disturbing the others";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #campaigns = new Map<NodeId, Campaigns>();
  readonly #terms = new Map<NodeId, number>();

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  stepped(node: NodeView): void {
    const { id } = node;
    const { role, term } = node.replica.role;
    if (this.#terms.get(id) !== term) {
      this.#terms.set(id, term);
      for (const [other, campaigns] of this.#campaigns) {
        if (other !== id && term >= campaigns.term) campaigns.lonely = 0;
      }
    }
    if (role !== "candidate") return;
    const known = this.#campaigns.get(id);
    if (known === undefined) {
      this.#campaigns.set(id, { term, lonely: 1 });
      return;
    }
    if (known.term === term) return;
    known.term = term;
    known.lonely += 1;
    if (known.lonely === LONELY_MAX + 1) {
      this.#verdicts.broken(
        `node ${id} campaigned in ${known.lonely} terms, the last of them ${term}, without any other node`,
      );
    }
  }
}

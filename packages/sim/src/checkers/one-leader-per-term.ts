/** Election safety (paper figure 3): at most one node leads a term. */
import type { NodeId } from "@kqueuey/base";
import type { Checker, NodeView, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class OneLeaderPerTerm implements Checker {
  readonly name = "one-leader-per-term";
  readonly promise = "at most one node leads a term";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #leaders = new Map<number, NodeId>();

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  stepped(node: NodeView): void {
    const { role, term } = node.replica.role;
    if (role !== "leader") return;
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, node.id);
    else if (known !== node.id) {
      this.#verdicts.broken(`nodes ${known} and ${node.id} lead term ${term}`);
    }
  }
}

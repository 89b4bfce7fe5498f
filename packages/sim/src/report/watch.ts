/** Writes into the trace when a checker finds a promise broken, so that a reader sees what came right before. */
import type { Checker, NodeView, Violation } from "../checkers/checker.ts";
import { BROKEN } from "./timeline.ts";

export class Watch implements Checker {
  readonly name: string = "watch";
  readonly promise: string = "a finding is seen at its time";
  readonly violations: readonly Violation[] = [];
  readonly #checkers: readonly Checker[];
  /** Each checker's findings: one list that grows, so that a look at every step costs little. */
  readonly #lists: readonly (readonly Violation[])[];
  readonly #tell: (node: NodeView["id"], what: string) => void;
  #seen = 0;

  constructor(checkers: readonly Checker[], tell: (node: NodeView["id"], what: string) => void) {
    this.#checkers = checkers;
    this.#lists = checkers.map((checker) => checker.violations);
    this.#tell = tell;
  }

  stepped(node: NodeView): void {
    let found = 0;
    for (const list of this.#lists) found += list.length;
    if (found === this.#seen) return;
    this.#seen = found;
    for (const { name, violations } of this.#checkers) {
      const last = violations.at(-1);
      if (last !== undefined)
        this.#tell(node.id, `${BROKEN}${last.promise} (${name}): ${last.what}`);
    }
  }
}

/**
 * Replicas that are equally far are equal: their running hashes at every index, and now and then, and at the
 * end, their whole states, which also shows what no transition's hash can tell, such as a page that a restore
 * got wrong.
 */
import type { NodeId } from "@kqueuey/base";
import type { QueueMachine } from "@kqueuey/queue";
import type { Entry } from "@kqueuey/raft";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

/** At every so-manieth index the whole state is looked at: it costs, since all of it is encoded. */
const WHOLE_EVERY = 128;

interface Known {
  readonly hash: string;
  readonly node: NodeId;
}

export class StateEquality implements Checker {
  readonly name = "state-equality";
  readonly promise = "replicas that applied equally much are in equal states";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  /** By index. */
  readonly #hashes: (Known | undefined)[] = [];

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  applied(node: { readonly id: NodeId }, entry: Entry, machine: QueueMachine): void {
    const isWhole = entry.index % WHOLE_EVERY === 0;
    const hash = isWhole ? `${machine.chainHash}/${machine.stateHash()}` : machine.chainHash;
    const known = this.#hashes[entry.index];
    if (known === undefined) {
      this.#hashes[entry.index] = { hash, node: node.id };
    } else if (known.hash !== hash) {
      this.#verdicts.broken(
        `at index ${entry.index} node ${node.id} is at ${hash}, node ${known.node} at ${known.hash}`,
      );
    }
  }

  ended(end: RunEnd): void {
    const states = new Map<number, Known>();
    for (const { id, replica } of end.nodes) {
      const index = replica.machine.appliedIndex;
      const hash = replica.machine.stateHash();
      const known = states.get(index);
      if (known === undefined) states.set(index, { hash, node: id });
      else if (known.hash !== hash) {
        this.#verdicts.broken(
          `at index ${index} the states of nodes ${id} and ${known.node} differ`,
        );
      }
    }
  }
}

/** The counters of every queue are those of the auditor's account, after every entry, on every replica. */
import type { NodeId } from "@kqueuey/base";
import { type QueueMachine, queueId } from "@kqueuey/queue";
import type { Entry } from "@kqueuey/raft";
import type { Auditor } from "../auditor/auditor.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class Counters implements Checker {
  readonly name = "counters";
  readonly promise = "a queue's counters are right after every entry";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  applied(node: { readonly id: NodeId }, entry: Entry, machine: QueueMachine): void {
    const account = this.#auditor.at(entry.index);
    for (const queue of account?.queues ?? []) this.#compare(node.id, machine, queue);
  }

  ended(end: RunEnd): void {
    for (const { id, replica } of end.nodes) {
      if (replica.machine.appliedIndex !== this.#auditor.index) continue;
      for (const queue of this.#auditor.rules.queues.values()) {
        this.#compare(id, replica.machine, { id: queue.id, ...queue.counters });
      }
    }
  }

  #compare(
    node: NodeId,
    machine: QueueMachine,
    account: { id: number; available: number; inFlight: number; delayed: number },
  ): void {
    const view = machine.describe(queueId(account.id));
    const isSame =
      view !== undefined &&
      view.available === account.available &&
      view.inFlight === account.inFlight &&
      view.delayed === account.delayed;
    if (isSame) return;
    this.#verdicts.broken(
      `at index ${machine.appliedIndex} node ${node} has ${view?.available} available, ` +
        `${view?.inFlight} in flight, ${view?.delayed} delayed in queue ${account.id}; it should have ` +
        `${account.available}, ${account.inFlight}, ${account.delayed}`,
    );
  }
}

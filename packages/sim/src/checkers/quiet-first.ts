/**
 * A receive from a standard queue gives messages of noisy groups only when no other message is ready, and each class
 * in the order of every standard queue: by what clients were told, against the account of what was ready. And which
 * groups are noisy is known alike on every replica after every entry: by the counters that readers are told.
 */
import type { NodeId } from "@kqueuey/base";
import { type QueueMachine, queueId } from "@kqueuey/queue";
import type { Entry } from "@kqueuey/raft";
import type { Grant } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import { type Choice, fairnessOf } from "../auditor/fair-rules.ts";
import type { FairnessCounts, GrantedMessage } from "../history/event.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class QuietFirst implements Checker {
  readonly name = "quiet-first";
  readonly promise = "messages of quiet groups are handed out before those of noisy ones";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  applied(node: { readonly id: NodeId }, entry: Entry, machine: QueueMachine): void {
    for (const account of this.#auditor.at(entry.index)?.queues ?? []) {
      this.#compare(node.id, machine, account);
    }
  }

  ended(end: RunEnd): void {
    for (const { id, replica } of end.nodes) {
      if (replica.machine.appliedIndex !== this.#auditor.index) continue;
      for (const queue of this.#auditor.rules.queues.values()) {
        this.#compare(id, replica.machine, { id: queue.id, ...fairnessOf(queue) });
      }
    }
    this.#judgeAnswers(end);
  }

  #compare(
    node: NodeId,
    machine: QueueMachine,
    account: FairnessCounts & { readonly id: number },
  ): void {
    const view = machine.describe(queueId(account.id));
    const { noisyGroups, availableQuiet } = account;
    if (view?.noisyGroups === noisyGroups && view.availableQuiet === availableQuiet) return;
    this.#verdicts.broken(
      `at index ${machine.appliedIndex} node ${node} has ${view?.noisyGroups} noisy groups in queue ` +
        `${account.id}, ${view?.availableQuiet} available of others; it should have ${noisyGroups}, ${availableQuiet}`,
    );
  }

  #judgeAnswers(end: RunEnd): void {
    const choices = new Map<Grant, Choice>();
    for (const choice of this.#auditor.fairRules.choices) {
      for (const grant of choice.grants) choices.set(grant, choice);
    }
    for (const { invoked, answered } of end.history.calls()) {
      const { operation, call } = invoked;
      if (operation.kind !== "receive" || answered?.answer.kind !== "granted") continue;
      const queue = this.#auditor.queuesByName.get(operation.queue);
      let last = -1;
      for (const told of answered.answer.messages) {
        const grant = queue?.grants[told.token - 1];
        const choice = grant === undefined ? undefined : choices.get(grant);
        if (choice === undefined) continue;
        const place = choice.ready.findIndex(({ id }) => id === told.messageId);
        this.#judge(`call ${call}`, told, { choice, place, last });
        last = place;
      }
    }
  }

  /** `place` is the message's among what was ready, `last` that of the one before it in the answer. */
  #judge(
    name: string,
    told: GrantedMessage,
    of: { readonly choice: Choice; readonly place: number; readonly last: number },
  ): void {
    const { choice, place, last } = of;
    const { ready, noisy, grants } = choice;
    const message = ready[place];
    if (message === undefined) {
      this.#verdicts.broken(`${name}: ${told.body} was handed out and was not ready`);
      return;
    }
    if (place > last && place < grants.length) return;
    // In its turn the message at the end of the grants would have been handed out in its place.
    const before = ready[place > last ? grants.length - 1 : last];
    const kind = noisy.has(message.group) ? "of a noisy group" : "of a quiet group";
    this.#verdicts.broken(
      `${name}: ${told.body}, ${kind}, was handed out before ${before?.body}, which was to come first`,
    );
  }
}

/**
 * Every acknowledged message ends in exactly one of: available, delayed, in flight, tombstoned, expired, purged
 * (or deleted with its queue), dead-lettered. By the auditor's account, and by the states of the machines, whose
 * live bodies must be exactly those of the account's live messages.
 */
import type { Message } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import type { MessageId } from "../history/event.ts";
import { messagesOf, repeats, type Sending } from "../history/messages.ts";
import type { Checker, NodeView, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class Fate implements Checker {
  readonly name = "fate";
  readonly promise = "an acknowledged message ends in exactly one place";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    const places = this.#places();
    const messages = messagesOf(end.history);
    for (const message of messages.values()) {
      for (const sending of message.sendings) {
        const { outcome, messageId, answeredAt } = sending;
        if (outcome !== "acknowledged" || messageId === undefined) continue;
        const stored = places.get(messageId) ?? [];
        if (stored.length === 0) {
          this.#verdicts.broken(`${message.body}: acknowledged at ${answeredAt}, not in the log`);
          continue;
        }
        const isOther = ({ body }: Message): boolean =>
          body !== message.body && !isRepetition(sending, messages.get(body)?.sendings ?? []);
        if (stored.some(isOther)) {
          this.#verdicts.broken(`${message.body}: acknowledged as ${stored[0]?.body}`);
        }
      }
    }
    this.#judgePlaces(places);
    for (const node of end.nodes) this.#judgeBodies(node);
  }

  /** The message in each queue where it was, by its identity. */
  #places(): Map<MessageId, Message[]> {
    const places = new Map<MessageId, Message[]>();
    for (const message of this.#auditor.rules.messages) {
      const stored = places.get(message.id);
      if (stored === undefined) places.set(message.id, [message]);
      else stored.push(message);
    }
    return places;
  }

  #judgePlaces(places: ReadonlyMap<MessageId, readonly Message[]>): void {
    for (const stored of places.values()) {
      const here = stored.filter((each) => each.fate !== "dead-lettered" && each.fate !== "moved");
      if (here.length === 1) continue;
      const where = stored.map((each) => `${each.queue.name}: ${each.fate ?? each.place}`);
      this.#verdicts.broken(`${stored[0]?.body}: ${where.join(", ")}`);
    }
  }

  #judgeBodies({ id, replica }: NodeView): void {
    const { machine } = replica;
    if (machine.appliedIndex !== this.#auditor.index) return;
    const live = new Map<number, number>();
    for (const queue of this.#auditor.rules.queues.values()) {
      for (const { entry } of queue.live.values()) live.set(entry, (live.get(entry) ?? 0) + 1);
    }
    machine.forEachLiveBody((entry, count) => {
      live.set(entry, (live.get(entry) ?? 0) - count);
    });
    for (const [entry, missing] of live) {
      if (missing === 0) continue;
      this.#verdicts.broken(`node ${id} keeps ${-missing} bodies too many of entry ${entry}`);
    }
  }
}

/** Whether the message was answered as another one, which one of the sends stored. */
function isRepetition(sending: Sending, others: readonly Sending[]): boolean {
  return others.some((other) => repeats(sending, other));
}

/**
 * A dead letter was received as often as its queue allows and no more, leaves and arrives in the same entry, and
 * is delivered from where it went only after that.
 */
import type { Message } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import type { MessageId } from "../history/event.ts";
import { messagesOf } from "../history/messages.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class AuditedDeadLetters implements Checker {
  readonly name = "audited-dead-letters";
  readonly promise = "a dead letter moves exactly once, in one step";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    const moved = new Map<MessageId, Message>();
    // What a task moved may become a dead letter anew.
    const again = new Set<MessageId>();
    for (const message of this.#auditor.rules.messages) {
      if (message.fate === "moved") {
        moved.delete(message.id);
        again.add(message.id);
      }
      if (message.fate !== "dead-lettered") continue;
      if (moved.has(message.id)) this.#verdicts.broken(`${message.body}: moved twice`);
      moved.set(message.id, message);
    }
    for (const id of again) moved.delete(id);
    for (const message of messagesOf(end.history).values()) {
      for (const { queue, token, messageId } of message.deliveries) {
        const grant = this.#auditor.queuesByName.get(queue)?.grants[token - 1];
        const left = moved.get(messageId);
        if (grant === undefined || left === undefined) continue;
        if (left.queue.name === queue && grant.index > left.leftAt) {
          this.#verdicts.broken(
            `${message.body}: left ${queue} at ${left.leftAt}, granted at ${grant.index}`,
          );
        }
        if (left.queue.name !== queue && grant.index < left.leftAt) {
          this.#verdicts.broken(`${message.body}: granted from ${queue} before it went there`);
        }
      }
    }
  }
}

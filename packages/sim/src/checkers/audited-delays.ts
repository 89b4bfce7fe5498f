/** No grant before its message's delay is over, a queue's own delay included, by the auditor's account. */
import type { Auditor } from "../auditor/auditor.ts";
import { messagesOf } from "../history/messages.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export class AuditedDelays implements Checker {
  readonly name = "audited-delays";
  readonly promise = "a delayed message does not come before its delay is over, and comes then";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    for (const message of messagesOf(end.history).values()) {
      for (const { queue, token, grantedAt } of message.deliveries) {
        const grant = this.#auditor.queuesByName.get(queue)?.grants[token - 1];
        if (grantedAt === undefined || grant === undefined) continue;
        const { notBefore } = grant;
        if (grantedAt >= notBefore) continue;
        this.#verdicts.broken(`${message.body}: delayed until ${notBefore}, out at ${grantedAt}`);
      }
    }
    for (const message of this.#auditor.rules.messages) {
      if (message.place !== "delayed" || !end.drained) continue;
      if (message.visibleAt > this.#auditor.now) continue;
      this.#verdicts.broken(`${message.body}: delayed until ${message.visibleAt}, still not there`);
    }
  }
}

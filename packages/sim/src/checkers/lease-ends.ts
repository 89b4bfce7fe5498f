/**
 * After the deadline a message comes back within a bound: while one leader led all the time it lets time pass in
 * the log soon after something is due. An unwatched deadline would wait for the next entry by chance.
 */
import type { Grant } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { oneLeaderBetween } from "./one-leader-between.ts";
import { Verdicts } from "./verdicts.ts";

/** A leader that lost its majority steps down before this is over, ms of cluster time. */
const BOUND_MS = 5_000;

export class LeaseEnds implements Checker {
  readonly name = "lease-ends";
  readonly promise = "a message comes back within a bound after its deadline";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    for (const queue of this.#auditor.queuesByName.values()) {
      for (const grant of queue.grants) this.#judge(grant, end.drained);
    }
  }

  #judge(grant: Grant, drained: boolean): void {
    const deadline = grant.deadlines.at(-1) ?? 0;
    const name = `${grant.message.body} under ${grant.token}`;
    if (grant.end === undefined) {
      if (drained && this.#auditor.now > deadline + BOUND_MS) {
        this.#verdicts.broken(`${name}: the lease ended at ${deadline}, nobody noticed`);
      }
      return;
    }
    const endedAt = grant.endedAt ?? 0;
    if (grant.end !== "deadline" || endedAt <= deadline + BOUND_MS) return;
    if (!oneLeaderBetween(this.#auditor, deadline, endedAt)) return;
    this.#verdicts.broken(`${name}: the lease ended at ${deadline}, noticed at ${endedAt}`);
  }
}

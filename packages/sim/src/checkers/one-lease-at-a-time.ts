/**
 * At most one live lease of a message, in cluster time. A lease lasts from its grant to its deadline, an extension's
 * included, or to the entry that ended it, by the auditor's account; what clients were told must fit in.
 */
import type { Grant } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import { messagesOf } from "../history/messages.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

interface Lease {
  readonly token: number;
  readonly from: number;
  readonly until: number;
}

export class OneLeaseAtATime implements Checker {
  readonly name = "one-lease-at-a-time";
  readonly promise = "at most one live lease of a message, in cluster time";
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
      const leases = new Map<string, Lease>();
      for (const { queue, token, grantedAt, deadline } of message.deliveries) {
        if (grantedAt === undefined || deadline === undefined) continue;
        const grant = this.#auditor.queuesByName.get(queue)?.grants[token - 1];
        const until = Math.min(grant?.endedAt ?? Number.POSITIVE_INFINITY, latest(grant, deadline));
        leases.set(`${queue} ${token}`, { token, from: grantedAt, until });
      }
      const what = overlapOf([...leases.values()]);
      if (what !== undefined) this.#verdicts.broken(`${message.body}: ${what}`);
    }
  }
}

function latest(grant: Grant | undefined, deadline: number): number {
  return Math.max(deadline, ...(grant?.deadlines ?? []));
}

function overlapOf(leases: readonly Lease[]): string | undefined {
  const ordered = [...leases].sort((a, b) => a.from - b.from || a.until - b.until);
  for (let i = 1; i < ordered.length; i++) {
    const [before, after] = [ordered[i - 1], ordered[i]];
    if (before === undefined || after === undefined || after.from >= before.until) continue;
    return `leased under ${before.token} until ${before.until}, under ${after.token} from ${after.from}`;
  }
  return undefined;
}

/**
 * Nothing of a group is handed out while a message before it is leased to another receive. By the leases that clients
 * were told of; the account says only when each was over. (A message that came back may be given again while one
 * behind it, from the same answer, is still leased.)
 */
import type { Auditor } from "../auditor/auditor.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { fifoAnswersOf, groupNameOf, type ToldGrant } from "./fifo-grants.ts";
import { Verdicts } from "./verdicts.ts";

interface Lease {
  readonly body: string;
  readonly call: number;
  readonly token: number;
  readonly sequence: number;
  readonly from: number;
  readonly until: number;
}

export class GroupLock implements Checker {
  readonly name = "group-lock";
  readonly promise = "a message in flight keeps back what comes after it in its group";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    const groups = new Map<string, Lease[]>();
    for (const { call, grants } of fifoAnswersOf(this.#auditor, end.history)) {
      for (const told of grants) {
        const name = groupNameOf(told.message);
        const leases = groups.get(name);
        if (leases === undefined) groups.set(name, [leaseOf(call, told)]);
        else leases.push(leaseOf(call, told));
      }
    }
    for (const leases of groups.values()) this.#judge(leases);
  }

  #judge(leases: readonly Lease[]): void {
    let live: Lease[] = [];
    for (const lease of [...leases].sort((a, b) => a.token - b.token)) {
      live = live.filter(({ until }) => until > lease.from);
      const before = live.find(
        ({ call, sequence }) => call !== lease.call && sequence < lease.sequence,
      );
      if (before !== undefined) {
        this.#verdicts.broken(
          `${lease.body} was handed out under ${lease.token} at ${lease.from}, ` +
            `${before.body} was leased under ${before.token} until ${before.until}`,
        );
      }
      live.push(lease);
    }
  }
}

function leaseOf(call: number, { told, grantedAt, message, grant }: ToldGrant): Lease {
  const deadline = Math.max(told.deadline ?? grantedAt, ...(grant?.deadlines ?? []));
  const endedAt = Math.min(message.leftAtMs, grant?.endedAt ?? Number.POSITIVE_INFINITY);
  return {
    body: message.body,
    call,
    token: told.token,
    sequence: message.sequence,
    from: grantedAt,
    until: Math.min(deadline, endedAt),
  };
}

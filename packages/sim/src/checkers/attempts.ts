/**
 * A receive that is tried again under its attempt id is given the messages of the first try, under the same receipts,
 * as long as all of its leases last and nobody has extended one of them.
 */
import type { Grant } from "../auditor/account.ts";
import type { Auditor, Execution } from "../auditor/auditor.ts";
import type { GrantedMessage } from "../history/event.ts";
import type { Call, History } from "../history/history.ts";
import { messagesOf } from "../history/messages.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

/** One try, as the log has it and as its client was told. */
interface Try {
  readonly call: number;
  readonly index: number;
  readonly grants: readonly Grant[];
  /** Empty: nobody heard of it. */
  readonly told: readonly GrantedMessage[];
}

export class Attempts implements Checker {
  readonly name = "attempts";
  readonly promise = "an attempt that is made again is given the same messages and receipts";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    const attempts = this.#triesOf(end.history);
    if (attempts.size === 0) return;
    const extended = extendedTokens(end.history);
    for (const [name, tries] of attempts) {
      const ordered = [...tries].sort((a, b) => a.index - b.index);
      for (let i = 1; i < ordered.length; i++) {
        const [before, after] = [ordered[i - 1], ordered[i]];
        if (before === undefined || after === undefined) continue;
        if (!this.#isUntouched(before, after, extended)) continue;
        this.#compare(name, before, after);
      }
    }
  }

  /** By queue and attempt. */
  #triesOf(history: History): Map<string, Try[]> {
    const attempts = new Map<string, Try[]>();
    for (const call of history.calls()) {
      const { operation } = call.invoked;
      if (operation.kind !== "receive" || operation.attempt === undefined) continue;
      const made = this.#tryOf(call);
      if (made === undefined) continue;
      const name = `${operation.queue} ${operation.attempt}`;
      const known = attempts.get(name);
      if (known === undefined) attempts.set(name, [made]);
      else known.push(made);
    }
    return attempts;
  }

  #tryOf({ invoked, answered }: Call): Try | undefined {
    const executions = this.#auditor.executions.get(invoked.requestKey ?? "") ?? [];
    const execution = executions.find(isGrant);
    if (execution?.outcome.kind !== "granted") return undefined;
    const told = answered?.answer.kind === "granted" ? answered.answer.messages : [];
    const { grants } = execution.outcome;
    return { call: invoked.call, index: execution.index, grants, told };
  }

  /** Whether every lease of `before` still lasted, as it was, when `after` was carried out. */
  #isUntouched(before: Try, after: Try, extended: ReadonlySet<string>): boolean {
    const now = this.#auditor.at(after.index)?.now ?? 0;
    return before.grants.every(
      ({ message, token, endedAt }) =>
        (endedAt ?? Number.POSITIVE_INFINITY) > now &&
        !extended.has(`${message.queue.name} ${token}`),
    );
  }

  #compare(name: string, before: Try, after: Try): void {
    const tokens = new Set(before.grants.map(({ token }) => token));
    const other = after.told.find(({ token }) => !tokens.has(token));
    if (other === undefined) return;
    const first = before.grants.map(({ message, token }) => `${message.body} under ${token}`);
    this.#verdicts.broken(
      `${name}: call ${before.call} was granted ${first.join(", ")}, ` +
        `call ${after.call} was told ${other.body} under ${other.token}`,
    );
  }
}

function isGrant({ outcome }: Execution): boolean {
  return outcome.kind === "granted" && outcome.grants.length > 0;
}

/** Leases that somebody extended, or tried to. */
function extendedTokens(history: History): Set<string> {
  const tokens = new Set<string>();
  for (const { showings } of messagesOf(history).values()) {
    for (const { action, queue, token } of showings) {
      if (action === "extend") tokens.add(`${queue} ${token}`);
    }
  }
  return tokens;
}

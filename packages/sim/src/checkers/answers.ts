/**
 * What clients are told is what the log says: the auditor's account of a request under its id. So a receipt that
 * was reported stale was stale, a grant is the one that was made, its body the one that was sent.
 */
import type { Auditor, Execution } from "../auditor/auditor.ts";
import type { AuditedOutcome } from "../auditor/outcome.ts";
import type { Answer, GrantedMessage, Invoked, Operation } from "../history/event.ts";
import type { Call } from "../history/history.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

/** As much is in flight as the receive wanted there to be at most. */
const FULL = "in-flight-limit";

export class Answers implements Checker {
  readonly name = "answers";
  readonly promise = "clients are told what the log says";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;
  /** Executions of receives by the attempt that they name. */
  readonly #attempts = new Map<string, Execution[]>();

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    const calls = end.history.calls();
    for (const { invoked } of calls) this.#noteAttempt(invoked);
    for (const call of calls) {
      const what = this.#judge(call);
      if (what !== undefined) this.#verdicts.broken(`call ${call.invoked.call}: ${what}`);
    }
  }

  /** One try of an attempt may be answered with what another one was granted, while both are in hand. */
  #noteAttempt({ operation, requestKey }: Invoked): void {
    if (operation.kind !== "receive" || requestKey === undefined) return;
    const name = attemptOf(operation);
    const executions = this.#auditor.executions.get(requestKey);
    if (name === undefined || executions === undefined) return;
    this.#attempts.set(name, [...(this.#attempts.get(name) ?? []), ...executions]);
  }

  #judge({ invoked, answered }: Call): string | undefined {
    const { requestKey } = invoked;
    if (requestKey === undefined || answered === undefined) return undefined;
    const { answer } = answered;
    const attempt = attemptOf(invoked.operation);
    const own = this.#auditor.executions.get(requestKey) ?? [];
    const executions = attempt === undefined ? own : (this.#attempts.get(attempt) ?? []);
    switch (answer.kind) {
      case "sent":
      case "settled":
      case "done":
      case "task":
        if (executions.some((each) => isSame(each.outcome, answer))) return undefined;
        return `told ${describe(answer)}, the log says ${describeAll(executions)}`;
      case "granted":
        return this.#judgeGrant(answer.messages, executions);
      case "refused":
        // Of what was refused before it reached the log there is no account.
        if (answer.reason !== FULL || executions.some((each) => isRefusal(each, FULL)))
          return undefined;
        return `told ${describe(answer)}, the log says ${describeAll(executions)}`;
      case "unknown":
      case "described":
      case "found":
      case "listed":
        return undefined;
    }
  }

  #judgeGrant(
    messages: readonly GrantedMessage[],
    executions: readonly Execution[],
  ): string | undefined {
    const granted = executions.flatMap(({ outcome }) =>
      outcome.kind === "granted" ? outcome.grants : [],
    );
    for (const told of messages) {
      const grant = granted.find((each) => each.token === told.token);
      if (grant === undefined)
        return `${told.body} was granted under ${told.token}, not in the log`;
      const { message } = grant;
      if (message.id !== told.messageId || message.body !== told.body) {
        return `told ${told.body} (${told.messageId}) for ${message.body} (${message.id})`;
      }
      if (grant.receiveCount !== told.receiveCount) {
        return `${told.body} was received ${grant.receiveCount} times, told ${told.receiveCount}`;
      }
      if (told.deadline !== undefined && !grant.deadlines.includes(told.deadline)) {
        return `${told.body} is leased until ${grant.deadlines.join(", ")}, told ${told.deadline}`;
      }
      if (told.grantedAt !== undefined && told.grantedAt !== grant.grantedAt) {
        return `${told.body} was granted at ${grant.grantedAt}, told ${told.grantedAt}`;
      }
    }
    return undefined;
  }
}

function attemptOf(operation: Operation): string | undefined {
  if (operation.kind !== "receive" || operation.attempt === undefined) return undefined;
  return `${operation.queue} ${operation.attempt}`;
}

function isSame(outcome: AuditedOutcome, answer: Answer): boolean {
  switch (answer.kind) {
    case "sent":
      return outcome.kind === "sent" && isEqual(outcome.messageIds, answer.messageIds);
    case "settled":
      return outcome.kind === "settled" && isEqual(outcome.results, answer.results);
    case "done":
      return outcome.kind === "done" && outcome.changed === answer.changed;
    case "task":
      return outcome.kind === "task" && outcome.moved === answer.moved;
    case "granted":
    case "refused":
    case "unknown":
    case "described":
    case "found":
    case "listed":
      return false;
  }
}

function isRefusal({ outcome }: Execution, reason: string): boolean {
  return outcome.kind === "refused" && outcome.reason === reason;
}

function isEqual<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((each, i) => each === other[i]);
}

function describe(answer: Answer | AuditedOutcome): string {
  switch (answer.kind) {
    case "sent":
      return `sent as ${answer.messageIds.join(" ")}`;
    case "settled":
      return `settled ${answer.results.join(" ")}`;
    case "done":
      return `done, ${answer.changed ? "changed" : "nothing to do"}`;
    case "task":
      return `a task, moved ${answer.moved}`;
    case "refused":
      return `refused: ${answer.reason}`;
    case "granted":
    case "unknown":
    case "described":
    case "found":
    case "listed":
      return answer.kind;
  }
}

function describeAll(executions: readonly Execution[]): string {
  if (executions.length === 0) return "nothing of it";
  return executions.map((each) => `at ${each.index} ${describe(each.outcome)}`).join("; ");
}

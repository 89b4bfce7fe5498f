/**
 * Within its group a message is handed out only when everything sent before it is gone (tombstoned, expired, purged,
 * dead-lettered or moved) or stands before it in the same answer.
 */
import type { Message } from "../auditor/account.ts";
import type { Auditor } from "../auditor/auditor.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { type FifoAnswer, fifoAnswersOf, groupNameOf, type ToldGrant } from "./fifo-grants.ts";
import { Verdicts } from "./verdicts.ts";

/** The messages that a group ever had, in order. */
interface GroupHistory {
  readonly messages: Message[];
  readonly places: Map<Message, number>;
  /** Of each message: when the last one before it had left. */
  readonly clearFrom: number[];
}

export class FifoOrder implements Checker {
  readonly name = "fifo-order";
  readonly promise = "the messages of a group are handed out in the order in which they were sent";
  readonly #verdicts = new Verdicts(this.name, this.promise);
  readonly #auditor: Auditor;

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    const groups = groupsOf(this.#auditor.rules.messages);
    for (const answer of fifoAnswersOf(this.#auditor, end.history)) {
      this.#judge(answer, groups);
    }
  }

  #judge({ call, grants }: FifoAnswer, groups: ReadonlyMap<string, GroupHistory>): void {
    const given = new Set<Message>();
    for (const told of grants) {
      const group = groups.get(groupNameOf(told.message));
      const before = group === undefined ? undefined : stillBefore(told, group, given);
      given.add(told.message);
      if (before === undefined) continue;
      const { body, queue } = told.message;
      this.#verdicts.broken(
        `call ${call}: ${body} was handed out from ${queue.name} at ${told.grantedAt}, ` +
          `${before.body} before it was there until ${before.leftAtMs}`,
      );
    }
  }
}

/** Something of the group that was sent earlier, is there and was not given in the same answer. */
function stillBefore(
  { message, grantedAt }: ToldGrant,
  { messages, places, clearFrom }: GroupHistory,
  given: ReadonlySet<Message>,
): Message | undefined {
  for (let at = places.get(message) ?? 0; (clearFrom[at] ?? 0) > grantedAt; at--) {
    const before = messages[at - 1];
    if (before === undefined) return undefined;
    if (before.leftAtMs > grantedAt && !given.has(before)) return before;
  }
  return undefined;
}

function groupsOf(messages: readonly Message[]): Map<string, GroupHistory> {
  const groups = new Map<string, GroupHistory>();
  for (const message of messages) {
    if (message.queue.fifo === undefined) continue;
    const name = groupNameOf(message);
    let group = groups.get(name);
    if (group === undefined) {
      group = { messages: [], places: new Map(), clearFrom: [] };
      groups.set(name, group);
    }
    const before = group.messages.at(-1);
    group.clearFrom.push(Math.max(group.clearFrom.at(-1) ?? 0, before?.leftAtMs ?? 0));
    group.places.set(message, group.messages.length);
    group.messages.push(message);
  }
  return groups;
}

/** Checkers that need nothing but what clients saw: they judge real clusters as well as simulated ones. */
import type { History } from "../history/history.ts";
import { type MessageHistory, messagesOf } from "../history/messages.ts";
import type { Checker, RunEnd, Violation } from "./checker.ts";
import { Verdicts } from "./verdicts.ts";

export interface HistoryJudge {
  readonly name: string;
  readonly promise: string;
  /** Only when workers took and tombstoned until nothing was left does what was not seen say anything. */
  readonly onlyWhenDrained?: true;
  judge(history: History, broken: (what: string) => void): void;
}

/** A judge of each message by itself; it gives what is wrong, if anything. */
export interface MessageJudge {
  readonly name: string;
  readonly promise: string;
  judgeMessage(message: MessageHistory): string | undefined;
}

export function eachMessage(judge: MessageJudge): HistoryJudge {
  return {
    name: judge.name,
    promise: judge.promise,
    judge: (history, broken) => {
      for (const message of messagesOf(history).values()) {
        const what = judge.judgeMessage(message);
        if (what !== undefined) broken(`${message.body}: ${what}`);
      }
    },
  };
}

/** The same for what does not hold of messages that a task moved: silent when there may have been such a task. */
export function unlessMoved(judge: MessageJudge): HistoryJudge {
  const each = eachMessage(judge);
  return {
    ...each,
    judge: (history, broken) => {
      if (!mayHaveMoved(history)) each.judge(history, broken);
    },
  };
}

/** Whether somebody asked for a move task. */
export function mayHaveMoved(history: History): boolean {
  for (const { invoked } of history.calls()) {
    if (invoked.operation.kind === "start-move") return true;
  }
  return false;
}

/** A judge of histories, to be told when a run is over. */
export class HistoryChecker implements Checker {
  readonly name: string;
  readonly promise: string;
  readonly #judge: HistoryJudge;
  readonly #verdicts: Verdicts;

  constructor(judge: HistoryJudge) {
    this.name = judge.name;
    this.promise = judge.promise;
    this.#judge = judge;
    this.#verdicts = new Verdicts(judge.name, judge.promise);
  }

  get violations(): readonly Violation[] {
    return this.#verdicts.list;
  }

  ended(end: RunEnd): void {
    if (this.#judge.onlyWhenDrained === true && !end.drained) return;
    this.#judge.judge(end.history, (what) => this.#verdicts.broken(what));
  }
}

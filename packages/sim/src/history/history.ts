/** The events of a run in order of time. Grows only; the checkers read it when the run is over. */
import type { Answer, Answered, HistoryEvent, Invoked, Operation } from "./event.ts";

/** What is known of a call besides what it asks. */
export interface CallFacts {
  readonly client: number;
  readonly atMs: number;
  readonly repeats?: number;
  readonly requestKey?: string;
}

/** What is known of an answer besides what it says. */
export interface AnswerFacts {
  readonly atMs: number;
  readonly node?: number;
  readonly clusterTimeMs?: number;
  readonly isLeaders?: boolean;
}

/** A call with its answer, if one came. */
export interface Call {
  readonly invoked: Invoked;
  readonly answered: Answered | undefined;
}

export class History {
  readonly #events: HistoryEvent[];
  #calls = 0;

  /** `events` are those of a recorded history. */
  constructor(events: readonly HistoryEvent[] = []) {
    this.#events = [...events];
    for (const event of events) this.#calls = Math.max(this.#calls, event.call);
  }

  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  /** A call begins; gives its number. */
  invoke(operation: Operation, facts: CallFacts): number {
    this.#calls += 1;
    this.#events.push({ kind: "invoked", call: this.#calls, operation, ...facts });
    return this.#calls;
  }

  /** A call's answer came. */
  answer(call: number, answer: Answer, facts: AnswerFacts): void {
    this.#events.push({ kind: "answered", call, answer, ...facts });
  }

  /** The calls, in order of invocation. */
  calls(): Call[] {
    const answers = new Map<number, Answered>();
    const invocations: Invoked[] = [];
    for (const event of this.#events) {
      if (event.kind === "invoked") invocations.push(event);
      else answers.set(event.call, event);
    }
    return invocations.map((invoked) => ({ invoked, answered: answers.get(invoked.call) }));
  }
}

/**
 * Polls of many callers in one: callers that wait for messages of one queue under the same terms share calls, as
 * senders share batches. A call asks for what all of its callers want together; what comes is dealt out in
 * the order of the callers, and whoever got nothing goes on waiting for as long as it wanted.
 */
import { RELAXED_LIMITS } from "@kqueuey/contract";
import type { DeliveredMessage } from "./message.ts";
import { settleWithin } from "./settle-within.ts";
import type { Timers } from "./transport.ts";
import type { CallOptions } from "./types.ts";

/** Calls under way at a time; who comes while there are so many shares the next. */
const CALLS_MAX = 4;
/** A wait with less than this left has ended, ms: the node's clock is not ours. */
const WAIT_ENDS_MS = 10;

/** What one call asks for. */
export interface PollTerms {
  readonly maxMessages: number;
  readonly waitMs: number;
}

export interface SharedPollsPorts {
  readonly timers: Timers;
  /** Makes a call; ends it early when the signal says so. */
  receive(terms: PollTerms, signal: AbortSignal): Promise<DeliveredMessage[]>;
  /** Takes messages that nobody waits for any more. */
  giveBack(messages: readonly DeliveredMessage[]): void;
}

interface Waiter {
  readonly maxMessages: number;
  /** Monotonic ms: until then it waits. */
  readonly endsMs: number;
  readonly resolve: (messages: DeliveredMessage[]) => void;
  readonly reject: (error: unknown) => void;
  gone: boolean;
  /** Looks whether anybody is left of the call that it is in. */
  leave: () => void;
}

/** Polls of one queue with one visibility timeout. */
export class SharedPolls {
  readonly #ports: SharedPollsPorts;
  #waiting: Waiter[] = [];
  #calls = 0;
  #turnEnds = false;
  #cancelExpiry: (() => void) | undefined;

  constructor(ports: SharedPollsPorts) {
    this.#ports = ports;
  }

  /** Up to `maxMessages` messages, none when none came within `waitMs`. Rejects as `receive` does. */
  poll(terms: PollTerms, options: CallOptions): Promise<DeliveredMessage[]> {
    const { timers } = this.#ports;
    let own: Waiter | undefined;
    return settleWithin<DeliveredMessage[]>(
      timers,
      options,
      (resolve, reject) => {
        const endsMs = timers.nowMs() + terms.waitMs;
        const { maxMessages } = terms;
        own = { maxMessages, endsMs, resolve, reject, gone: false, leave: nothing };
        this.#waiting.push(own);
        this.#startAtTurnEnd();
      },
      () => {
        if (own === undefined) return;
        own.gone = true;
        own.leave();
      },
    );
  }

  #startAtTurnEnd(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    queueMicrotask(() => {
      this.#turnEnds = false;
      this.#start();
    });
  }

  #start(): void {
    while (this.#calls < CALLS_MAX) {
      const callers = this.#takeCallers();
      if (callers.length === 0) break;
      this.#call(callers);
    }
    this.#watchExpiry();
  }

  /** Whoever comes while enough calls are under way waits no longer than it wanted, however long those wait. */
  #watchExpiry(): void {
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
    if (this.#waiting.length === 0) return;
    const { timers } = this.#ports;
    const endsMs = this.#waiting.reduce(
      (least, each) => Math.min(least, each.endsMs),
      Number.POSITIVE_INFINITY,
    );
    this.#cancelExpiry = timers.schedule(Math.max(1, endsMs - timers.nowMs()), () => {
      const nowMs = timers.nowMs();
      const over = this.#waiting.filter((waiter) => waiter.endsMs <= nowMs);
      this.#waiting = this.#waiting.filter((waiter) => waiter.endsMs > nowMs);
      for (const waiter of over) waiter.resolve([]);
      this.#watchExpiry();
    });
  }

  /** The next callers, as many as fit into one call. */
  #takeCallers(): Waiter[] {
    const here = this.#waiting.filter((waiter) => !waiter.gone);
    let wanted = 0;
    let count = 0;
    for (const { maxMessages } of here) {
      if (count > 0 && wanted + maxMessages > RELAXED_LIMITS.batchEntries.max) break;
      wanted += maxMessages;
      count += 1;
    }
    this.#waiting = here.slice(count);
    return here.slice(0, count);
  }

  #call(callers: readonly Waiter[]): void {
    const nowMs = this.#ports.timers.nowMs();
    let maxMessages = 0;
    let waitMs = Number.POSITIVE_INFINITY;
    for (const caller of callers) {
      maxMessages += caller.maxMessages;
      waitMs = Math.min(waitMs, Math.max(1, Math.ceil(caller.endsMs - nowMs)));
    }
    const abort = new AbortController();
    const leave = (): void => {
      if (callers.every(({ gone }) => gone)) abort.abort();
    };
    for (const caller of callers) caller.leave = leave;
    this.#calls += 1;
    this.#ports.receive({ maxMessages, waitMs }, abort.signal).then(
      (messages) => {
        this.#calls -= 1;
        this.#deal(messages, callers);
        this.#start();
      },
      (error: unknown) => {
        this.#calls -= 1;
        for (const caller of callers) caller.reject(error);
        this.#start();
      },
    );
  }

  #deal(messages: readonly DeliveredMessage[], callers: readonly Waiter[]): void {
    const left = [...messages];
    const nowMs = this.#ports.timers.nowMs();
    const queue = [...callers, ...this.#waiting];
    this.#waiting = [];
    for (const caller of queue) {
      if (caller.gone) continue;
      caller.leave = nothing;
      if (left.length > 0) caller.resolve(left.splice(0, caller.maxMessages));
      else if (caller.endsMs - nowMs < WAIT_ENDS_MS) caller.resolve([]);
      else this.#waiting.push(caller);
    }
    if (left.length > 0) this.#ports.giveBack(left);
  }
}

function nothing(): void {}

/** Time for the in-memory broker: the host's, or one that a test moves by hand. */
import { assert } from "@kqueuey/base";

/** A clock that can also call back. */
export interface TimerClock {
  /** Wall clock, ms. It only grows. */
  nowMs(): number;
  /** Calls `run` once, `delayMs` (0 or more) from now; gives what cancels it. */
  schedule(delayMs: number, run: () => void): () => void;
}

/** The host's time, for tests that talk to a real client. */
export const systemTimerClock: TimerClock = {
  nowMs: () => Date.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

interface Scheduled {
  readonly atMs: number;
  readonly run: () => void;
}

/** Stands still until it is advanced; then the callbacks that fell due run, in order of their time. */
export class ManualClock implements TimerClock {
  #nowMs: number;
  #scheduled: Scheduled[] = [];

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const entry: Scheduled = { atMs: this.#nowMs + delayMs, run };
    this.#scheduled.push(entry);
    return () => {
      this.#scheduled = this.#scheduled.filter((other) => other !== entry);
    };
  }

  /** Moves time on by `ms`, stopping at every callback on the way. */
  advance(ms: number): void {
    assert(ms >= 0, "time does not go back");
    const untilMs = this.#nowMs + ms;
    for (;;) {
      let next: Scheduled | undefined;
      for (const entry of this.#scheduled) {
        if (entry.atMs <= untilMs && (next === undefined || entry.atMs < next.atMs)) next = entry;
      }
      if (next === undefined) break;
      const due = next;
      this.#scheduled = this.#scheduled.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.run();
    }
    this.#nowMs = untilMs;
  }
}

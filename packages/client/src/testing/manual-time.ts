/** Time that stands still until a test moves it. */
import type { Timers } from "../transport.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock and timers that move by `advance` alone. */
export class ManualTime implements Timers {
  #nowMs = 1_000;
  #order = 0;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    this.#order += 1;
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets everything run that needs no time. */
  async settle(): Promise<void> {
    // One turn of the event loop runs every microtask, also those that microtasks make.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Moves time on by `ms`, timer by timer, in order; what a timer sets off runs before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (;;) {
      const next = this.#nextBy(untilMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Moves time alone, as when this process stood still: timers that were due run afterwards, late. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #nextBy(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue;
      const earlier =
        first === undefined ||
        timer.atMs < first.atMs ||
        (timer.atMs === first.atMs && timer.order < first.order);
      if (earlier) first = timer;
    }
    return first;
  }
}

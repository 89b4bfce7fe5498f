/**
 * Turns the engine's crank: gathers what happened in one turn of the event loop (frames, disk
 * completions, requests, ticks) and runs the engine once for all of it, so that a burst becomes one
 * log entry and one write.
 */
import type { Clock } from "@kqueuey/base";

/** How often the engine is told the time when nothing else happens, ms. */
const TICK_MS = 10;

/** What the driver drives. */
export interface Driven {
  /** Works off everything that arrived, with the clocks' values of now. */
  run(now: ReturnType<Clock["monotonicMs"]>, wall: ReturnType<Clock["nowMs"]>): void;
}

export class Driver {
  readonly #clock: Clock;
  readonly #onCrash: (error: unknown) => void;
  #driven: Driven | undefined;
  #timer: NodeJS.Timeout | undefined;
  #scheduled = false;
  #stopped = false;
  #lastTickMs = 0;
  #longestGapMs = 0;

  /** `onCrash` is told of an error that the engine threw: a broken assertion, after which it must not run again. */
  constructor(clock: Clock, onCrash: (error: unknown) => void) {
    this.#clock = clock;
    this.#onCrash = onCrash;
  }

  start(driven: Driven): void {
    this.#driven = driven;
    this.#lastTickMs = this.#clock.monotonicMs();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Something arrived for the engine: it runs once this turn's events are all in. */
  readonly wake = (): void => {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  };

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** The longest time between two ticks since the last call, in ms beyond the tick: how late the loop ran. */
  takeLoopDelayMs(): number {
    const longest = this.#longestGapMs;
    this.#longestGapMs = 0;
    return Math.max(0, longest - TICK_MS);
  }

  #tick(): void {
    const now = this.#clock.monotonicMs();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastTickMs);
    this.#lastTickMs = now;
    this.wake();
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    if (this.#stopped || this.#driven === undefined) return;
    try {
      this.#driven.run(this.#clock.monotonicMs(), this.#clock.nowMs());
    } catch (error) {
      this.stop();
      this.#onCrash(error);
    }
  };
}

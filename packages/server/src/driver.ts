/**
 * Turns the engine's crank: gathers what happened in one turn of the event loop (frames, disk
 * completions, requests, ticks) and runs the engine once for all of it, so that a burst becomes one
 * log entry and one write.
 */
import type { Clock } from "@kqueuey/base";
import { threadTime } from "./node/thread-time.ts";

/** How often the engine is told the time when nothing else happens, ms. */
const TICK_MS = 10;

/** Shorter turns are not looked at. */
const TURN_SHORT_MS = 2;
/** Over how long the longest turn is looked for, at least. */
const TURN_WINDOW_MS = 60_000;

/** How long the event loop was held by one turn of the engine. */
export interface LongestTurn {
  readonly wallMs: number;
  /** At most this much of it was work of this thread; the rest is waiting for a processor. */
  readonly cpuMs: number;
}

const NO_TURN: LongestTurn = { wallMs: 0, cpuMs: 0 };

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
  /** The longest turns of the current and of the previous window. */
  #turns: LongestTurn = NO_TURN;
  #olderTurns: LongestTurn = NO_TURN;
  #windowEndsMs = 0;
  readonly #threadTime: () => number = threadTime();
  #threadMsAtTick = 0;

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
    this.#threadMsAtTick = this.#threadTime();
    this.wake();
  }

  /** The engine's longest turn of the last one to two minutes. */
  get longestTurn(): LongestTurn {
    return {
      wallMs: Math.max(this.#turns.wallMs, this.#olderTurns.wallMs),
      cpuMs: Math.max(this.#turns.cpuMs, this.#olderTurns.cpuMs),
    };
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    if (this.#stopped || this.#driven === undefined) return;
    const beganMs = this.#clock.monotonicMs();
    try {
      this.#driven.run(beganMs, this.#clock.nowMs());
      this.#measure(beganMs);
    } catch (error) {
      this.stop();
      this.#onCrash(error);
    }
  };

  #measure(beganMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    const wallMs = nowMs - beganMs;
    if (wallMs < TURN_SHORT_MS) return;
    if (nowMs >= this.#windowEndsMs) {
      this.#olderTurns = this.#turns;
      this.#turns = NO_TURN;
      this.#windowEndsMs = nowMs + TURN_WINDOW_MS;
    }
    // Asked at ticks and after long turns only: turns are many, and most of them are short.
    const cpuMs = Math.min(wallMs, this.#threadTime() - this.#threadMsAtTick);
    if (wallMs <= this.#turns.wallMs && cpuMs <= this.#turns.cpuMs) return;
    this.#turns = {
      wallMs: Math.max(wallMs, this.#turns.wallMs),
      cpuMs: Math.max(cpuMs, this.#turns.cpuMs),
    };
  }
}

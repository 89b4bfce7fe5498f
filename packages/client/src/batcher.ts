/**
 * Gathers entries into batches: one that is not full is sent at the end of the current turn, unless another is
 * under way that began less than the linger ago; then as soon as that has ended or the linger is over. So callers that
 * come now and then wait for nothing, and many share frames.
 */
import type { Timers } from "./transport.ts";

/** When a batch is full, and how many may be under way. */
export interface BatcherConfig {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly lingerMs: number;
  readonly maxInFlight: number;
  /** Bytes that may wait. */
  readonly maxPendingBytes: number;
}

/** Begins one batch; `done` is called once, when it has ended in whatever way. */
export type StartBatch<E> = (entries: E[], done: () => void) => void;

/** Batches of one kind for one queue. */
export class Batcher<E> {
  readonly #timers: Timers;
  readonly #config: BatcherConfig;
  readonly #start: StartBatch<E>;
  #entries: E[] = [];
  #sizes: number[] = [];
  #bytes = 0;
  #inFlight = 0;
  #turnEnds = false;
  #lastStartMs = Number.NEGATIVE_INFINITY;
  #cancelLinger: (() => void) | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(timers: Timers, config: BatcherConfig, start: StartBatch<E>) {
    this.#timers = timers;
    this.#config = config;
    this.#start = start;
  }

  /** Adds an entry of `bytes`; false, and nothing is added, when too much waits already. */
  add(entry: E, bytes: number): boolean {
    if (this.#bytes + bytes > this.#config.maxPendingBytes && this.#entries.length > 0) {
      return false;
    }
    this.#entries.push(entry);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    if (this.#inFlight === 0) this.#flushAtTurnEnd();
    else if (this.#isFull()) this.#flushWhatIsFull();
    else this.#linger();
    return true;
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    this.#flush();
    if (this.#inFlight === 0 && this.#entries.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #isFull(): boolean {
    return this.#entries.length >= this.#config.maxEntries || this.#bytes >= this.#config.maxBytes;
  }

  #flushAtTurnEnd(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    queueMicrotask(() => {
      this.#turnEnds = false;
      this.#flush();
    });
  }

  /** Until the linger after the last batch's beginning is over; it may be already. */
  #linger(): void {
    if (this.#cancelLinger !== undefined) return;
    const delayMs = this.#lastStartMs + this.#config.lingerMs - this.#timers.nowMs();
    if (delayMs <= 0) {
      this.#flushAtTurnEnd();
      return;
    }
    this.#cancelLinger = this.#timers.schedule(delayMs, () => {
      this.#cancelLinger = undefined;
      this.#flush();
    });
  }

  #flushWhatIsFull(): void {
    while (this.#isFull() && this.#inFlight < this.#config.maxInFlight) this.#startOne();
  }

  /** Starts what may be started; the rest leaves as batches end. */
  #flush(): void {
    while (this.#entries.length > 0 && this.#inFlight < this.#config.maxInFlight) this.#startOne();
  }

  #startOne(): void {
    const { maxEntries, maxBytes } = this.#config;
    let count = 0;
    let bytes = 0;
    while (count < this.#entries.length && count < maxEntries) {
      const size = this.#sizes[count] ?? 0;
      if (count > 0 && bytes + size > maxBytes) break;
      bytes += size;
      count += 1;
    }
    const batch = this.#entries.splice(0, count);
    this.#sizes.splice(0, count);
    this.#bytes -= bytes;
    this.#inFlight += 1;
    this.#lastStartMs = this.#timers.nowMs();
    if (this.#entries.length === 0) {
      this.#cancelLinger?.();
      this.#cancelLinger = undefined;
    }
    let ended = false;
    this.#start(batch, () => {
      if (ended) return;
      ended = true;
      this.#ended();
    });
  }

  #ended(): void {
    this.#inFlight -= 1;
    // What gathered while this batch was under way is the next one.
    this.#flush();
    if (this.#inFlight > 0 || this.#entries.length > 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }
}

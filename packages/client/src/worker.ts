/**
 * A worker: one poll at a time fills a bounded hand of messages; handlers take from it; the lease of
 * everything in the hand is kept. Stopping ends the poll, gives back what no handler began, and waits for the
 * handlers that run.
 *
 *   polled -> waiting -> running -> tombstoned (handler returned) or released (handler threw)
 *                 \-> released (stop), dropped (lease lost)
 */
import { KQueueyError, RELAXED_LIMITS } from "@kqueuey/contract";
import { LeaseKeeper } from "./leases.ts";
import type { DeliveredMessage } from "./message.ts";
import type { Receipts } from "./receipts.ts";
import type { Receiver } from "./receiver.ts";
import { check } from "./sender.ts";
import type { Timers } from "./transport.ts";
import type {
  Handler,
  HandlerContext,
  Message,
  Worker,
  WorkerStats,
  WorkOptions,
} from "./types.ts";

/** Pauses after polls that failed, doubled from failure to failure. */
const POLL_PAUSE_FIRST_MS = 1_000;
const POLL_PAUSE_MAX_MS = 30_000;
/** Delays before a message whose handler failed comes back, doubled from delivery to delivery. */
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 300_000;
/** How long `stop` still waits for handlers whose signals it has aborted. */
const ABORT_GRACE_MS = 1_000;

/** What a worker works with. */
export interface WorkerParts {
  readonly timers: Timers;
  readonly receiver: Receiver;
  readonly receipts: Receipts;
}

interface Settings {
  readonly concurrency: number;
  readonly capacity: number;
  readonly visibilityTimeoutMs: number | undefined;
  readonly waitMs: number;
  readonly handlerTimeoutMs: number | undefined;
  readonly retryDelayMs: (message: Message, error: unknown) => number;
  readonly onError: (error: unknown, message: Message | undefined) => void;
  readonly signal: AbortSignal | undefined;
  readonly stopTimeoutMs: number;
}

/** One message in the hands of a handler. The signal is made when first asked for: most handlers never do. */
class Running implements HandlerContext {
  readonly message: DeliveredMessage;
  cancelTimeout: (() => void) | undefined;
  /** Why the message is not the handler's any more. */
  lost: KQueueyError | undefined;
  #controller: AbortController | undefined;

  constructor(message: DeliveredMessage) {
    this.message = message;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.lost !== undefined) this.#controller.abort(this.lost);
    }
    return this.#controller.signal;
  }

  abort(reason: KQueueyError): void {
    if (this.lost !== undefined) return;
    this.lost = reason;
    this.#controller?.abort(reason);
  }
}

/** The one implementation of `Worker`. */
export class QueueWorker implements Worker {
  readonly finished: Promise<void>;
  readonly #handler: Handler;
  readonly #settings: Settings;
  readonly #parts: WorkerParts;
  readonly #keeper: LeaseKeeper;
  readonly #pollEnds = new AbortController();
  readonly #running = new Set<Running>();
  #waiting: DeliveredMessage[] = [];
  /** Tombstones and releases that are under way. */
  #settling = 0;
  #completed = 0;
  #failed = 0;
  #lost = 0;
  #polling = false;
  #pollFailures = 0;
  #cancelPollPause: () => void = nothing;
  #starting = false;
  #stopping = false;
  #cancelStopTimer: () => void = nothing;
  #finish: () => void = nothing;

  constructor(handler: Handler, options: WorkOptions, parts: WorkerParts) {
    this.#handler = handler;
    this.#settings = settingsOf(options);
    this.#parts = parts;
    this.#keeper = new LeaseKeeper(parts.timers, parts.receipts);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const { signal } = this.#settings;
    if (signal?.aborted === true) {
      this.#beginStop();
      return;
    }
    signal?.addEventListener("abort", this.#onSignal, { once: true });
    this.#poll();
  }

  stats(): WorkerStats {
    return {
      running: this.#running.size,
      waiting: this.#waiting.length,
      completed: this.#completed,
      failed: this.#failed,
      lost: this.#lost,
    };
  }

  stop(): Promise<void> {
    this.#beginStop();
    return this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  readonly #onSignal = (): void => this.#beginStop();

  #poll(): void {
    if (this.#stopping || this.#polling) return;
    const { capacity, concurrency, visibilityTimeoutMs, waitMs } = this.#settings;
    const free = capacity - this.#running.size - this.#waiting.length;
    // Small polls cost as much as large ones: wait until half of what is fetched ahead is used up.
    const plenty = this.#waiting.length > (capacity - concurrency) / 2;
    if (free <= 0 || plenty) return;
    this.#polling = true;
    const maxMessages = Math.min(free, RELAXED_LIMITS.receiveMessages.max);
    const signal = this.#pollEnds.signal;
    this.#parts.receiver.receive({ maxMessages, visibilityTimeoutMs, waitMs, signal }).then(
      (messages) => {
        this.#polling = false;
        this.#pollFailures = 0;
        this.#deliver(messages);
        this.#poll();
      },
      (error: unknown) => this.#pollFailed(error),
    );
  }

  #pollFailed(error: unknown): void {
    if (this.#stopping) {
      this.#polling = false;
      this.#finishIfDone();
      return;
    }
    this.#report(error, undefined);
    const pauseMs = Math.min(POLL_PAUSE_MAX_MS, POLL_PAUSE_FIRST_MS * 2 ** this.#pollFailures);
    this.#pollFailures += 1;
    this.#cancelPollPause = this.#parts.timers.schedule(pauseMs, () => {
      this.#polling = false;
      this.#poll();
    });
  }

  #deliver(messages: readonly DeliveredMessage[]): void {
    if (this.#stopping) {
      for (const message of messages) this.#release(message, 0);
      this.#finishIfDone();
      return;
    }
    const { visibilityTimeoutMs } = this.#settings;
    for (const message of messages) {
      this.#keeper.keep(message, visibilityTimeoutMs, () => this.#loseWaiting(message));
      this.#waiting.push(message);
    }
    this.#startHandlers();
  }

  #loseWaiting(message: DeliveredMessage): void {
    this.#lost += 1;
    this.#waiting = this.#waiting.filter((other) => other !== message);
    this.#poll();
  }

  /** A loop, not a recursion: handlers that return at once would pile up on the stack. */
  #startHandlers(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (this.#running.size < this.#settings.concurrency) {
      const message = this.#waiting.shift();
      if (message === undefined) break;
      if (this.#keeper.isSafe(message)) this.#startHandler(message);
      else if (this.#keeper.drop(message)) this.#lost += 1;
    }
    this.#starting = false;
  }

  #startHandler(message: DeliveredMessage): void {
    const running = new Running(message);
    this.#running.add(running);
    this.#keeper.keep(message, this.#settings.visibilityTimeoutMs, (error) => {
      this.#lost += 1;
      running.abort(error);
    });
    const { handlerTimeoutMs } = this.#settings;
    if (handlerTimeoutMs !== undefined) {
      running.cancelTimeout = this.#parts.timers.schedule(handlerTimeoutMs, () => {
        this.#keeper.drop(message);
        const text = `the handler ran longer than ${handlerTimeoutMs} ms`;
        running.abort(
          new KQueueyError("DEADLINE_EXCEEDED", text, { details: { handlerTimeoutMs } }),
        );
      });
    }
    let result: Promise<void> | void;
    try {
      result = this.#handler(message, running);
    } catch (error) {
      this.#handlerThrew(running, error);
      return;
    }
    if (result instanceof Promise) {
      result.then(
        () => this.#handlerReturned(running),
        (error: unknown) => this.#handlerThrew(running, error),
      );
    } else this.#handlerReturned(running);
  }

  #handlerReturned(running: Running): void {
    const { message } = running;
    this.#completed += 1;
    if (!message.settled) this.#tombstone(message);
    this.#handlerEnded(running);
  }

  #handlerThrew(running: Running, error: unknown): void {
    const { message } = running;
    this.#failed += 1;
    this.#report(error, message);
    // A message that may be another's by now is left alone; its deadline brings it back.
    if (!message.settled && running.lost?.code !== "RECEIPT_STALE") {
      this.#release(message, this.#retryDelay(message, error));
    }
    this.#handlerEnded(running);
  }

  #handlerEnded(running: Running): void {
    running.cancelTimeout?.();
    this.#keeper.drop(running.message);
    this.#running.delete(running);
    if (this.#stopping) {
      this.#finishIfDone();
      return;
    }
    this.#startHandlers();
    this.#poll();
  }

  #tombstone(message: DeliveredMessage): void {
    message.settled = true;
    this.#settle("tombstone", message, 0);
  }

  #release(message: DeliveredMessage, delayMs: number): void {
    this.#keeper.drop(message);
    message.settled = true;
    this.#settle("release", message, delayMs);
  }

  #settle(action: "tombstone" | "release", message: DeliveredMessage, ms: number): void {
    this.#settling += 1;
    this.#parts.receipts.add(action, {
      receipt: message.receipt,
      ms,
      settle: (outcome) => {
        this.#settling -= 1;
        if (outcome.outcome === "error") this.#report(outcome.error, message);
        if (this.#stopping) this.#finishIfDone();
      },
    });
  }

  #retryDelay(message: DeliveredMessage, error: unknown): number {
    const { max } = RELAXED_LIMITS.delayMs;
    try {
      const wished = this.#settings.retryDelayMs(message, error);
      return Math.min(max, Math.max(0, Math.ceil(Number.isNaN(wished) ? 0 : wished)));
    } catch (thrown) {
      this.#report(thrown, message);
      return RETRY_FIRST_MS;
    }
  }

  #report(error: unknown, message: Message | undefined): void {
    try {
      this.#settings.onError(error, message);
    } catch (thrown) {
      // A reporter that fails must not stop the work; it is told of like any other error nobody takes.
      warn(thrown);
    }
  }

  #beginStop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#settings.signal?.removeEventListener("abort", this.#onSignal);
    this.#cancelPollPause();
    this.#pollEnds.abort();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#release(message, 0);
    if (this.#running.size > 0) {
      const { stopTimeoutMs } = this.#settings;
      this.#cancelStopTimer = this.#parts.timers.schedule(stopTimeoutMs, () =>
        this.#abortRunning(),
      );
    }
    this.#finishIfDone();
  }

  #abortRunning(): void {
    const { stopTimeoutMs } = this.#settings;
    const text = `the worker stops and waited ${stopTimeoutMs} ms for this handler`;
    for (const running of this.#running) running.abort(new KQueueyError("CANCELLED", text));
    this.#cancelStopTimer = this.#parts.timers.schedule(ABORT_GRACE_MS, () => {
      // Handlers that go on regardless are on their own: their leases are kept no longer.
      this.#running.clear();
      this.#keeper.close();
      this.#finishIfDone();
    });
  }

  #finishIfDone(): void {
    if (!this.#stopping || this.#running.size > 0 || this.#settling > 0) return;
    this.#cancelStopTimer();
    this.#keeper.close();
    this.#finish();
  }
}

function settingsOf(options: WorkOptions): Settings {
  const concurrency = check("concurrency", options.concurrency ?? 10, 1, 10_000);
  const prefetch = check("prefetch", options.prefetch ?? concurrency, 0, 10_000);
  const { visibilityTimeoutMs, handlerTimeoutMs } = options;
  const { receiveWaitMs, visibilityTimeoutMs: visibility } = RELAXED_LIMITS;
  if (visibilityTimeoutMs !== undefined) {
    check("visibilityTimeoutMs", visibilityTimeoutMs, 1_000, visibility.max);
  }
  if (handlerTimeoutMs !== undefined) check("handlerTimeoutMs", handlerTimeoutMs, 1, 2 ** 31 - 1);
  return {
    concurrency,
    capacity: concurrency + prefetch,
    visibilityTimeoutMs,
    waitMs: check("waitMs", options.waitMs ?? 20_000, receiveWaitMs.min, receiveWaitMs.max),
    handlerTimeoutMs,
    retryDelayMs: options.retryDelayMs ?? defaultRetryDelay,
    onError: options.onError ?? warn,
    signal: options.signal,
    stopTimeoutMs: check("stopTimeoutMs", options.stopTimeoutMs ?? 30_000, 0, 2 ** 31 - 1),
  };
}

function defaultRetryDelay(message: Message): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(message.receiveCount - 1, 20));
}

/** Without `onError` a failure must still be seen. */
function warn(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(text, "KQueueyWorkerWarning");
}

function nothing(): void {}

/** The async-iterable form of receiving: one message at a time, fetched ahead, its lease kept meanwhile. */
import { RELAXED_LIMITS } from "@kqueuey/contract";
import { LeaseKeeper } from "./leases.ts";
import type { DeliveredMessage } from "./message.ts";
import { check } from "./sender.ts";
import type { Message, MessagesOptions } from "./types.ts";
import type { WorkerParts } from "./worker.ts";

/** Messages of a queue, until the loop is left or the signal ends it. Errors of polls end it too. */
export async function* iterateMessages(
  parts: WorkerParts,
  options: MessagesOptions,
): AsyncGenerator<Message, void, undefined> {
  const { receiveMessages, receiveWaitMs } = RELAXED_LIMITS;
  const prefetch = check("prefetch", options.prefetch ?? 10, 1, receiveMessages.max);
  const waitMs = check("waitMs", options.waitMs ?? 20_000, receiveWaitMs.min, receiveWaitMs.max);
  const fetcher = new Fetcher(parts, { ...options, prefetch, waitMs });
  try {
    for (;;) {
      const message = await fetcher.next();
      if (message === undefined) return;
      yield message;
      fetcher.passed(message);
    }
  } finally {
    await fetcher.close();
  }
}

interface FetcherSettings extends MessagesOptions {
  readonly prefetch: number;
  readonly waitMs: number;
}

/** Polls ahead of the loop: at most `prefetch` messages that it has not seen. */
class Fetcher {
  readonly #parts: WorkerParts;
  readonly #settings: FetcherSettings;
  readonly #keeper: LeaseKeeper;
  readonly #ends = new AbortController();
  #ahead: DeliveredMessage[] = [];
  #poll: Promise<void> | undefined;
  #error: unknown;
  #closed = false;

  constructor(parts: WorkerParts, settings: FetcherSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#keeper = new LeaseKeeper(parts.timers, parts.receipts);
    if (settings.signal?.aborted === true) this.#onSignal();
    else settings.signal?.addEventListener("abort", this.#onSignal, { once: true });
  }

  readonly #onSignal = (): void => {
    this.#closed = true;
    this.#ends.abort();
  };

  /** The next message, or undefined when the signal has ended the loop. Throws what a poll threw. */
  async next(): Promise<DeliveredMessage | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const message = this.#takeSafe();
      if (this.#ahead.length <= this.#settings.prefetch / 2 && this.#error === undefined) {
        this.#poll ??= this.#startPoll();
      }
      if (message !== undefined) return message;
      if (this.#error !== undefined) throw this.#error;
      await this.#poll;
    }
  }

  /** The loop asks for the next message: the lease of this one is kept no longer. */
  passed(message: DeliveredMessage): void {
    this.#keeper.drop(message);
  }

  /** Gives back what the loop has not seen. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#settings.signal?.removeEventListener("abort", this.#onSignal);
    this.#ends.abort();
    await this.#poll;
    this.#keeper.close();
    const entries = this.#ahead.map(({ receipt }) => ({ receipt, ms: 0 }));
    this.#ahead = [];
    if (entries.length === 0) return;
    // Should this fail, the messages come back by their deadlines; the loop's own error matters more.
    await this.#parts.receipts.all("release", entries, {}).catch(nothing);
  }

  #takeSafe(): DeliveredMessage | undefined {
    for (;;) {
      const message = this.#ahead.shift();
      if (message === undefined || this.#keeper.isSafe(message)) return message;
      this.#keeper.drop(message);
    }
  }

  async #startPoll(): Promise<void> {
    const { prefetch, visibilityTimeoutMs, waitMs } = this.#settings;
    const maxMessages = Math.max(1, prefetch - this.#ahead.length);
    const signal = this.#ends.signal;
    try {
      const options = { maxMessages, visibilityTimeoutMs, waitMs, signal };
      for (const message of await this.#parts.receiver.receive(options)) {
        this.#ahead.push(message);
        this.#keeper.keep(message, visibilityTimeoutMs, nothing);
      }
    } catch (error) {
      if (!this.#closed) this.#error = error;
    } finally {
      this.#poll = undefined;
    }
  }
}

function nothing(): void {}

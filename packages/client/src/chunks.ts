/**
 * Reads a collection of messages and hands it on in chunks, a few at a time under way. An async source is
 * read no faster than its chunks are done; one that pauses has what it gave so far sent after the linger.
 */
import { KQueueyError } from "@kqueuey/contract";
import type { BatcherConfig } from "./batcher.ts";
import { cancelled } from "./caller.ts";
import { type OutgoingMessage, outgoing } from "./outgoing.ts";
import type { Timers } from "./transport.ts";
import type { NewMessage } from "./types.ts";

/** Sends one chunk; `first` is the place of its first message in the collection. */
export type SendChunk = (messages: readonly OutgoingMessage[], first: number) => Promise<void>;

/** One pass over one collection. */
export class Chunks {
  readonly #timers: Timers;
  readonly #config: BatcherConfig;
  readonly #send: SendChunk;
  #open: OutgoingMessage[] = [];
  #openBytes = 0;
  #count = 0;
  #inFlight = 0;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(timers: Timers, config: BatcherConfig, send: SendChunk) {
    this.#timers = timers;
    this.#config = config;
    this.#send = send;
  }

  /**
   * Sends all of `source`; gives how many messages it had. Throws the first error of `send`, CANCELLED, what the
   * source threw, or why a message cannot be sent, once nothing is under way any more.
   */
  async run(
    source: Iterable<NewMessage> | AsyncIterable<NewMessage>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    if (signal?.aborted === true) throw cancelled(signal);
    try {
      if (Symbol.asyncIterator in source) await this.#readAsync(source, signal);
      else await this.#readSync(source);
      this.#flush();
    } catch (error) {
      this.#error ??= error;
    }
    while (this.#inFlight > 0) await this.#nextDone();
    if (this.#error !== undefined) throw this.#error;
    return this.#count;
  }

  async #readSync(source: Iterable<NewMessage>): Promise<void> {
    for (const input of source) {
      this.#add(input);
      while (this.#inFlight >= this.#config.maxInFlight) await this.#nextDone();
      if (this.#error !== undefined) return;
    }
  }

  async #readAsync(
    source: AsyncIterable<NewMessage>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const iterator = source[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const next = await this.#nextOf(iterator, signal);
        if (next.done === true) {
          ended = true;
          return;
        }
        this.#add(next.value);
        while (this.#inFlight >= this.#config.maxInFlight) await this.#nextDone();
        if (this.#error !== undefined) return;
      }
    } finally {
      // A source that lets wait would let its end wait too: after a cancel nobody does.
      if (!ended && signal?.aborted === true) iterator.return?.().catch(nothing);
      else if (!ended) await iterator.return?.();
    }
  }

  /** The source's next message; while it lets wait, the open chunk leaves after the linger. */
  async #nextOf(
    iterator: AsyncIterator<NewMessage>,
    signal: AbortSignal | undefined,
  ): Promise<IteratorResult<NewMessage>> {
    const cancelLinger =
      this.#open.length === 0
        ? nothing
        : this.#timers.schedule(this.#config.lingerMs, () => this.#flush());
    try {
      return await untilAborted(iterator.next(), signal);
    } finally {
      cancelLinger();
    }
  }

  #add(input: NewMessage): void {
    let message: OutgoingMessage;
    try {
      message = outgoing(input);
    } catch (error) {
      const { code, message: text } = KQueueyError.from(error);
      throw new KQueueyError(code, `message ${this.#count}: ${text}`, {
        details: { firstFailed: this.#count },
      });
    }
    const { maxEntries, maxBytes } = this.#config;
    if (this.#openBytes + message.bytes > maxBytes) this.#flush();
    this.#open.push(message);
    this.#openBytes += message.bytes;
    this.#count += 1;
    if (this.#open.length >= maxEntries || this.#openBytes >= maxBytes) this.#flush();
  }

  #flush(): void {
    if (this.#open.length === 0) return;
    const messages = this.#open;
    const first = this.#count - messages.length;
    this.#open = [];
    this.#openBytes = 0;
    this.#inFlight += 1;
    this.#send(messages, first).then(
      () => this.#done(),
      (error: unknown) => {
        this.#error ??= error;
        this.#done();
      },
    );
  }

  #done(): void {
    this.#inFlight -= 1;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #nextDone(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** What `promise` gives, or CANCELLED as soon as the signal says so. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancelled(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function nothing(): void {}

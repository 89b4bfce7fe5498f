/**
 * Senders and workers that go on through faults, over plain HTTP: every call is retried, with one
 * request id, on the next node. What they saw is in a History.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "./condition.ts";
import { type Delivery, History } from "./history.ts";
import { CallFailure, call, listAt, numberAt, textAt } from "./rpc.ts";

const RETRY_MS = 50;
const RETRY_FOR_MS = 60_000;
const ATTEMPT = { timeoutMs: 5_000 } as const;

export interface WorkloadOptions {
  readonly endpoints: readonly string[];
  readonly queue: string;
  /** 10 s unless told. */
  readonly visibilityTimeoutMs?: number;
  /** Messages a send, and at most a receive; 20 unless told. */
  readonly batch?: number;
}

/** Counters of a queue. */
export interface Depth {
  readonly available: number;
  readonly inFlight: number;
  readonly delayed: number;
}

export class Workload {
  readonly history: History = new History();
  readonly #options: WorkloadOptions;
  readonly #batch: number;
  readonly #sending = new AbortController();
  readonly #working = new AbortController();
  readonly #senders: Promise<void>[] = [];
  readonly #workers: Promise<void>[] = [];
  #next = 0;
  #turn = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#batch = options.batch ?? 20;
  }

  async createQueue(attributes: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const visibilityTimeoutMs = this.#options.visibilityTimeoutMs ?? 10_000;
    await this.call("CreateQueue", { attributes: { visibilityTimeoutMs, ...attributes } });
  }

  startSenders(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#senders.push(this.#loop(this.#sending.signal, () => this.send(this.#batch)));
    }
  }

  startWorkers(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#workers.push(
        this.#loop(this.#working.signal, async () => {
          const deliveries = await this.receive(this.#batch, { waitMs: 500 });
          await this.tombstone(deliveries);
        }),
      );
    }
  }

  async stopSenders(): Promise<void> {
    this.#sending.abort();
    await Promise.all(this.#senders);
    this.#throwFailure();
  }

  async stopWorkers(): Promise<void> {
    this.#working.abort();
    await Promise.all(this.#workers);
    this.#throwFailure();
  }

  /** Waits until the workers have emptied the queue, and stops them. */
  async drain(timeoutMs = 60_000): Promise<void> {
    await this.stopSenders();
    await until(
      async () => {
        const { available, inFlight, delayed } = await this.depth();
        return this.#failure !== undefined || available + inFlight + delayed === 0;
      },
      { what: `queue ${this.#options.queue} to be empty`, timeoutMs },
    );
    await this.stopWorkers();
  }

  /** Sends `count` messages and waits for their acknowledgement. */
  async send(count: number): Promise<void> {
    const keys = Array.from({ length: count }, () => `k${this.#next++}`);
    for (const key of keys) this.history.attempted(key);
    const messages = keys.map((key) => ({ text: bodyOf(key) }));
    const answer = await this.call("Send", { messages });
    listAt(answer, "results").forEach((result, index) => {
      const key = keys[index];
      const messageId = textAt(result, "messageId");
      if (key === undefined || messageId === "") {
        throw new Error(`a message was not stored: ${JSON.stringify(result)}`);
      }
      this.history.acknowledged(key, messageId);
    });
  }

  async receive(
    maxMessages: number,
    options: { readonly waitMs?: number; readonly visibilityTimeoutMs?: number } = {},
  ): Promise<Delivery[]> {
    const calledAtMs = performance.now();
    const answer = await this.call("Receive", { maxMessages, ...options });
    const answeredAtMs = performance.now();
    return listAt(answer, "messages").map((message) => {
      const delivery: Delivery = {
        key: keyOf(textAt(message, "text")),
        messageId: textAt(message, "messageId"),
        receiptHandle: textAt(message, "receiptHandle"),
        receiveCount: numberAt(message, "receiveCount"),
        fencingToken: numberAt(message, "fencingToken"),
        leaseRemainingMs: numberAt(message, "leaseRemainingMs"),
        calledAtMs,
        answeredAtMs,
      };
      this.history.delivered(delivery);
      return delivery;
    });
  }

  /** Answers the outcomes, in order. */
  async tombstone(deliveries: readonly Delivery[]): Promise<string[]> {
    if (deliveries.length === 0) return [];
    const calledAtMs = performance.now();
    const receiptHandles = deliveries.map((delivery) => delivery.receiptHandle);
    const answer = await this.call("Tombstone", { receiptHandles });
    return listAt(answer, "results").map((result, index) => {
      const outcome = textAt(result, "outcome");
      const delivery = deliveries[index];
      if (delivery === undefined) throw new Error("more outcomes than receipts");
      if (outcome === "effective") this.history.tombstoned(delivery, calledAtMs);
      else if (outcome === "gone") this.history.ended(delivery, calledAtMs);
      return outcome;
    });
  }

  async depth(): Promise<Depth> {
    const { endpoints, queue } = this.#options;
    const answer = await this.#retried((turn) => {
      const endpoint = endpoints[turn % endpoints.length] ?? "";
      return call(endpoint, "QueueService/DescribeQueue", { queue }, ATTEMPT);
    });
    return {
      available: numberAt(answer, "available"),
      inFlight: numberAt(answer, "inFlight"),
      delayed: numberAt(answer, "delayed"),
    };
  }

  /** A mutating call, retried under one request id. */
  async call(method: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { endpoints, queue } = this.#options;
    const body = { queue, requestId: randomUUID(), ...fields };
    return await this.#retried((turn) => {
      const endpoint = endpoints[turn % endpoints.length] ?? "";
      return call(endpoint, `QueueService/${method}`, body, ATTEMPT);
    });
  }

  /** Calls until a node answers. Fails at once on what no retry can mend, and after a minute. */
  async #retried(attempt: (turn: number) => Promise<unknown>): Promise<unknown> {
    const deadlineMs = performance.now() + RETRY_FOR_MS;
    for (;;) {
      try {
        return await attempt(this.#turn);
      } catch (error) {
        const lasting = error instanceof CallFailure && !error.retryable;
        if (lasting || performance.now() > deadlineMs) throw error;
      }
      this.#turn += 1;
      await pause(RETRY_MS);
    }
  }

  /** Runs `turn` over and over until `signal`. What it throws is kept for whoever waits for the workload. */
  async #loop(signal: AbortSignal, turn: () => Promise<void>): Promise<void> {
    try {
      while (!signal.aborted) await turn();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

const PADDING = ".".repeat(80);

/** The body of a message: its key, made longer. */
function bodyOf(key: string): string {
  return `${key}|${PADDING}${key}`;
}

function keyOf(body: string): string {
  const key = body.split("|", 1).join("");
  if (body !== bodyOf(key)) throw new Error(`a body came back changed: ${body}`);
  return key;
}

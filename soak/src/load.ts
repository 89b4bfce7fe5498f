/**
 * Constant load by several clients, through whatever happens: messages are due at a fixed rate, and a
 * standing backlog is kept. What is not answered is not sent again by us: the client retries with the
 * same request id, and a message of unknown fate may be delivered or not.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Client, createClient, type Message, type Queue } from "@kqueuey/client";
import hdr from "hdr-histogram-js";
import { Ledger } from "./ledger.ts";

export interface LoadOptions {
  readonly endpoints: readonly string[];
  readonly clients: number;
  /** Messages a second, of all clients together. */
  readonly rate: number;
  /** Messages that the workers leave in the queue. */
  readonly backlog: number;
  readonly bodyBytes: number;
}

/** What happened since the last look. */
export interface Progress {
  readonly acknowledged: number;
  readonly tombstoned: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly failures: number;
}

const QUEUE = "soak";
const BATCH = 20;
const WORKERS = 3;
const CALL_TIMEOUT_MS = 60_000;
const LEASE_MS = 20_000;
const DRAIN_LIMIT_MS = 180_000;
/** Batches that one client may have unanswered: an outage of a minute at full rate is not held in memory. */
const UNANSWERED_MAX = 200;

export class Load {
  readonly ledger: Ledger = new Ledger();
  readonly #options: LoadOptions;
  readonly #clients: readonly Client[];
  readonly #latencies = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
  });
  readonly #loops: Promise<void>[] = [];
  readonly #unanswered = new Set<Promise<void>>();
  #sending = true;
  #working = true;
  #draining = false;
  #failures = 0;
  #seen = { acknowledged: 0, tombstoned: 0, failures: 0 };

  constructor(options: LoadOptions) {
    this.#options = options;
    const { endpoints } = options;
    this.#clients = Array.from({ length: options.clients }, (_, i) =>
      createClient({ endpoints, name: `soak-${i + 1}`, timeoutMs: CALL_TIMEOUT_MS }),
    );
  }

  async start(): Promise<void> {
    const [first] = this.#clients;
    await first?.createQueue(QUEUE, { attributes: { visibilityTimeoutMs: LEASE_MS } });
    for (const client of this.#clients) {
      const queue = client.queue(QUEUE);
      this.#loops.push(this.#sendAll(queue));
      for (let i = 0; i < WORKERS; i += 1) this.#loops.push(this.#work(queue));
    }
  }

  /** Messages that should be in the queue. */
  get backlog(): number {
    return this.ledger.acknowledged - this.ledger.tombstoned;
  }

  takeProgress(): Progress {
    const { acknowledged, tombstoned } = this.ledger;
    const before = this.#seen;
    this.#seen = { acknowledged, tombstoned, failures: this.#failures };
    const none = this.#latencies.totalCount === 0;
    const quantile = (percent: number): number | undefined =>
      none ? undefined : this.#latencies.getValueAtPercentile(percent) / 1_000;
    const [p50Ms, p99Ms] = [quantile(50), quantile(99)];
    this.#latencies.reset();
    return {
      acknowledged: acknowledged - before.acknowledged,
      tombstoned: tombstoned - before.tombstoned,
      p50Ms,
      p99Ms,
      failures: this.#failures - before.failures,
    };
  }

  /** Ends the sends, empties the queue and ends. Gives the messages that are still in it after a long time. */
  async drain(): Promise<number> {
    this.#sending = false;
    this.#draining = true;
    const [first] = this.#clients;
    const endMs = performance.now() + DRAIN_LIMIT_MS;
    let left = Number.POSITIVE_INFINITY;
    while ((left > 0 || this.#unanswered.size > 0) && performance.now() < endMs) {
      await pause(500);
      const depth = await first?.describeQueue(QUEUE).catch(() => undefined);
      if (depth !== undefined) left = depth.available + depth.inFlight + depth.delayed;
    }
    this.#working = false;
    await Promise.all(this.#loops);
    return left;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** An open loop: a batch is due when it is due, however long the one before takes. */
  async #sendAll(queue: Queue): Promise<void> {
    const everyMs = (BATCH * 1_000 * this.#options.clients) / this.#options.rate;
    let dueMs = performance.now();
    while (this.#sending) {
      await pause(Math.max(0, dueMs - performance.now()));
      if (this.#unanswered.size < UNANSWERED_MAX * this.#options.clients) {
        const sending = this.#sendBatch(queue, dueMs);
        this.#unanswered.add(sending);
        void sending.finally(() => this.#unanswered.delete(sending));
      }
      dueMs += everyMs;
    }
    await Promise.all(this.#unanswered);
  }

  async #sendBatch(queue: Queue, dueMs: number): Promise<void> {
    const numbers = Array.from({ length: BATCH }, () => this.ledger.attempt());
    const bodies = numbers.map((number) => `${number}|`.padEnd(this.#options.bodyBytes, "."));
    try {
      const { ids } = await queue.sendBatch(bodies, { ids: true, failures: "return" });
      const micros = Math.max(1, Math.round((performance.now() - dueMs) * 1_000));
      this.#latencies.recordValue(Math.min(micros, 600_000_000));
      numbers.forEach((number, i) => {
        if (ids?.[i] === undefined) this.#failures += 1;
        else this.ledger.acknowledge(number);
      });
    } catch {
      this.#failures += BATCH;
    }
  }

  async #work(queue: Queue): Promise<void> {
    while (this.#working) {
      if (!this.#draining && this.backlog < this.#options.backlog) {
        await pause(20);
        continue;
      }
      try {
        const messages = await queue.receive({ maxMessages: BATCH * 5, waitMs: 500 });
        await this.#finish(queue, messages);
      } catch {
        this.#failures += 1;
        await pause(100);
      }
    }
  }

  async #finish(queue: Queue, messages: readonly Message[]): Promise<void> {
    if (messages.length === 0) return;
    const numbers = messages.map((message) => Number(message.text.split("|", 1).join("")));
    messages.forEach((message, i) => {
      this.ledger.deliver(numbers[i] ?? -1, message.fencingToken);
    });
    const outcomes = await queue.tombstone(messages);
    outcomes.forEach(({ outcome }, i) => {
      const [number, message] = [numbers[i], messages[i]];
      if (outcome !== "effective" || number === undefined || message === undefined) return;
      this.ledger.tombstone(number, message.fencingToken);
    });
  }
}

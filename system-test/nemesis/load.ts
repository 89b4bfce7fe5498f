/**
 * Senders and workers of several kinds that go on whatever happens to the nodes, and the history of what
 * they saw. Some workers forget a message, some give one back: redelivery happens all the time.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Counters } from "@kqueuey/sim";
import { until } from "../harness/condition.ts";
import { type Delivery, History } from "../harness/history.ts";
import { at, call, numberAt } from "../harness/rpc.ts";
import { bodyOf, keyIn, keyOf } from "./bodies.ts";
import type { Caller, Received } from "./caller.ts";
import { ClientCaller } from "./client-caller.ts";
import { HttpCaller } from "./http-caller.ts";
import { SdkCaller } from "./sdk-caller.ts";

export interface LoadOptions {
  readonly endpoints: readonly string[];
  /** Of a body, about; 200 unless told. */
  readonly bodyBytes?: number;
  /** 3 s unless told. */
  readonly visibilityTimeoutMs?: number;
  /** How long a sender rests between its calls: this is a load, not a benchmark. 20 unless told. */
  readonly restMs?: number;
}

const BATCH = 10;
/** A batch of SQS takes no more than 1 MiB in all. */
const SQS_BODY_BYTES_MAX = 20_000;
const POLL_MS = 1_000;
/** Of so many deliveries a worker forgets one, and gives another back. */
const FORGET_EVERY = 40;
const FAILED_REST_MS = 200;
const OPERATOR_REST_MS = 100;
/** Four days, as by default; changes add a little. */
const RETENTION_MS = 345_600_000;
const ATTEMPT = { timeoutMs: 3_000 } as const;

/** Both the native API and the SQS API, each on a queue of its own: they order grants differently. */
const QUEUES = ["native", "sqs"] as const;
type QueueName = (typeof QUEUES)[number];

export class Load {
  readonly histories: Readonly<Record<QueueName, History>> = {
    native: new History("native"),
    sqs: new History("sqs"),
  };
  readonly #options: Required<LoadOptions>;
  readonly #sending = new AbortController();
  readonly #working = new AbortController();
  readonly #callers: Caller[] = [];
  readonly #senders: Promise<void>[] = [];
  readonly #workers: Promise<void>[] = [];
  readonly #changed: string[] = [];
  readonly #failures = new Map<string, number>();
  #answered = 0;

  constructor(options: LoadOptions) {
    this.#options = { bodyBytes: 200, visibilityTimeoutMs: 3_000, restMs: 20, ...options };
  }

  /** Creates the queues and starts a sender and a worker of every kind. */
  async start(): Promise<void> {
    const { visibilityTimeoutMs } = this.#options;
    for (const queue of QUEUES) {
      const calledAtMs = performance.now();
      const attributes = { visibilityTimeoutMs, retentionMs: RETENTION_MS };
      await until(() => this.#ask("CreateQueue", { queue, attributes }), {
        what: `queue ${queue} to be created`,
      });
      this.histories[queue].created({ retentionMs: RETENTION_MS }, calledAtMs);
      this.#operator(queue);
    }
    const native = this.#named("native");
    const sqs = this.#named("sqs");
    this.#sender("native", new HttpCaller(native("http"), 0));
    this.#sender("native", new ClientCaller(native("client")));
    this.#sender("sqs", new SdkCaller(sqs("sdk"), 1));
    this.#worker("native", new HttpCaller(native("http.worker"), 1));
    this.#worker("native", new ClientCaller(native("client.worker")));
    this.#worker("sqs", new SdkCaller(sqs("sdk.worker"), 2));
    this.#worker("sqs", new SdkCaller(sqs("sdk.worker2"), 0));
  }

  get acknowledgedCount(): number {
    return this.histories.native.acknowledgedCount + this.histories.sqs.acknowledgedCount;
  }

  /** Calls that were answered, or failed, since the start. */
  get answeredCount(): number {
    return this.#answered;
  }

  /** Waits until `count` more sends were acknowledged. */
  async acknowledged(count: number, timeoutMs = 60_000): Promise<void> {
    const goal = this.acknowledgedCount + count;
    await until(() => this.acknowledgedCount >= goal, {
      what: () => `${count} more acknowledged sends; ${this.summary()}`,
      timeoutMs,
    });
  }

  /** Ends the senders, waits until the workers have emptied the queues, and ends them too. */
  async drain(timeoutMs = 60_000): Promise<void> {
    this.#sending.abort();
    await Promise.all(this.#senders);
    const left = async (): Promise<number> => {
      let sum = 0;
      for (const queue of QUEUES) {
        const counters = countersOf(await this.#ask("DescribeQueue", { queue }));
        sum += counters.available + counters.inFlight + counters.delayed;
      }
      return sum;
    };
    await until(async () => (await left()) === 0, { what: "the queues to be empty", timeoutMs });
    await this.stop();
  }

  async stop(): Promise<void> {
    this.#sending.abort();
    this.#working.abort();
    await Promise.all([...this.#senders, ...this.#workers]);
    await Promise.all(this.#callers.map((caller) => caller.close()));
  }

  /** Every breach of a promise, in words. Call when the queues were drained. */
  violations(): string[] {
    return [
      ...this.#changed,
      ...QUEUES.flatMap((queue) =>
        this.histories[queue].violations().map((what) => `${queue}: ${what}`),
      ),
    ];
  }

  /** What the load did so far, in one line. */
  summary(): string {
    const parts = QUEUES.map((queue) => {
      const { acknowledgedCount, deliveredCount, tombstonedCount } = this.histories[queue];
      return `${queue} ${acknowledgedCount} sent, ${deliveredCount} received, ${tombstonedCount} done`;
    });
    const failed = [...this.#failures].map(([what, count]) => `${what} ${count}`);
    return `${parts.join("; ")}; failed calls: ${failed.join(", ") || "none"}`;
  }

  #named(queue: QueueName) {
    const { endpoints, visibilityTimeoutMs } = this.#options;
    return (name: string) => ({ name, endpoints, queue, visibilityTimeoutMs });
  }

  #sender(queue: QueueName, caller: Caller): void {
    const history = this.histories[queue];
    const { bodyBytes } = this.#options;
    const bytes = queue === "sqs" ? Math.min(bodyBytes, SQS_BODY_BYTES_MAX) : bodyBytes;
    let next = 0;
    this.#callers.push(caller);
    const turn = async (): Promise<void> => {
      const keys = Array.from({ length: BATCH }, () => keyOf(caller.name, next++, bytes));
      for (const key of keys) history.attempted(key);
      const ids = await caller.send(keys.map(bodyOf));
      keys.forEach((key, index) => {
        const id = ids[index];
        if (id !== undefined) history.acknowledged(key, id);
      });
      await pause(this.#options.restMs);
    };
    this.#senders.push(this.#loop(`${caller.name} send`, this.#sending.signal, turn));
  }

  #worker(queue: QueueName, caller: Caller): void {
    const history = this.histories[queue];
    let seen = 0;
    this.#callers.push(caller);
    const turn = async (): Promise<void> => {
      const deliveries = await this.#receive(history, caller);
      const kept = deliveries.filter(() => {
        seen += 1;
        return seen % FORGET_EVERY !== 0;
      });
      const given = kept.filter((_, index) => (seen + index) % FORGET_EVERY === 1);
      await this.#giveBack(history, caller, given);
      await this.#finish(
        history,
        caller,
        kept.filter((one) => !given.includes(one)),
      );
    };
    this.#workers.push(this.#loop(`${caller.name} work`, this.#working.signal, turn));
  }

  /** Changes an attribute to a value that it never had, and reads it from one node after the other. */
  #operator(queue: QueueName): void {
    const history = this.histories[queue];
    const { endpoints } = this.#options;
    let changes = 0;
    let reads = 0;
    const change = async (): Promise<void> => {
      changes += 1;
      const attributes = { retentionMs: RETENTION_MS + changes };
      const changed = history.changing(attributes, performance.now());
      await this.#ask("SetQueueAttributes", { queue, attributes, requestId: randomUUID() });
      changed("done");
      await pause(OPERATOR_REST_MS);
    };
    const read = async (): Promise<void> => {
      reads += 1;
      const calledAtMs = performance.now();
      const endpoint = endpoints[reads % endpoints.length] ?? "";
      const found = await call(endpoint, "QueueService/DescribeQueue", { queue }, ATTEMPT);
      const answeredAtMs = performance.now();
      const retentionMs = numberAt(at(found, "attributes"), "retentionMs");
      const counters = countersOf(found);
      history.read({ attributes: { retentionMs }, counters, calledAtMs, answeredAtMs });
      await pause(OPERATOR_REST_MS);
    };
    this.#senders.push(this.#loop(`${queue} change`, this.#sending.signal, change));
    this.#senders.push(this.#loop(`${queue} read`, this.#sending.signal, read));
  }

  async #receive(history: History, caller: Caller): Promise<Held[]> {
    const calledAtMs = performance.now();
    const messages = await caller.receive(3 * BATCH, POLL_MS);
    const answeredAtMs = performance.now();
    return messages.flatMap((message) => {
      const key = keyIn(message.body);
      if (key === undefined) {
        this.#changed.push(`${message.messageId} came with a body that nobody sent`);
        return [];
      }
      const { leaseMs: leaseRemainingMs, ...seen } = message;
      const delivery: Delivery = { ...seen, key, leaseRemainingMs, calledAtMs, answeredAtMs };
      history.delivered(delivery);
      return [{ message, delivery }];
    });
  }

  async #giveBack(history: History, caller: Caller, held: readonly Held[]): Promise<void> {
    if (held.length === 0) return;
    for (const { delivery } of held) history.ended(delivery, performance.now());
    await caller.release(held.map(({ message }) => message));
  }

  async #finish(history: History, caller: Caller, held: readonly Held[]): Promise<void> {
    if (held.length === 0) return;
    const calledAtMs = performance.now();
    const outcomes = await caller
      .tombstone(held.map(({ message }) => message))
      .catch((error: unknown) => {
        for (const { delivery } of held) history.ended(delivery, calledAtMs);
        throw error;
      });
    const answeredAtMs = performance.now();
    held.forEach(({ delivery }, index) => {
      const outcome = outcomes[index] ?? "unknown";
      // The SQS API does not say; but while the lease lasts, the receipt is the one that counts.
      const inTime = answeredAtMs < delivery.calledAtMs + 0.9 * delivery.leaseRemainingMs;
      const sure = caller instanceof SdkCaller ? inTime : true;
      if (outcome === "effective" && sure) history.tombstoned(delivery, calledAtMs);
      else if (outcome !== "stale") history.ended(delivery, calledAtMs);
    });
  }

  /** Runs `turn` until `signal`; what fails is counted and gone on from. */
  async #loop(what: string, signal: AbortSignal, turn: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await turn();
      } catch (error) {
        const kind = `${what}: ${error instanceof Error ? error.name : "unknown"}`;
        this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + 1);
        await pause(FAILED_REST_MS);
      }
      this.#answered += 1;
    }
  }

  async #ask(method: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
    let failure: unknown;
    for (const endpoint of this.#options.endpoints) {
      try {
        return await call(endpoint, `QueueService/${method}`, fields, ATTEMPT);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

function countersOf(answer: unknown): Counters {
  return {
    available: numberAt(answer, "available"),
    inFlight: numberAt(answer, "inFlight"),
    delayed: numberAt(answer, "delayed"),
  };
}

interface Held {
  readonly message: Received;
  readonly delivery: Delivery;
}

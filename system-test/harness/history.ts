/**
 * What senders and workers saw, recorded in the form that the simulator's clients write too, and judged by the
 * same judges: each call is a message's, with the instants between which it took effect.
 */
import {
  type Answer,
  type AttributeValues,
  type Counters,
  type HistoryEvent,
  judgeHistory,
  type Operation,
  History as Record,
} from "@kqueuey/sim";

/** A message handed to a worker. Instants are ms of the test's monotonic clock. */
export interface Delivery {
  /** The key that its sender wrote into the body. */
  readonly key: string;
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly receiveCount: number;
  readonly fencingToken: number;
  /** When the receive was called, and when its answer had come. */
  readonly calledAtMs: number;
  readonly answeredAtMs: number;
  /** What the answer said was left of the lease. */
  readonly leaseRemainingMs: number;
}

/** A reading of a queue's attributes and counters, and between which instants it was made. */
export interface Reading {
  readonly attributes: AttributeValues;
  readonly counters: Counters;
  readonly calledAtMs: number;
  readonly answeredAtMs: number;
}

export class History {
  readonly #queue: string;
  readonly #record: Record = new Record();
  readonly #sends = new Map<string, number>();
  readonly #acknowledged = new Set<string>();
  readonly #tombstoned = new Set<string>();
  #delivered = 0;

  /** Of one queue. */
  constructor(queue = "work") {
    this.#queue = queue;
  }

  /** A send is about to be called: from here on the message may exist. */
  attempted(key: string, atMs: number = performance.now()): void {
    const operation = { kind: "send", queue: this.#queue, messages: [{ body: key }] } as const;
    this.#sends.set(key, this.#record.invoke(operation, { client: 0, atMs }));
  }

  /** A send was acknowledged: from here on the message must exist. */
  acknowledged(key: string, messageId: string, atMs: number = performance.now()): void {
    const call = this.#sends.get(key);
    if (call === undefined) throw new Error(`${key} was acknowledged and not attempted`);
    this.#acknowledged.add(key);
    this.#record.answer(call, { kind: "sent", messageIds: [messageId] }, { atMs });
  }

  delivered(delivery: Delivery): void {
    this.#delivered += 1;
    const message = {
      body: delivery.key,
      messageId: delivery.messageId,
      token: delivery.fencingToken,
      receiveCount: delivery.receiveCount,
      remainingMs: delivery.leaseRemainingMs,
    };
    this.#note(
      { kind: "receive", queue: this.#queue, limit: 1, waitMs: 0 },
      { kind: "granted", messages: [message] },
      delivery,
    );
  }

  /** The lease may have been given up by its holder (release, extension, a tombstone without an answer). */
  ended(delivery: Delivery, calledAtMs: number): void {
    this.#record.invoke(this.#settling("release", delivery), { client: 0, atMs: calledAtMs });
  }

  /** A tombstone was reported effective. */
  tombstoned(
    delivery: Delivery,
    calledAtMs: number,
    answeredAtMs: number = performance.now(),
  ): void {
    this.#tombstoned.add(delivery.key);
    this.#note(
      this.#settling("tombstone", delivery),
      { kind: "settled", results: ["ok"] },
      { calledAtMs, answeredAtMs },
    );
  }

  /** The queue was made with these attributes. */
  created(attributes: AttributeValues, calledAtMs: number): void {
    this.#note(
      { kind: "create", queue: this.#queue, attributes },
      { kind: "done", changed: true },
      { calledAtMs, answeredAtMs: performance.now() },
    );
  }

  /** Attributes are about to be changed; the answer tells whether they were. */
  changing(attributes: AttributeValues, calledAtMs: number): (answer: "done" | "unknown") => void {
    const operation = { kind: "set", queue: this.#queue, attributes } as const;
    const call = this.#record.invoke(operation, { client: 0, atMs: calledAtMs });
    return (answer) => {
      if (answer === "unknown") return;
      this.#record.answer(call, { kind: "done", changed: true }, { atMs: performance.now() });
    };
  }

  read(reading: Reading): void {
    const { attributes, counters } = reading;
    this.#note(
      { kind: "describe", queue: this.#queue },
      { kind: "described", attributes, counters },
      reading,
    );
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  get tombstonedCount(): number {
    return this.#tombstoned.size;
  }

  get deliveredCount(): number {
    return this.#delivered;
  }

  /** All that was recorded, for whoever looks into a failure. */
  get events(): readonly HistoryEvent[] {
    return this.#record.events;
  }

  /** Acknowledged and not yet seen as tombstoned. */
  unfinished(): string[] {
    return [...this.#acknowledged].filter((key) => !this.#tombstoned.has(key));
  }

  /**
   * Every breach of a promise, in words; empty when all was well. `drained`: workers took everything until
   * nothing was left, so an acknowledged message that was never delivered is lost.
   */
  violations(end: { readonly drained: boolean } = { drained: true }): string[] {
    // A copy, since a history is taken apart once and this one may go on.
    const record = new Record(this.#record.events);
    return judgeHistory(record, end).map(({ promise, what }) => `${promise}: ${what}`);
  }

  #settling(action: "tombstone" | "release", { key, fencingToken }: Delivery): Operation {
    const receipts = [{ body: key, token: fencingToken }];
    return { kind: "settle", action, queue: this.#queue, receipts };
  }

  #note(
    operation: Operation,
    answer: Answer,
    at: { readonly calledAtMs: number; readonly answeredAtMs: number },
  ): void {
    const call = this.#record.invoke(operation, { client: 0, atMs: at.calledAtMs });
    this.#record.answer(call, answer, { atMs: at.answeredAtMs });
  }
}

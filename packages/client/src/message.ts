/** A received message: a view of the answer's bytes and the operations on its delivery. */
import { type HotReceivedMessage, KQueueyError } from "@kqueuey/contract";
import { PackedMessage } from "./packed-message.ts";
import type { ReceiptAction, ReceiptName, Receipts } from "./receipts.ts";
import { settleWithin } from "./settle-within.ts";
import type { Timers } from "./transport.ts";
import type { CallOptions, Message, ReceiptOutcome } from "./types.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What a message needs of its queue. */
export interface MessageHome {
  readonly queue: string;
  readonly receipts: Receipts;
  readonly timers: Timers;
}

/** The one implementation of `Message`. What is not in that interface is for the worker. */
export class DeliveredMessage implements Message {
  readonly #hot: HotReceivedMessage;
  readonly #home: MessageHome;
  #attributes: Record<string, string | Uint8Array> | undefined;
  /** Monotonic ms when the lease ends at the earliest. */
  deadlineMs: number;
  /** The lease as granted. */
  readonly leaseMs: number;
  /** Whether a tombstone or a release was asked for: then nobody else need do so. */
  settled = false;

  /** `roundTripMs`: how old the answer may be. */
  constructor(hot: HotReceivedMessage, home: MessageHome, roundTripMs: number) {
    this.#hot = hot;
    this.#home = home;
    this.leaseMs = hot.leaseRemainingMs;
    this.deadlineMs = home.timers.nowMs() + hot.leaseRemainingMs - roundTripMs;
  }

  get id(): string {
    return this.#hot.messageId;
  }

  get queue(): string {
    return this.#home.queue;
  }

  get body(): Uint8Array {
    return this.#hot.body;
  }

  get text(): string {
    return utf8.decode(this.#hot.body);
  }

  json(): unknown {
    try {
      return JSON.parse(this.text);
    } catch (cause) {
      throw new KQueueyError("INVALID_MESSAGE", `the body of message ${this.id} is not JSON`, {
        cause,
      });
    }
  }

  get attributes(): Readonly<Record<string, string | Uint8Array>> {
    // Entries, not assignments: an attribute may be called __proto__.
    this.#attributes ??= Object.fromEntries(
      this.#hot.attributes.map(({ name, type, value }) => {
        const isBinary = type === "Binary" || type.startsWith("Binary.");
        return [name, isBinary ? value : utf8.decode(value)];
      }),
    );
    return this.#attributes;
  }

  get traceHeader(): string | undefined {
    return this.#hot.traceHeader;
  }

  get sender(): string {
    return this.#hot.sender;
  }

  get sentAtMs(): number {
    return this.#hot.sentAtMs;
  }

  get firstReceivedAtMs(): number {
    return this.#hot.firstReceivedAtMs;
  }

  get receiveCount(): number {
    return this.#hot.receiveCount;
  }

  get fencingToken(): number {
    return this.#hot.fencingToken;
  }

  get deadLetterSource(): string | undefined {
    return this.#hot.deadLetterSource;
  }

  get groupId(): string | undefined {
    return this.#hot.groupId;
  }

  get sequenceNumber(): string | undefined {
    return this.#hot.sequenceNumber;
  }

  get deduplicationId(): string | undefined {
    return this.#hot.deduplicationId;
  }

  /** How the client names this delivery. */
  get receipt(): ReceiptName {
    return this.#hot instanceof PackedMessage ? this.#hot : this.#hot.receiptHandle;
  }

  get receiptHandle(): string {
    return this.#hot.receiptHandle;
  }

  remainingMs(): number {
    return Math.max(0, this.deadlineMs - this.#home.timers.nowMs());
  }

  ack(options: CallOptions = {}): Promise<boolean> {
    this.settled = true;
    return this.#do("tombstone", 0, options);
  }

  release(options: CallOptions & { readonly delayMs?: number } = {}): Promise<boolean> {
    this.settled = true;
    return this.#do("release", options.delayMs ?? 0, options);
  }

  extend(visibilityTimeoutMs: number, options: CallOptions = {}): Promise<boolean> {
    return this.#do("extend", visibilityTimeoutMs, options);
  }

  /** An extension took effect: the lease lasts `ms` from `sentMs` on at the least. */
  extended(ms: number, sentMs: number): void {
    this.deadlineMs = sentMs + ms;
  }

  #do(action: ReceiptAction, ms: number, options: CallOptions): Promise<boolean> {
    return settleWithin(this.#home.timers, options, (resolve, reject) => {
      this.#home.receipts.add(action, {
        receipt: this.receipt,
        ms,
        settle: (result: ReceiptOutcome, sentMs: number) => {
          if (result.outcome === "error") {
            reject(result.error);
            return;
          }
          const effective = result.outcome === "effective";
          if (effective && action === "extend") this.extended(ms, sentMs);
          resolve(effective);
        },
      });
    });
  }
}

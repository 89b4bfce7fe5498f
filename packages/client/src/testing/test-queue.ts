/** One queue of the test broker: messages, leases, deadlines, dead letters. Plain lists: tests are small. */
import {
  type HotNewMessage,
  type HotReceiptResult,
  type HotReceivedMessage,
  KQueueyError,
} from "@kqueuey/contract";
import type { QueueAttributes } from "../types.ts";

interface StoredMessage {
  readonly messageId: string;
  readonly sequence: number;
  readonly message: HotNewMessage;
  readonly sentAtMs: number;
  readonly deadLetterSource: string | undefined;
  firstReceivedAtMs: number;
  receiveCount: number;
  /** Available from then on; while leased, the deadline. */
  visibleAtMs: number;
  /** Token of the last lease; 0 before the first. */
  token: number;
  leased: boolean;
}

/** How many messages are in which state. */
export interface QueueCounts {
  readonly available: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** One queue. Times are the test cluster's ms. */
export class TestQueue {
  readonly name: string;
  readonly createdAtMs: number;
  attributes: QueueAttributes;
  modifiedAtMs: number;
  readonly tags: Readonly<Record<string, string>>;
  #messages: StoredMessage[] = [];
  #sequence = 0;
  #token = 0;

  constructor(
    name: string,
    attributes: QueueAttributes,
    tags: Readonly<Record<string, string>>,
    nowMs: number,
  ) {
    this.name = name;
    this.attributes = attributes;
    this.tags = tags;
    this.createdAtMs = nowMs;
    this.modifiedAtMs = nowMs;
  }

  send(message: HotNewMessage, nowMs: number): { messageId: string; sequence: number } {
    const messageId = this.#nextId();
    this.#messages.push({
      messageId,
      sequence: this.#sequence,
      // The body is a part of the frame until here.
      message: { ...message, body: message.body.slice() },
      sentAtMs: nowMs,
      deadLetterSource: undefined,
      firstReceivedAtMs: 0,
      receiveCount: 0,
      visibleAtMs: nowMs + (message.delayMs ?? this.attributes.delayMs),
      token: 0,
      leased: false,
    });
    return { messageId, sequence: this.#sequence };
  }

  /** Leases up to `maxMessages`; what was received too often goes to `deadLetters` instead. */
  receive(
    options: { readonly maxMessages: number; readonly leaseMs: number },
    nowMs: number,
    deadLetters: TestQueue | undefined,
  ): HotReceivedMessage[] {
    const received: HotReceivedMessage[] = [];
    for (const stored of [...this.#messages]) {
      if (received.length >= options.maxMessages) break;
      if (stored.visibleAtMs > nowMs) continue;
      const most = this.attributes.deadLetter?.maximumReceives;
      if (deadLetters !== undefined && most !== undefined && stored.receiveCount >= most) {
        this.#remove(stored);
        deadLetters.#take(stored, this.name, nowMs);
        continue;
      }
      this.#token += 1;
      stored.token = this.#token;
      stored.leased = true;
      stored.receiveCount += 1;
      if (stored.firstReceivedAtMs === 0) stored.firstReceivedAtMs = nowMs;
      stored.visibleAtMs = nowMs + options.leaseMs;
      received.push(view(stored, nowMs));
    }
    return received;
  }

  /** What is still leased under these receipts: the answer to a repeated receive. */
  stillHeld(receiptHandles: readonly string[], nowMs: number): HotReceivedMessage[] {
    return receiptHandles.flatMap((receiptHandle) => {
      const stored = this.#messages.find((other) => handleOf(other) === receiptHandle);
      return stored === undefined || !isHeld(stored, nowMs) ? [] : [view(stored, nowMs)];
    });
  }

  tombstone(receiptHandle: string, nowMs: number): HotReceiptResult {
    return this.#withLease(receiptHandle, nowMs, (stored) => this.#remove(stored));
  }

  /** Moves the deadline; 0 gives the message back. */
  extend(receiptHandle: string, leaseMs: number, nowMs: number): HotReceiptResult {
    return this.#withLease(receiptHandle, nowMs, (stored) => {
      stored.visibleAtMs = nowMs + leaseMs;
      if (leaseMs === 0) stored.leased = false;
    });
  }

  release(receiptHandle: string, delayMs: number, nowMs: number): HotReceiptResult {
    return this.#withLease(receiptHandle, nowMs, (stored) => {
      stored.visibleAtMs = nowMs + delayMs;
      stored.leased = false;
    });
  }

  purge(): void {
    this.#messages = [];
  }

  counts(nowMs: number): QueueCounts {
    let available = 0;
    let inFlight = 0;
    for (const stored of this.#messages) {
      if (stored.visibleAtMs <= nowMs) available += 1;
      else if (stored.leased) inFlight += 1;
    }
    return { available, inFlight, delayed: this.#messages.length - available - inFlight };
  }

  /** When the next message becomes available, or undefined. */
  nextVisibleMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const { visibleAtMs } of this.#messages) {
      if (visibleAtMs > nowMs && (next === undefined || visibleAtMs < next)) next = visibleAtMs;
    }
    return next;
  }

  #take(stored: StoredMessage, source: string, nowMs: number): void {
    this.#sequence += 1;
    this.#messages.push({
      ...stored,
      sequence: this.#sequence,
      deadLetterSource: source,
      receiveCount: 0,
      visibleAtMs: nowMs,
      leased: false,
    });
  }

  #nextId(): string {
    this.#sequence += 1;
    let hash = 0;
    for (const character of this.name) {
      hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
    }
    const queuePart = hash.toString(16).padStart(8, "0");
    return `${queuePart}-0000-4000-8000-${this.#sequence.toString(16).padStart(12, "0")}`;
  }

  #withLease(
    receiptHandle: string,
    nowMs: number,
    act: (stored: StoredMessage) => void,
  ): HotReceiptResult {
    const match = /^test-(.{36})-(\d+)$/.exec(receiptHandle);
    if (match === null) {
      const text = "the receipt handle was not made by this cluster for this queue";
      return { ok: false, error: new KQueueyError("RECEIPT_INVALID", text) };
    }
    const stored = this.#messages.find((other) => other.messageId === match[1]);
    if (stored === undefined) return { ok: true, effective: false, reason: "gone" };
    if (handleOf(stored) !== receiptHandle || !isHeld(stored, nowMs)) {
      return { ok: true, effective: false, reason: "stale" };
    }
    act(stored);
    return { ok: true, effective: true };
  }

  #remove(stored: StoredMessage): void {
    this.#messages = this.#messages.filter((other) => other !== stored);
  }
}

function isHeld(stored: StoredMessage, nowMs: number): boolean {
  return stored.leased && stored.visibleAtMs > nowMs;
}

function handleOf(stored: StoredMessage): string {
  return `test-${stored.messageId}-${stored.token}`;
}

function view(stored: StoredMessage, nowMs: number): HotReceivedMessage {
  return {
    messageId: stored.messageId,
    receiptHandle: handleOf(stored),
    body: stored.message.body,
    attributes: stored.message.attributes,
    traceHeader: stored.message.traceHeader,
    sender: "anonymous",
    sentAtMs: Math.floor(stored.sentAtMs),
    firstReceivedAtMs: Math.floor(stored.firstReceivedAtMs),
    receiveCount: stored.receiveCount,
    fencingToken: stored.token,
    leaseRemainingMs: Math.max(0, Math.floor(stored.visibleAtMs - nowMs)),
    deadLetterSource: stored.deadLetterSource,
  };
}

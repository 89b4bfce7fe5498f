/**
 * One queue of the in-memory broker: lists and loops, no cleverness. A message is available when its
 * `visibleAtMs` has come; a lease or a delay is a `visibleAtMs` in the future and the reason for it.
 */
import type {
  NewMessage,
  QueueAttributes,
  QueueDescription,
  ReceiptResult,
  ReceivedMessage,
  ReceiveOptions,
} from "../broker.ts";
import { sequenceNumberOf } from "../engine/fifo-messages.ts";
import { MemoryFifo } from "./memory-fifo.ts";

/** A message as the in-memory queue keeps it. */
export interface MemoryMessage {
  readonly messageId: string;
  readonly sequence: number;
  readonly content: NewMessage;
  readonly sender: string;
  readonly sentAtMs: number;
  readonly deadLetterSource: string | undefined;
  hiddenBy: "nothing" | "delay" | "lease";
  visibleAtMs: number;
  firstReceivedAtMs: number;
  receivedAtMs: number;
  receiveCount: number;
  /** Of the latest lease; 0 before the first. */
  token: number;
}

/** A message and the lease under which it was given. */
export interface MemoryGrant {
  readonly message: MemoryMessage;
  readonly token: number;
  readonly leaseMs: number;
}

/** SQS and the native API alike: no message is held longer than this after one receive. */
const LEASE_TOTAL_MS_MAX = 43_200_000;

export class MemoryQueue {
  readonly id: number;
  readonly name: string;
  readonly createdAtMs: number;
  modifiedAtMs: number;
  attributes: QueueAttributes;
  extra: Readonly<Record<string, string>>;
  tags: Readonly<Record<string, string>>;
  #messages: MemoryMessage[] = [];
  #sequence = 0;
  #token = 0;
  #fifo = new MemoryFifo();
  /** The last purge that named an interval. */
  #purged: { readonly atMs: number; readonly by: string | undefined } = {
    atMs: Number.NEGATIVE_INFINITY,
    by: undefined,
  };

  constructor(
    identity: { readonly id: number; readonly name: string; readonly nowMs: number },
    attributes: QueueAttributes,
    labels: Pick<QueueDescription, "extra" | "tags">,
  ) {
    this.id = identity.id;
    this.name = identity.name;
    this.createdAtMs = identity.nowMs;
    this.modifiedAtMs = identity.nowMs;
    this.attributes = attributes;
    this.extra = labels.extra;
    this.tags = labels.tags;
  }

  describe(nowMs: number): QueueDescription {
    this.#expire(nowMs);
    let available = 0;
    let inFlight = 0;
    let delayed = 0;
    for (const message of this.#messages) {
      if (message.hiddenBy === "nothing") available += 1;
      else if (message.hiddenBy === "lease") inFlight += 1;
      else delayed += 1;
    }
    const { name, attributes, extra, tags, createdAtMs, modifiedAtMs } = this;
    const noisy = this.#noisyGroups();
    const quiet = this.#messages.filter(({ hiddenBy, content }) => {
      return hiddenBy === "nothing" && !noisy.has(content.groupId ?? "");
    });
    const groups = { noisyGroups: noisy.size, availableQuiet: quiet.length };
    const counts = { available, inFlight, delayed, ...groups };
    return { name, attributes, extra, tags, ...counts, createdAtMs, modifiedAtMs };
  }

  send(nowMs: number, sender: string, content: NewMessage): MemoryMessage {
    if (this.attributes.fifo !== undefined) {
      return this.#fifo.sendOnce(nowMs, { fifo: this.attributes.fifo, content }, (whole) =>
        this.#store(nowMs, sender, whole),
      );
    }
    return this.#store(nowMs, sender, content);
  }

  #store(nowMs: number, sender: string, content: NewMessage): MemoryMessage {
    this.#sequence += 1;
    const delayMs = content.delayMs ?? this.attributes.delayMs;
    const message: MemoryMessage = {
      messageId: messageIdOf(this.id, this.#sequence),
      sequence: this.#sequence,
      content,
      sender,
      sentAtMs: nowMs,
      deadLetterSource: undefined,
      hiddenBy: delayMs > 0 ? "delay" : "nothing",
      visibleAtMs: nowMs + delayMs,
      firstReceivedAtMs: 0,
      receivedAtMs: 0,
      receiveCount: 0,
      token: 0,
    };
    this.#messages.push(message);
    return message;
  }

  /** Takes in a message that `source` gave up: its id, count and time of sending stay. */
  acceptDeadLetter(nowMs: number, source: string, message: MemoryMessage): void {
    this.#sequence += 1;
    this.#messages.push({
      ...message,
      sequence: this.#sequence,
      deadLetterSource: source,
      hiddenBy: "nothing",
      visibleAtMs: nowMs,
      token: 0,
    });
  }

  /** The oldest available message below `horizon`. */
  firstAvailable(nowMs: number, horizon: number): MemoryMessage | undefined {
    this.#expire(nowMs);
    return this.#messages.find(
      ({ hiddenBy, sequence }) => hiddenBy === "nothing" && sequence < horizon,
    );
  }

  /** Takes out what is available and was received as often as the queue allows. */
  takeExhausted(nowMs: number): readonly MemoryMessage[] {
    const receivesMax = this.attributes.deadLetter?.maximumReceives ?? Number.POSITIVE_INFINITY;
    this.#expire(nowMs);
    const exhausted = this.#messages.filter(
      ({ hiddenBy, receiveCount }) => hiddenBy === "nothing" && receiveCount >= receivesMax,
    );
    for (const message of exhausted) this.#remove(message);
    return exhausted;
  }

  /** Gives a message away for good. */
  give(message: MemoryMessage): void {
    this.#remove(message);
  }

  /** Takes in a message that a task moved: as if it had just been sent, but for its id and its time of sending. */
  acceptMoved(nowMs: number, message: MemoryMessage): void {
    this.#sequence += 1;
    this.#messages.push({
      ...message,
      sequence: this.#sequence,
      deadLetterSource: undefined,
      hiddenBy: "nothing",
      visibleAtMs: nowMs,
      firstReceivedAtMs: 0,
      receiveCount: 0,
      token: 0,
    });
  }

  get nextSequence(): number {
    return this.#sequence + 1;
  }

  /** Leases what is available, redeliveries first; `bury` takes a message that was received too often. */
  receive(
    nowMs: number,
    options: ReceiveOptions,
    bury: (message: MemoryMessage) => boolean,
  ): MemoryGrant[] {
    this.#expire(nowMs);
    const again = this.#fifo.repeat(nowMs, options, (grant) => this.holds(nowMs, grant));
    if (again !== undefined) return again;
    const leaseMs = options.visibilityTimeoutMs ?? this.attributes.visibilityTimeoutMs;
    const receivesMax = this.attributes.deadLetter?.maximumReceives ?? Number.POSITIVE_INFINITY;
    const grants: MemoryGrant[] = [];
    let bytes = 0;
    const available =
      this.attributes.fifo === undefined
        ? this.#available()
        : this.#fifo.available(this.#messages, options.maxMessages);
    for (const message of available) {
      if (message.receiveCount >= receivesMax && bury(message)) {
        this.#remove(message);
        continue;
      }
      if (grants.length === options.maxMessages) break;
      bytes += message.content.body.length;
      if (grants.length > 0 && bytes > (options.maxBytes ?? Number.POSITIVE_INFINITY)) break;
      this.#token += 1;
      message.token = this.#token;
      message.receiveCount += 1;
      message.receivedAtMs = nowMs;
      if (message.receiveCount === 1) message.firstReceivedAtMs = nowMs;
      message.hiddenBy = leaseMs > 0 ? "lease" : "nothing";
      message.visibleAtMs = nowMs + leaseMs;
      grants.push({ message, token: message.token, leaseMs });
    }
    if (this.attributes.fifo !== undefined) this.#fifo.granted(nowMs, options, grants);
    return grants;
  }

  /** Undoes a grant that nobody saw: available at once, count restored. */
  takeBack(nowMs: number, grant: MemoryGrant): void {
    const { message } = grant;
    if (message.token !== grant.token || !this.#messages.includes(message)) return;
    message.receiveCount -= 1;
    message.hiddenBy = "nothing";
    message.visibleAtMs = nowMs;
    this.#token += 1;
    message.token = this.#token;
  }

  tombstone(
    nowMs: number,
    receipt: { readonly sequence: number; readonly token: number },
  ): ReceiptResult {
    this.#expire(nowMs);
    const message = this.#held(receipt.sequence, receipt.token);
    if (typeof message === "string") return { ok: true, effective: false, reason: message };
    // In a FIFO queue, a group may have gone on once a lease is over.
    if (this.attributes.fifo !== undefined && message.hiddenBy !== "lease") {
      return { ok: true, effective: false, reason: "stale" };
    }
    this.#remove(message);
    return EFFECTIVE;
  }

  /** Holds the message `leaseMs` from now; "beyond" when that is past the total of one receive. */
  extend(
    nowMs: number,
    receipt: { readonly sequence: number; readonly token: number },
    leaseMs: number,
  ): ReceiptResult | "beyond" {
    const message = this.#held(receipt.sequence, receipt.token);
    if (typeof message === "string") return { ok: true, effective: false, reason: message };
    if (nowMs + leaseMs > message.receivedAtMs + LEASE_TOTAL_MS_MAX) return "beyond";
    message.hiddenBy = leaseMs > 0 ? "lease" : "nothing";
    message.visibleAtMs = nowMs + leaseMs;
    return EFFECTIVE;
  }

  release(
    nowMs: number,
    receipt: { readonly sequence: number; readonly token: number },
    delayMs: number,
  ): ReceiptResult {
    const message = this.#held(receipt.sequence, receipt.token);
    if (typeof message === "string") return { ok: true, effective: false, reason: message };
    message.hiddenBy = delayMs > 0 ? "delay" : "nothing";
    message.visibleAtMs = nowMs + delayMs;
    this.#token += 1;
    message.token = this.#token;
    return EFFECTIVE;
  }

  /** Whether `grant` is still the message's latest and the message is there and hidden by it. */
  holds(nowMs: number, grant: MemoryGrant): boolean {
    this.#expire(nowMs);
    const { message, token } = grant;
    return (
      message.token === token && message.hiddenBy === "lease" && this.#messages.includes(message)
    );
  }

  /** False within the interval of another purge that named one; a call that is tried again did it the first time. */
  purge(asked: {
    readonly nowMs: number;
    readonly requestId: string | undefined;
    readonly intervalMs?: number;
  }): boolean {
    const { nowMs, requestId, intervalMs } = asked;
    if (intervalMs !== undefined) {
      const { atMs, by } = this.#purged;
      if (nowMs - atMs < intervalMs) return requestId !== undefined && requestId === by;
      this.#purged = { atMs: nowMs, by: requestId };
    }
    this.#messages = [];
    this.#fifo = new MemoryFifo();
    return true;
  }

  /** When the next hidden message becomes available; undefined when none is hidden. */
  nextVisibleAtMs(): number | undefined {
    let next: number | undefined;
    for (const message of this.#messages) {
      if (message.hiddenBy === "nothing") continue;
      if (next === undefined || message.visibleAtMs < next) next = message.visibleAtMs;
    }
    return next;
  }

  #expire(nowMs: number): void {
    const oldestMs = nowMs - this.attributes.retentionMs;
    this.#messages = this.#messages.filter((message) => message.sentAtMs > oldestMs);
    for (const message of this.#messages) {
      if (message.visibleAtMs <= nowMs) message.hiddenBy = "nothing";
    }
  }

  #available(): MemoryMessage[] {
    const noisy = this.#noisyGroups();
    const isNoisy = ({ content }: MemoryMessage): number =>
      Number(content.groupId !== undefined && noisy.has(content.groupId));
    return this.#messages
      .filter((message) => message.hiddenBy === "nothing")
      .sort(
        (a, b) =>
          isNoisy(a) - isNoisy(b) ||
          Number(a.receiveCount === 0) - Number(b.receiveCount === 0) ||
          a.sequence - b.sequence,
      );
  }

  /** Groups with at least 30 messages in flight and more than 10 % of all, unless the queue says otherwise. */
  #noisyGroups(): ReadonlySet<string> {
    const leased = this.#messages.filter(({ hiddenBy }) => hiddenBy === "lease");
    const held = new Map<string, number>();
    for (const { content } of leased) {
      const { groupId } = content;
      if (groupId !== undefined) held.set(groupId, (held.get(groupId) ?? 0) + 1);
    }
    const { fairness, fifo } = this.attributes;
    const least = fairness?.inFlightMin ?? 30;
    const share = (leased.length * (fairness?.inFlightPercent ?? 10)) / 100;
    const noisy = [...held].filter(([, count]) => count >= least && count > share);
    if (fifo !== undefined) return new Set();
    return new Set(noisy.map(([group]) => group));
  }

  #held(sequence: number, token: number): MemoryMessage | "gone" | "stale" {
    const message = this.#messages.find((other) => other.sequence === sequence);
    if (message === undefined) return "gone";
    return message.token === token ? message : "stale";
  }

  #remove(message: MemoryMessage): void {
    this.#messages = this.#messages.filter((other) => other !== message);
  }
}

const EFFECTIVE: ReceiptResult = { ok: true, effective: true };

/** A UUID that is a function of queue and sequence, as the engine's are. */
function messageIdOf(queueId: number, sequence: number): string {
  const queue = queueId.toString(16).padStart(8, "0");
  return `${queue}-0000-4000-8000-${sequence.toString(16).padStart(12, "0")}`;
}

function groupingOf(
  message: MemoryMessage,
): Pick<ReceivedMessage, "groupId" | "deduplicationId" | "sequenceNumber"> {
  const { groupId, deduplicationId } = message.content;
  if (deduplicationId === undefined) return { groupId };
  const { deadLetterSource, messageId } = message;
  return {
    groupId,
    deduplicationId: deadLetterSource === undefined ? deduplicationId : messageId,
    sequenceNumber: sequenceNumberOf(message.sequence),
  };
}

/** What an API sees of a granted message. */
export function receivedMessageOf(
  nowMs: number,
  grant: MemoryGrant,
  receiptHandle: string,
): ReceivedMessage {
  const { message, token } = grant;
  return {
    messageId: message.messageId,
    receiptHandle,
    body: message.content.body,
    ...(message.content.bodyMd5 === undefined ? {} : { bodyMd5: message.content.bodyMd5 }),
    attributes: message.content.attributes,
    traceHeader: message.content.traceHeader,
    ...groupingOf(message),
    sender: message.sender,
    sentAtMs: message.sentAtMs,
    firstReceivedAtMs: message.firstReceivedAtMs,
    receiveCount: message.receiveCount,
    fencingToken: token,
    leaseRemainingMs: Math.max(0, message.visibleAtMs - nowMs),
    deadLetterSource: message.deadLetterSource,
  };
}

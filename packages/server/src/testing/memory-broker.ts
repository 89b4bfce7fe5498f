/**
 * A `Broker` in memory, for tests of the APIs and for nothing else: one process, nothing kept. It has
 * the engine's semantics (leases, delays, redeliveries first, dead letters, retention, long polls,
 * request ids, undelivered grants) in the plainest form, under a clock that the test gives.
 */
import { encodeUtf8 } from "@kqueuey/base";
import { KQueueyError, RECEIPT_PART_BYTES } from "@kqueuey/contract";
import type {
  Broker,
  CallContext,
  ClusterStatus,
  Delivery,
  MoveTask,
  NewMessage,
  PackedBodies,
  QueueAttributeChanges,
  QueueAttributes,
  QueueDescription,
  ReceiptResult,
  ReceiptRun,
  ReceiveOptions,
  SendResult,
} from "../broker.ts";
import { unpackBodies } from "../broker.ts";
import type { CallSignal } from "../call-signal.ts";
import { checkFifoMessages, sequenceNumberOf } from "../engine/fifo-messages.ts";
import { MemoryMoveTasks } from "./memory-move-tasks.ts";
import { type MemoryGrant, MemoryQueue, receivedMessageOf } from "./memory-queue.ts";
import type { TimerClock } from "./timer-clock.ts";

/** The window in which an equal request id means an equal call. */
const REQUEST_WINDOW_MS = 60_000;

const DEFAULT_ATTRIBUTES: QueueAttributes = {
  visibilityTimeoutMs: 30_000,
  delayMs: 0,
  retentionMs: 345_600_000,
  maximumMessageBytes: 1_048_576,
  receiveWaitMs: 0,
  deadLetter: undefined,
  fifo: undefined,
  fairness: undefined,
};

interface Waiter {
  readonly queue: MemoryQueue;
  readonly requestKey: string | undefined;
  readonly options: ReceiveOptions;
  /** Ends the wait: with what is available now, or with nothing. */
  readonly finish: (outcome: "try" | "empty" | KQueueyError) => boolean;
}

export class MemoryBroker implements Broker {
  readonly #clock: TimerClock;
  readonly #deleteQuarantineMs: number;
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #deletedAtMs = new Map<string, number>();
  readonly #sends = new Map<string, { readonly atMs: number; readonly results: SendResult[] }>();
  readonly #grants = new Map<string, { readonly atMs: number; readonly grants: MemoryGrant[] }>();
  readonly #moves = new MemoryMoveTasks((name) => this.#queues.get(name));
  #waiters: Waiter[] = [];
  #nextQueueId = 1;
  #failure: KQueueyError | undefined;
  #cancelWake: () => void = () => undefined;

  constructor(clock: TimerClock, options: { readonly deleteQuarantineMs?: number } = {}) {
    this.#clock = clock;
    this.#deleteQuarantineMs = options.deleteQuarantineMs ?? 0;
  }

  /** Every call throws `error` from now on, until `undefined` is given: an election, a full disk. */
  failWith(error: KQueueyError | undefined): void {
    this.#failure = error;
  }

  /** Answers every waiting receive with nothing, as a node does that stops. */
  endPolls(): void {
    for (const waiter of [...this.#waiters]) waiter.finish("empty");
  }

  /** Receives that wait now. */
  get waiting(): number {
    return this.#waiters.length;
  }

  async createQueue(
    _context: CallContext,
    name: string,
    options: {
      readonly attributes: QueueAttributeChanges;
      readonly extra: Readonly<Record<string, string>>;
      readonly tags: Readonly<Record<string, string>>;
    },
  ): Promise<{ readonly created: boolean }> {
    this.#check();
    const nowMs = this.#clock.nowMs();
    const existing = this.#queues.get(name);
    if (existing !== undefined) {
      const differing = firstDifference(existing, options);
      if (differing === undefined) return { created: false };
      throw new KQueueyError("QUEUE_EXISTS", `queue ${name} exists with another ${differing}`, {
        details: { attribute: differing },
      });
    }
    const deletedAtMs = this.#deletedAtMs.get(name);
    if (deletedAtMs !== undefined && nowMs < deletedAtMs + this.#deleteQuarantineMs) {
      throw new KQueueyError("QUEUE_DELETED_RECENTLY", `queue ${name} was deleted a moment ago`);
    }
    const attributes = { ...DEFAULT_ATTRIBUTES, ...withoutAbsent(options.attributes) };
    const extra = withoutEmpty(options.extra);
    const identity = { id: this.#nextQueueId++, name, nowMs };
    this.#queues.set(name, new MemoryQueue(identity, attributes, { extra, tags: options.tags }));
    return { created: true };
  }

  async describeQueue(_context: CallContext, name: string): Promise<QueueDescription> {
    this.#check();
    return this.#queue(name).describe(this.#clock.nowMs());
  }

  async listQueues(
    _context: CallContext,
    options: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly string[]> {
    this.#check();
    return [...this.#queues.keys()]
      .filter((name) => name.startsWith(options.prefix) && name > options.after)
      .sort((a, b) => (a < b ? -1 : 1))
      .slice(0, options.limit);
  }

  async setQueueAttributes(
    _context: CallContext,
    name: string,
    changes: {
      readonly attributes: QueueAttributeChanges;
      readonly extra: Readonly<Record<string, string>>;
      readonly tags?: Readonly<Record<string, string | undefined>>;
    },
  ): Promise<void> {
    this.#check();
    const queue = this.#queue(name);
    const kept = withoutAbsent(changes.attributes);
    const { fifo } = queue.attributes;
    const contentBasedDeduplication = kept.fifo?.contentBasedDeduplication;
    queue.attributes = {
      ...queue.attributes,
      ...kept,
      fifo:
        fifo === undefined || contentBasedDeduplication === undefined
          ? fifo
          : { ...fifo, contentBasedDeduplication },
    };
    if ("deadLetter" in changes.attributes) {
      queue.attributes = { ...queue.attributes, deadLetter: changes.attributes.deadLetter };
    }
    queue.extra = withoutEmpty({ ...queue.extra, ...changes.extra });
    const tags = new Map(Object.entries(queue.tags));
    for (const [key, value] of Object.entries(changes.tags ?? {})) {
      if (value === undefined) tags.delete(key);
      else tags.set(key, value);
    }
    queue.tags = Object.fromEntries(tags);
    queue.modifiedAtMs = this.#clock.nowMs();
  }

  async deleteQueue(_context: CallContext, name: string): Promise<void> {
    this.#check();
    const queue = this.#queue(name);
    this.#queues.delete(name);
    this.#deletedAtMs.set(name, this.#clock.nowMs());
    for (const waiter of [...this.#waiters]) {
      if (waiter.queue === queue) waiter.finish(queueNotFound(name));
    }
  }

  async replaceText(
    context: CallContext,
    queue: string,
    { name, from, to }: Parameters<Broker["replaceText"]>[2],
  ): Promise<boolean> {
    this.#check();
    const { extra } = this.#queue(queue);
    if ((extra[name] ?? "") !== from) return false;
    await this.setQueueAttributes(context, queue, { attributes: {}, extra: { [name]: to } });
    return true;
  }

  async purgeQueue(
    { requestId }: CallContext,
    name: string,
    options: Parameters<Broker["purgeQueue"]>[2] = {},
  ): Promise<boolean> {
    this.#check();
    return this.#queue(name).purge({ nowMs: this.#clock.nowMs(), requestId, ...options });
  }

  async startMoveTask(
    _context: CallContext,
    queue: string,
    options: { readonly destination?: string; readonly messagesPerSecond?: number },
  ): Promise<{ readonly taskId: string }> {
    this.#check();
    return this.#moves.start(this.#clock.nowMs(), this.#queue(queue), options);
  }

  async listMoveTasks(_context: CallContext, queue: string): Promise<readonly MoveTask[]> {
    this.#check();
    return this.#moves.list(this.#queue(queue));
  }

  async cancelMoveTask(
    _context: CallContext,
    queue: string,
    taskId: string,
  ): Promise<{ readonly moved: number }> {
    this.#check();
    return this.#moves.cancel(this.#queue(queue), taskId);
  }

  async send(
    context: CallContext,
    queueName: string,
    messages: readonly NewMessage[],
  ): Promise<readonly SendResult[]> {
    this.#check();
    const queue = this.#queue(queueName);
    const nowMs = this.#clock.nowMs();
    const key = requestKey(context, "send", queue);
    const known = key === undefined ? undefined : this.#sends.get(key);
    if (known !== undefined && nowMs - known.atMs < REQUEST_WINDOW_MS) return known.results;
    const { fifo } = queue.attributes;
    if (fifo !== undefined) checkFifoMessages(messages, fifo);
    const results = messages.map((message): SendResult => {
      if (messageBytes(message) > queue.attributes.maximumMessageBytes) {
        const text = `a message has at most ${queue.attributes.maximumMessageBytes} bytes`;
        return { ok: false, error: new KQueueyError("MESSAGE_TOO_LARGE", text) };
      }
      const sent = queue.send(nowMs, context.principal, message);
      const answer = { ok: true, messageId: sent.messageId, sequence: sent.sequence } as const;
      return fifo === undefined
        ? answer
        : { ...answer, sequenceNumber: sequenceNumberOf(sent.sequence) };
    });
    if (key !== undefined) this.#sends.set(key, { atMs: nowMs, results });
    this.#wake();
    return results;
  }

  async receive(
    context: CallContext,
    queueName: string,
    options: ReceiveOptions,
  ): Promise<Delivery> {
    this.#check();
    const queue = this.#queue(queueName);
    const nowMs = this.#clock.nowMs();
    const key = requestKey(context, "receive", queue);
    if (key !== undefined) {
      const cancelled = new KQueueyError("CANCELLED", "a newer poll has the same request id");
      for (const waiter of [...this.#waiters]) {
        if (waiter.requestKey === key) waiter.finish(cancelled);
      }
      const known = this.#grants.get(key);
      if (known !== undefined && nowMs - known.atMs < REQUEST_WINDOW_MS) {
        return this.#delivery(
          queue,
          known.grants.filter((grant) => queue.holds(nowMs, grant)),
          key,
        );
      }
    }
    if (context.signal.aborted) throw new KQueueyError("CANCELLED", "the caller is gone");
    const waitMs = options.waitMs ?? queue.attributes.receiveWaitMs;
    if (waitMs === 0 && this.#room(queue, options) === 0) {
      throw new KQueueyError("LIMIT_REACHED", "too many messages are in flight");
    }
    const grants = this.#grant(queue, options, key);
    if (grants.length > 0 || waitMs === 0) return this.#delivery(queue, grants, key);
    return this.#wait(context.signal, { queue, options, requestKey: key }, waitMs);
  }

  sendPacked(
    context: CallContext,
    queueName: string,
    bodies: PackedBodies,
  ): Promise<readonly SendResult[]> {
    return this.send(context, queueName, unpackBodies(bodies));
  }

  /** This broker packs no deliveries, so no run is its own. */
  async tombstoneRuns(
    _context: CallContext,
    queueName: string,
    runs: readonly ReceiptRun[],
  ): Promise<readonly ReceiptResult[]> {
    this.#check();
    this.#queue(queueName);
    const error = new KQueueyError("RECEIPT_INVALID", "not a run of receipts of this broker");
    return runs.flatMap(({ parts }) =>
      Array.from(
        { length: parts.length / RECEIPT_PART_BYTES },
        () => ({ ok: false, error }) as const,
      ),
    );
  }

  async tombstone(
    _context: CallContext,
    queueName: string,
    receiptHandles: readonly string[],
  ): Promise<readonly ReceiptResult[]> {
    this.#check();
    const queue = this.#queue(queueName);
    const results = receiptHandles.map((handle): ReceiptResult => {
      const receipt = parseReceipt(queue, handle);
      return "code" in receipt
        ? { ok: false, error: receipt }
        : queue.tombstone(this.#clock.nowMs(), receipt);
    });
    // There may be room for another message in flight.
    this.#wake();
    return results;
  }

  async extend(
    _context: CallContext,
    queueName: string,
    entries: readonly { readonly receiptHandle: string; readonly visibilityTimeoutMs: number }[],
  ): Promise<readonly ReceiptResult[]> {
    this.#check();
    const queue = this.#queue(queueName);
    const nowMs = this.#clock.nowMs();
    const results = entries.map((entry): ReceiptResult => {
      const receipt = parseReceipt(queue, entry.receiptHandle);
      if ("code" in receipt) return { ok: false, error: receipt };
      const result = queue.extend(nowMs, receipt, entry.visibilityTimeoutMs);
      if (result !== "beyond") return result;
      const text = "a lease lasts 43,200,000 ms at most, counted from the receive";
      return { ok: false, error: new KQueueyError("INVALID_ARGUMENT", text) };
    });
    this.#wake();
    return results;
  }

  async release(
    _context: CallContext,
    queueName: string,
    entries: readonly { readonly receiptHandle: string; readonly delayMs: number }[],
  ): Promise<readonly ReceiptResult[]> {
    this.#check();
    const queue = this.#queue(queueName);
    const nowMs = this.#clock.nowMs();
    const results = entries.map((entry): ReceiptResult => {
      const receipt = parseReceipt(queue, entry.receiptHandle);
      return "code" in receipt
        ? { ok: false, error: receipt }
        : queue.release(nowMs, receipt, entry.delayMs);
    });
    this.#wake();
    return results;
  }

  async clusterStatus(_context: CallContext): Promise<ClusterStatus> {
    this.#check();
    const node = {
      id: 1,
      role: "leader",
      clientUrl: "http://127.0.0.1:9324",
      peerAddress: "127.0.0.1:9325",
      appliedIndex: 0,
      healthy: true,
    } as const;
    return { clusterId: "memory", leader: 1, term: 1, nodes: [node] };
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#moves.advance(this.#clock.nowMs());
    for (const queue of this.#queues.values()) this.#bury(queue);
  }

  /** As in the engine, the dead letters of a standard queue move once the time of their last receive is over. */
  #bury(queue: MemoryQueue): void {
    const target = this.#queues.get(queue.attributes.deadLetter?.queue ?? "");
    if (target === undefined || target === queue || queue.attributes.fifo !== undefined) return;
    const nowMs = this.#clock.nowMs();
    for (const message of queue.takeExhausted(nowMs)) {
      target.acceptDeadLetter(nowMs, queue.name, message);
    }
  }

  #queue(name: string): MemoryQueue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw queueNotFound(name);
    return queue;
  }

  /** How many messages more may be in flight. */
  #room(queue: MemoryQueue, { inFlightMax }: ReceiveOptions): number {
    if (inFlightMax === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, inFlightMax - queue.describe(this.#clock.nowMs()).inFlight);
  }

  #grant(queue: MemoryQueue, options: ReceiveOptions, key: string | undefined): MemoryGrant[] {
    const nowMs = this.#clock.nowMs();
    const room = this.#room(queue, options);
    if (room === 0) return [];
    const maxMessages = Math.min(options.maxMessages, room);
    const grants = queue.receive(nowMs, { ...options, maxMessages }, (message) => {
      const target = this.#queues.get(queue.attributes.deadLetter?.queue ?? "");
      target?.acceptDeadLetter(nowMs, queue.name, message);
      return target !== undefined;
    });
    if (key !== undefined && grants.length > 0) this.#grants.set(key, { atMs: nowMs, grants });
    return grants;
  }

  #delivery(queue: MemoryQueue, grants: readonly MemoryGrant[], key: string | undefined): Delivery {
    const grantedAtMs = this.#clock.nowMs();
    let settled = false;
    return {
      count: grants.length,
      messages: grants.map((grant) =>
        receivedMessageOf(grantedAtMs, grant, receiptOf(queue, grant)),
      ),
      packed: () => undefined,
      stillFresh: () =>
        grants.every(
          ({ leaseMs, message }) =>
            leaseMs === 0 || (this.#clock.nowMs() - message.receivedAtMs) * 2 <= leaseMs,
        ),
      written: () => {
        settled = true;
      },
      undelivered: () => {
        if (settled) return;
        settled = true;
        if (key !== undefined) this.#grants.delete(key);
        for (const grant of grants) queue.takeBack(this.#clock.nowMs(), grant);
        this.#wake();
      },
    };
  }

  #wait(
    signal: CallSignal,
    poll: Pick<Waiter, "queue" | "options" | "requestKey">,
    waitMs: number,
  ): Promise<Delivery> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        waiter.finish(new KQueueyError("CANCELLED", "the caller is gone"));
      };
      const cancelTimer = this.#clock.schedule(waitMs, () => waiter.finish("empty"));
      const waiter: Waiter = {
        ...poll,
        finish: (outcome) => {
          const { queue, options, requestKey: key } = poll;
          const grants = outcome === "try" ? this.#grant(queue, options, key) : [];
          if (outcome === "try" && grants.length === 0) return false;
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          signal.removeEventListener("abort", onAbort);
          cancelTimer();
          if (typeof outcome === "string") resolve(this.#delivery(queue, grants, key));
          else reject(outcome);
          return true;
        },
      };
      signal.addEventListener("abort", onAbort);
      this.#waiters.push(waiter);
      this.#wake();
    });
  }

  /** Gives waiters what became available, oldest first, and arranges to be called at the next due time. */
  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter.finish("try");
    this.#cancelWake();
    this.#cancelWake = () => undefined;
    let nextMs: number | undefined;
    for (const waiter of this.#waiters) {
      const visibleAtMs = waiter.queue.nextVisibleAtMs();
      // What is visible already waits for others to come back: too many are in flight.
      const isAhead = visibleAtMs !== undefined && visibleAtMs > this.#clock.nowMs();
      if (isAhead) nextMs = Math.min(nextMs ?? visibleAtMs, visibleAtMs);
    }
    if (nextMs === undefined) return;
    const delayMs = Math.max(0, nextMs - this.#clock.nowMs());
    this.#cancelWake = this.#clock.schedule(delayMs, () => this.#wake());
  }
}

/** Body, and name, type and value of every attribute. */
function messageBytes(message: NewMessage): number {
  let bytes = message.body.length;
  for (const { name, type, value } of message.attributes) {
    bytes += encodeUtf8(name).length + encodeUtf8(type).length + value.length;
  }
  return bytes;
}

function queueNotFound(name: string): KQueueyError {
  return new KQueueyError("QUEUE_NOT_FOUND", `there is no queue ${name}`);
}

function requestKey(
  context: CallContext,
  action: "send" | "receive",
  queue: MemoryQueue,
): string | undefined {
  if (context.requestId === undefined) return undefined;
  return JSON.stringify([context.principal, action, queue.id, context.requestId]);
}

function receiptOf(queue: MemoryQueue, grant: MemoryGrant): string {
  return `mem-${queue.id}-${grant.message.sequence}-${grant.token}`;
}

function parseReceipt(
  queue: MemoryQueue,
  handle: string,
): { readonly sequence: number; readonly token: number } | KQueueyError {
  const match = /^mem-(\d+)-(\d+)-(\d+)$/.exec(handle);
  if (match === null || Number(match[1]) !== queue.id) {
    return new KQueueyError("RECEIPT_INVALID", "the receipt handle is not of this queue");
  }
  return { sequence: Number(match[2]), token: Number(match[3]) };
}

/** Attributes that were given a value. */
function withoutAbsent(changes: QueueAttributeChanges): Partial<QueueAttributes> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}

function withoutEmpty(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== ""));
}

/** The first of the wanted values that the queue has otherwise. */
function firstDifference(
  queue: MemoryQueue,
  wanted: {
    readonly attributes: QueueAttributeChanges;
    readonly extra: Readonly<Record<string, string>>;
  },
): string | undefined {
  const has = new Map<string, unknown>(Object.entries(queue.attributes));
  for (const [name, value] of Object.entries(withoutAbsent(wanted.attributes))) {
    if (JSON.stringify(has.get(name)) !== JSON.stringify(value)) return name;
  }
  for (const [name, value] of Object.entries(wanted.extra)) {
    if ((queue.extra[name] ?? "") !== value) return name;
  }
  return undefined;
}

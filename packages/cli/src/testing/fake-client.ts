/** A client in memory, for tests of the commands: it records calls and answers what it was told to. */
import type {
  Client,
  ClusterStatus,
  Message,
  MoveTask,
  NewMessage,
  Queue,
  QueueDescription,
  Receipt,
  ReceiptOutcome,
} from "@kqueuey/client";
import { KQueueyError } from "@kqueuey/contract";

/** What a test may set and look at. */
export class FakeCluster {
  /** Every call as "name argument …", in order. */
  readonly calls: unknown[][] = [];
  readonly queues: Map<string, QueueDescription> = new Map();
  /** What the next receives answer, one list each; then nothing. */
  readonly deliveries: Message[][] = [];
  /** Answers of tombstone, extend and release by receipt; "effective" otherwise. */
  readonly outcomes: Map<string, ReceiptOutcome> = new Map();
  /** Bodies that a batch refuses. */
  readonly refusedBodies: Set<string> = new Set();
  moveTasks: MoveTask[] = [];
  status: ClusterStatus = { clusterId: "dev", leader: undefined, term: 0, nodes: [] };
  /** Every call fails with it while it is set. */
  failure: KQueueyError | undefined;
  closed = 0;
  /** Called at each receive: for a test that presses Ctrl-C. */
  onReceive: () => void = () => undefined;

  call(...call: unknown[]): void {
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
  }
}

/** A description with the defaults. */
export function describedQueue(
  name: string,
  changes: Partial<QueueDescription> = {},
): QueueDescription {
  return {
    name,
    attributes: {
      visibilityTimeoutMs: 30_000,
      delayMs: 0,
      retentionMs: 345_600_000,
      maximumMessageBytes: 1_048_576,
      receiveWaitMs: 0,
      deadLetter: undefined,
      fifo: undefined,
      fairness: undefined,
    },
    tags: {},
    available: 0,
    inFlight: 0,
    delayed: 0,
    noisyGroups: 0,
    availableQuiet: 0,
    createdAtMs: 1_700_000_000_000,
    modifiedAtMs: 1_700_000_000_000,
    ...changes,
  };
}

/** A delivered message with a body of text or bytes. */
export function deliveredMessage(
  body: string | Uint8Array,
  changes: Partial<Message> = {},
): Message {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const done = (): Promise<boolean> => Promise.resolve(true);
  return {
    id: "00000001-0000-4000-8000-000000000001",
    queue: "q",
    body: bytes,
    text: new TextDecoder().decode(bytes),
    json: () => JSON.parse(new TextDecoder().decode(bytes)),
    attributes: {},
    traceHeader: undefined,
    sender: "anonymous",
    sentAtMs: 1_700_000_000_000,
    firstReceivedAtMs: 1_700_000_001_000,
    receiveCount: 1,
    fencingToken: 7,
    deadLetterSource: undefined,
    groupId: undefined,
    sequenceNumber: undefined,
    deduplicationId: undefined,
    receiptHandle: "receipt-1",
    remainingMs: () => 29_900,
    ack: done,
    extend: done,
    release: done,
    ...changes,
  };
}

function bodyOf(message: NewMessage): string {
  if (typeof message === "string") return message;
  const body = message instanceof Uint8Array ? message : message.body;
  return typeof body === "string" ? body : Buffer.from(body).toString("hex");
}

function handleOf(receipt: Receipt): string {
  return typeof receipt === "string" ? receipt : receipt.receiptHandle;
}

function fakeQueue(cluster: FakeCluster, name: string): Queue {
  const outcomesOf = (receipts: readonly Receipt[]): ReceiptOutcome[] =>
    receipts.map((r) => cluster.outcomes.get(handleOf(r)) ?? { outcome: "effective" });
  let sequence = 0;
  const unused = (): never => {
    throw new Error("the command line does not use this");
  };
  return {
    name,
    async send(message) {
      cluster.call("send", name, message);
      sequence += 1;
      return { messageId: `message-${sequence}`, sequence };
    },
    async sendBatch(messages) {
      const failures: { index: number; error: KQueueyError }[] = [];
      const bodies: string[] = [];
      let index = 0;
      for await (const message of messages) {
        const body = bodyOf(message);
        if (cluster.refusedBodies.has(body)) {
          failures.push({ index, error: new KQueueyError("INVALID_MESSAGE", "not this one") });
        } else bodies.push(body);
        index += 1;
      }
      cluster.call("sendBatch", name, bodies);
      return { sent: bodies.length, failures, ids: undefined };
    },
    async receive(options = {}) {
      const { signal, ...others } = options;
      cluster.call("receive", name, others);
      cluster.onReceive();
      if (signal?.aborted === true) throw new KQueueyError("CANCELLED", "the caller is gone");
      return cluster.deliveries.shift() ?? [];
    },
    async tombstone(receipts) {
      cluster.call("tombstone", name, receipts.map(handleOf));
      return outcomesOf(receipts);
    },
    async extend(receipts, visibilityTimeoutMs) {
      cluster.call("extend", name, receipts.map(handleOf), visibilityTimeoutMs);
      return outcomesOf(receipts);
    },
    async release(receipts, options = {}) {
      cluster.call("release", name, receipts.map(handleOf), options.delayMs);
      return outcomesOf(receipts);
    },
    work: unused,
    messages: unused,
  };
}

/** A client of `cluster`. */
export function fakeClient(cluster: FakeCluster): Client {
  return {
    queue: (name) => fakeQueue(cluster, name),
    async createQueue(name, options = {}) {
      cluster.call("createQueue", name, options.attributes, options.tags);
      const created = !cluster.queues.has(name);
      if (created) cluster.queues.set(name, describedQueue(name));
      return { created };
    },
    async describeQueue(name) {
      cluster.call("describeQueue", name);
      const queue = cluster.queues.get(name);
      if (queue === undefined)
        throw new KQueueyError("QUEUE_NOT_FOUND", `there is no queue ${name}`);
      return queue;
    },
    async listQueues(options = {}) {
      const { prefix = "", after = "" } = options;
      cluster.call("listQueues", prefix, after);
      const names = [...cluster.queues.keys()]
        .filter((name) => name.startsWith(prefix) && name > after)
        .sort();
      // Two a page, so that every test with three goes through pages.
      return { queues: names.slice(0, 2), nextAfter: names.length > 2 ? names[1] : undefined };
    },
    async setQueueAttributes(name, changes) {
      cluster.call("setQueueAttributes", name, changes);
    },
    async deleteQueue(name) {
      cluster.call("deleteQueue", name);
      cluster.queues.delete(name);
    },
    async purgeQueue(name) {
      cluster.call("purgeQueue", name);
    },
    async startMoveTask(name, options = {}) {
      const { destination, messagesPerSecond } = options;
      cluster.call("startMoveTask", name, destination, messagesPerSecond);
      return { taskId: "task-1" };
    },
    async listMoveTasks(name) {
      cluster.call("listMoveTasks", name);
      return cluster.moveTasks;
    },
    async cancelMoveTask(name, taskId) {
      cluster.call("cancelMoveTask", name, taskId);
      return { moved: 7 };
    },
    async clusterStatus() {
      cluster.call("clusterStatus");
      return cluster.status;
    },
    async close() {
      cluster.closed += 1;
    },
    async [Symbol.asyncDispose]() {
      cluster.closed += 1;
    },
  };
}

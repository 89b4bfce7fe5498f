/** The test cluster's state: queues, long polls, request ids. What every node of the cluster agrees on. */
import {
  type HotNewMessage,
  type HotReceivedMessage,
  type HotSendResult,
  KQueueyError,
  QUEUE_ATTRIBUTE_DEFAULTS,
  RELAXED_LIMITS,
  REQUEST_ID_WINDOW_MS,
} from "@kqueuey/contract";
import type { Timers } from "../transport.ts";
import type { NewQueueAttributes, QueueAttributes } from "../types.ts";
import { TestQueue } from "./test-queue.ts";

interface Poll {
  readonly queue: TestQueue;
  readonly maxMessages: number;
  readonly leaseMs: number;
  answer(messages: HotReceivedMessage[]): void;
  end(): void;
}

interface Remembered {
  readonly atMs: number;
  readonly answer: unknown;
}

/** A task of this cluster, which moves nothing. */
export interface TestMove {
  readonly queue: string;
  readonly taskId: string;
  status: "running" | "cancelled";
  readonly destination: string | undefined;
  readonly messagesPerSecond: number | undefined;
  readonly toMove: number;
  readonly startedAtMs: number;
}

/** Queues of one cluster. */
export class TestBroker {
  readonly #timers: Timers;
  readonly #queues = new Map<string, TestQueue>();
  readonly #moves: TestMove[] = [];
  readonly #polls = new Set<Poll>();
  readonly #remembered = new Map<string, Remembered>();
  #cancelWake: () => void = nothing;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** The queue; throws QUEUE_NOT_FOUND. */
  queue(name: string): TestQueue {
    const queue = this.#queues.get(name);
    if (queue !== undefined) return queue;
    throw new KQueueyError("QUEUE_NOT_FOUND", `there is no queue ${name}`, {
      details: { queue: name },
    });
  }

  names(): string[] {
    return [...this.#queues.keys()].sort();
  }

  /** Creates a queue; false when it is there. */
  create(
    name: string,
    attributes: NewQueueAttributes,
    tags: Readonly<Record<string, string>>,
  ): boolean {
    const full: QueueAttributes = {
      ...QUEUE_ATTRIBUTE_DEFAULTS,
      deadLetter: undefined,
      fifo: undefined,
      fairness: undefined,
      ...attributes,
    };
    const known = this.#queues.get(name);
    if (known === undefined) {
      this.#queues.set(name, new TestQueue(name, full, tags, this.#timers.nowMs()));
      return true;
    }
    if (JSON.stringify(known.attributes) === JSON.stringify(full)) return false;
    throw new KQueueyError("QUEUE_EXISTS", `the queue ${name} exists with other attributes`);
  }

  /** Remembers a task that moves nothing. */
  startMove(task: Omit<TestMove, "taskId" | "status">): string {
    const taskId = `task-${this.#moves.length + 1}`;
    this.#moves.unshift({ ...task, taskId, status: "running" });
    return taskId;
  }

  /** Newest first. */
  movesOf(name: string): readonly TestMove[] {
    return this.#moves.filter((task) => task.queue === this.queue(name).name);
  }

  cancelMove(name: string, taskId: string): void {
    const task = this.movesOf(name).find((each) => each.taskId === taskId);
    if (task?.status !== "running") {
      throw new KQueueyError("TASK_NOT_FOUND", `no task ${taskId} moves the messages of ${name}`);
    }
    task.status = "cancelled";
  }

  delete(name: string): void {
    const queue = this.queue(name);
    this.#queues.delete(name);
    for (const poll of [...this.#polls]) if (poll.queue === queue) this.#end(poll, []);
  }

  /** Does `act` once for each request id ("" is none) within the window; a repeated id gets the first answer. */
  once<A>(key: string, requestId: string, act: () => A): A {
    if (requestId === "") return act();
    const nowMs = this.#timers.nowMs();
    const full = `${key} ${requestId}`;
    const known = this.#remembered.get(full);
    if (known !== undefined && nowMs - known.atMs <= REQUEST_ID_WINDOW_MS) return known.answer as A;
    const answer = act();
    this.#remembered.set(full, { atMs: nowMs, answer });
    for (const [oldest, { atMs }] of this.#remembered) {
      if (nowMs - atMs <= REQUEST_ID_WINDOW_MS) break;
      this.#remembered.delete(oldest);
    }
    return answer;
  }

  send(name: string, messages: readonly HotNewMessage[]): HotSendResult[] {
    const queue = this.queue(name);
    const results = messages.map((message) => {
      if (message.body.length === 0) {
        const error = new KQueueyError("INVALID_MESSAGE", "a message's body must not be empty");
        return { ok: false as const, error };
      }
      return { ok: true as const, ...queue.send(message, this.#timers.nowMs()) };
    });
    this.wake();
    return results;
  }

  /** Answers with messages, or empty when the wait is over; the returned function ends the wait unanswered. */
  receive(
    name: string,
    options: {
      readonly maxMessages: number;
      readonly visibilityTimeoutMs?: number | undefined;
      readonly waitMs?: number | undefined;
    },
    answer: (messages: HotReceivedMessage[]) => void,
  ): () => void {
    const queue = this.queue(name);
    const { maxMessages } = options;
    const { max } = RELAXED_LIMITS.receiveMessages;
    if (maxMessages > max) {
      throw new KQueueyError("INVALID_ARGUMENT", `maxMessages must be 1 to ${max}`);
    }
    const leaseMs = options.visibilityTimeoutMs ?? queue.attributes.visibilityTimeoutMs;
    const now = this.#grant(queue, maxMessages, leaseMs);
    const waitMs = options.waitMs ?? queue.attributes.receiveWaitMs;
    if (now.length > 0 || waitMs === 0) {
      answer(now);
      return nothing;
    }
    const cancelTimer = this.#timers.schedule(waitMs, () => this.#end(poll, []));
    const poll: Poll = { queue, maxMessages, leaseMs, answer, end: cancelTimer };
    this.#polls.add(poll);
    this.wake();
    return () => {
      if (this.#polls.delete(poll)) poll.end();
    };
  }

  /** Serves the polls that can be served, and comes back when the next message becomes available. */
  wake(): void {
    for (const poll of [...this.#polls]) {
      if (!this.#polls.has(poll)) continue;
      const messages = this.#grant(poll.queue, poll.maxMessages, poll.leaseMs);
      if (messages.length > 0) this.#end(poll, messages);
    }
    this.#cancelWake();
    this.#cancelWake = nothing;
    const nowMs = this.#timers.nowMs();
    const due = [...this.#polls].flatMap(({ queue }) => queue.nextVisibleMs(nowMs) ?? []);
    if (due.length === 0) return;
    this.#cancelWake = this.#timers.schedule(Math.min(...due) - nowMs, () => this.wake());
  }

  #grant(queue: TestQueue, maxMessages: number, leaseMs: number): HotReceivedMessage[] {
    const { deadLetter } = queue.attributes;
    const target = deadLetter === undefined ? undefined : this.#queues.get(deadLetter.queue);
    const options = { maxMessages: Math.max(1, maxMessages), leaseMs };
    return queue.receive(options, this.#timers.nowMs(), target);
  }

  #end(poll: Poll, messages: HotReceivedMessage[]): void {
    this.#polls.delete(poll);
    poll.end();
    poll.answer(messages);
  }
}

function nothing(): void {}

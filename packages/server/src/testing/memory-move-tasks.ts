/** The move tasks of the in-memory broker: they move what their rate allows whenever somebody looks. */
import { KQueueyError } from "@kqueuey/contract";
import type { MoveTask } from "../broker.ts";
import type { MemoryQueue } from "./memory-queue.ts";

const RATE_USUAL = 10_000;
const TASKS_MAX = 10;

interface Task {
  readonly source: MemoryQueue;
  readonly destination: string | undefined;
  readonly horizon: number;
  shown: MoveTask;
}

export class MemoryMoveTasks {
  readonly #find: (name: string) => MemoryQueue | undefined;
  /** Newest first. */
  #tasks: Task[] = [];
  #nextId = 1;

  constructor(find: (name: string) => MemoryQueue | undefined) {
    this.#find = find;
  }

  start(
    nowMs: number,
    source: MemoryQueue,
    options: { readonly destination?: string; readonly messagesPerSecond?: number },
  ): { readonly taskId: string } {
    const others = this.#of(source);
    if (others.some((task) => task.shown.status === "running")) {
      throw new KQueueyError("TASK_RUNNING", `another task moves the messages of ${source.name}`);
    }
    const taskId = `00000000-0000-4000-8000-${(this.#nextId++).toString(16).padStart(12, "0")}`;
    const shown: MoveTask = {
      taskId,
      status: "running",
      failure: undefined,
      destination: options.destination,
      messagesPerSecond: options.messagesPerSecond,
      moved: 0,
      toMove: source.describe(nowMs).available,
      startedAtMs: nowMs,
    };
    const { destination } = options;
    this.#tasks.unshift({ source, destination, horizon: source.nextSequence, shown });
    const oldest = others[TASKS_MAX - 1];
    this.#tasks = this.#tasks.filter((task) => task !== oldest);
    return { taskId };
  }

  list(source: MemoryQueue): readonly MoveTask[] {
    return this.#of(source).map((task) => task.shown);
  }

  cancel(source: MemoryQueue, taskId: string): { readonly moved: number } {
    const task = this.#of(source).find(({ shown }) => shown.taskId === taskId);
    if (task === undefined || task.shown.status !== "running") {
      throw new KQueueyError("TASK_NOT_FOUND", `no such task moves the messages of ${source.name}`);
    }
    task.shown = { ...task.shown, status: "cancelled" };
    return { moved: task.shown.moved };
  }

  /** Moves what is due. */
  advance(nowMs: number): void {
    for (const task of this.#tasks) {
      while (task.shown.status === "running" && this.#step(nowMs, task)) {
        task.shown = { ...task.shown, moved: task.shown.moved + 1 };
      }
    }
  }

  /** Moves one message; false when there is none, it can't be, or it is too early. */
  #step(nowMs: number, task: Task): boolean {
    const { startedAtMs, moved, messagesPerSecond: rate = RATE_USUAL } = task.shown;
    if (nowMs === startedAtMs) return false;
    const message = task.source.firstAvailable(nowMs, task.horizon);
    if (message === undefined) {
      task.shown = { ...task.shown, status: "completed" };
      return false;
    }
    if (moved === Math.floor(((nowMs - startedAtMs) * rate) / 1_000)) return false;
    const name = task.destination ?? message.deadLetterSource;
    const target = name === undefined ? undefined : this.#find(name);
    if (target === undefined) {
      const failure = name === undefined ? "no-source" : "queue-gone";
      task.shown = { ...task.shown, status: "failed", failure };
      return false;
    }
    task.source.give(message);
    target.acceptMoved(nowMs, message);
    return true;
  }

  #of(source: MemoryQueue): Task[] {
    return this.#tasks.filter((task) => task.source === source);
  }
}

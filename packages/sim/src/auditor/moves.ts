/**
 * Move tasks, written a second time: which messages they move and when, from the log's times alone. Plain
 * objects and one loop; the queue's rules move each message.
 */
import type { Message, Queue } from "./account.ts";
import type { MoveCommand } from "./entry-reader.ts";
import { type AuditedOutcome, refused } from "./outcome.ts";
import { isSameKind, type Moment, type Rules } from "./rules.ts";

const RUNNING_MAX = 100;
const REMEMBERED_MAX = 10;
/** Messages a second of a task that was given no rate. */
const USUAL_RATE = 10_000;
const STEP_MS = 100;
/** A pause is made up for so far and no further. */
const SAVED_MS_MAX = 200;
const DURATION_MS_MAX = 36 * 3_600_000;

export type TaskStatus =
  | "running"
  | "completed"
  | "cancelled"
  | "failed no-source"
  | "failed queue-gone"
  | "failed too-long";

/** A step that was taken long after it was due, in cluster time. */
export interface LateStep {
  readonly dueAt: number;
  readonly takenAt: number;
}

export interface Task {
  readonly id: string;
  readonly source: Queue;
  /** 0: the queue that each message came from. */
  readonly destination: number;
  readonly rate: number;
  /** It moves the messages with sequences below this. */
  readonly horizon: number;
  readonly toMove: number;
  readonly startedAt: number;
  moved: number;
  status: TaskStatus;
  steppedAt: number;
  /** Thousandths of messages that it may move. */
  credit: number;
  readonly late: LateStep[];
}

/** Steps later than this are noted. */
export const LATE_MS = 5_000;

/** Cluster time of the task's next step. */
export function nextStepOf(task: Task): number {
  if (task.credit >= 1_000) return task.steppedAt;
  return task.steppedAt + Math.max(STEP_MS, Math.ceil((1_000 - task.credit) / task.rate));
}

export class Moves {
  /** By source, oldest first; of queues that are there. */
  readonly tasks: Map<Queue, Task[]> = new Map();
  /** Tasks that the entry under way changed. */
  readonly touched: Set<Task> = new Set();
  /** Every task that ever was. */
  readonly all: Task[] = [];
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  execute(source: Queue, command: MoveCommand, at: Moment): AuditedOutcome {
    const tasks = this.tasks.get(source) ?? [];
    const same = tasks.find(({ id }) => id === command.taskId);
    if (command.kind === "cancelMove") {
      if (same?.status !== "running") return refused("task-not-found");
      same.status = "cancelled";
      this.touched.add(same);
      return { kind: "task", moved: same.moved };
    }
    if (same !== undefined) return { kind: "task", moved: same.moved };
    if (tasks.some(isRunning)) return refused("task-running");
    if (this.#running().length >= RUNNING_MAX) return refused("limit-reached");
    const task: Task = {
      id: command.taskId,
      source,
      destination: command.destination,
      rate: command.perSecond === 0 ? USUAL_RATE : command.perSecond,
      horizon: source.nextSequence,
      toMove: source.counters.available,
      startedAt: at.now,
      moved: 0,
      status: "running",
      steppedAt: at.now,
      credit: 0,
      late: [],
    };
    this.all.push(task);
    this.tasks.set(source, [...tasks, task].slice(-REMEMBERED_MAX));
    this.touched.add(task);
    return { kind: "task", moved: 0 };
  }

  /** The queue is gone, and its tasks with it. */
  forget(source: Queue): void {
    this.tasks.delete(source);
  }

  /** What is due, by source; `steps` messages at most. */
  passTime(steps: number, at: Moment): void {
    let left = steps;
    for (const task of this.#running()) {
      const dueAt = nextStepOf(task);
      if (dueAt > at.now) continue;
      if (left === 0) return;
      this.touched.add(task);
      if (at.now > dueAt + LATE_MS) task.late.push({ dueAt, takenAt: at.now });
      const earned = (at.now - task.steppedAt) * task.rate;
      task.credit = Math.min(task.credit + earned, Math.max(1_000, task.rate * SAVED_MS_MAX));
      task.steppedAt = at.now;
      if (at.now - task.startedAt > DURATION_MS_MAX) task.status = "failed too-long";
      while (isRunning(task)) {
        const message = this.#rules.oldestReady(task.source);
        if (message === undefined || message.sequence >= task.horizon) task.status = "completed";
        else if (left === 0 || task.credit < 1_000) break;
        else if (this.#move(task, message, at)) left -= 1;
      }
    }
  }

  #move(task: Task, message: Message, at: Moment): boolean {
    const to = task.destination === 0 ? message.source : task.destination;
    const target = this.#rules.queues.get(to);
    if (target === undefined || !isSameKind(target, task.source)) {
      task.status = to === 0 ? "failed no-source" : "failed queue-gone";
      return false;
    }
    this.#rules.moveTo(message, target, at);
    task.credit -= 1_000;
    task.moved += 1;
    return true;
  }

  #running(): Task[] {
    const running = [...this.tasks.values()].flatMap((tasks) => tasks.filter(isRunning));
    return running.sort((a, b) => a.source.id - b.source.id);
  }
}

function isRunning(task: Task): boolean {
  return task.status === "running";
}

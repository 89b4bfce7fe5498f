/** What the model knows of move tasks: when they are due, and how much they may move. */
import type { PlainOutcome, TestCommand } from "./driver.ts";
import type { Message, ModelQueue } from "./model-queue.ts";

export interface ModelTask {
  readonly task: number;
  readonly destination: number | undefined;
  readonly perSecond: number;
  readonly horizon: number;
  readonly startedAt: number;
  status: string;
  moved: number;
  steppedAt: number;
  /** Thousandths of messages. */
  credit: number;
}

export function startMove(
  queue: { readonly nextSequence: number; readonly tasks: ModelTask[] },
  command: Extract<TestCommand, { readonly op: "startMove" }>,
  now: number,
): PlainOutcome {
  const same = queue.tasks.find(({ task }) => task === command.task);
  if (same !== undefined) return moveOutcome(same);
  if (queue.tasks.some(isRunning)) return { kind: "refused", reason: "task-running" };
  const task: ModelTask = {
    task: command.task,
    destination: command.destination,
    perSecond: command.perSecond ?? 10_000,
    horizon: queue.nextSequence,
    startedAt: now,
    status: "running",
    moved: 0,
    steppedAt: now,
    credit: 0,
  };
  queue.tasks.push(task);
  if (queue.tasks.length > 10) queue.tasks.shift();
  return moveOutcome(task);
}

export function cancelMove(tasks: readonly ModelTask[], id: number): PlainOutcome {
  const task = tasks.find((each) => each.task === id && isRunning(each));
  if (task === undefined) return { kind: "refused", reason: "task-not-found" };
  task.status = "cancelled";
  return moveOutcome(task);
}

/** Whether the task is to take a step at `now`. */
export function isDue(task: ModelTask, now: number): boolean {
  const wait = Math.max(100, Math.ceil((1_000 - task.credit) / task.perSecond));
  const at = task.credit >= 1_000 ? task.steppedAt : task.steppedAt + wait;
  return isRunning(task) && at <= now;
}

/** The time since its last step is credited, or the task has run for too long. */
export function earn(task: ModelTask, now: number): void {
  const saved = task.credit + (now - task.steppedAt) * task.perSecond;
  task.credit = Math.min(saved, Math.max(1_000, 200 * task.perSecond));
  task.steppedAt = now;
  if (now - task.startedAt > 129_600_000) task.status = "failed too-long";
}

/** The oldest message that a task may move; in a FIFO queue only the first of its group. */
export function firstMovable(queue: ModelQueue, horizon: number): Message | undefined {
  const { fifo, messages } = queue;
  return messages.find(
    (each) =>
      each.place === "ready" &&
      each.sequence < horizon &&
      (fifo === undefined || fifo.first(messages, each.group) === each),
  );
}

function isRunning({ status }: ModelTask): boolean {
  return status === "running";
}

function moveOutcome({ task, moved }: ModelTask): PlainOutcome {
  return { kind: "move", taskId: Array(16).fill(task), moved, replayed: false };
}

/**
 * Moving messages out of a queue, mostly a dead-letter queue, in the background. A task is part of the
 * state and takes its steps at the beginning of entries, by their cluster time: so a new leader, a
 * restart or a snapshot neither loses nor repeats one, and the rate is kept across them. The leader only
 * has to let time pass in the log, as it does for deadlines.
 *
 * A moved message keeps its id and its body. It counts as enqueued now and never received.
 */
import { type Call, queueOf, refuse } from "./call.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { originFor, relocate } from "./dead-letter.ts";
import { FIFO_GROUPS_MAX, MOVE_DURATION_MS_MAX, MOVES_RUNNING_MAX } from "./limits.ts";
import {
  CREDIT_OF_ONE,
  creditMax,
  MOVE_FAILURES,
  MOVE_STATUSES,
  type MoveFailure,
  type MoveStatus,
  type MoveTask,
  type MoveTasks,
  nextStepOf,
  rateOf,
  TASK_ID_BYTES,
} from "./move-tasks.ts";
import { type Page, PLACE } from "./page.ts";
import { referenceTo } from "./page-pool.ts";
import { takeOut } from "./places.ts";
import type { QueueState } from "./queue.ts";

export function applyStartMove(core: Core, call: Call): void {
  const source = queueOf(core, call);
  if (source === undefined) return;
  const id = readTaskId(call);
  const destination = call.u48();
  const perSecond = call.u32();
  const known = core.moves.of(source.id);
  // The same task asked for once more, later than requests are remembered.
  const same = known?.find(id);
  if (same !== undefined) {
    answer(call, same);
    return;
  }
  if (known?.running !== undefined) {
    refuse(core, call, "task-running");
    return;
  }
  if (core.moves.running.length >= MOVES_RUNNING_MAX) {
    refuse(core, call, "limit-reached");
    return;
  }
  const task: MoveTask = {
    id,
    destination,
    perSecond,
    horizon: source.nextSequence,
    toMove: source.available,
    startedAt: core.now,
    startedWall: core.wall,
    moved: 0,
    status: "running",
    failure: "none",
    steppedAt: core.now,
    credit: 0,
  };
  core.moves.start(source.id, task);
  noteTask(core, source.id, "running");
  answer(call, task);
}

export function applyCancelMove(core: Core, call: Call): void {
  const source = queueOf(core, call);
  if (source === undefined) return;
  const id = readTaskId(call);
  const tasks = core.moves.of(source.id);
  const task = tasks?.find(id);
  if (tasks === undefined || task === undefined || task.status !== "running") {
    refuse(core, call, "task-not-found");
    return;
  }
  core.moves.touch(tasks);
  endTask(core, tasks, "cancelled", "none");
  answer(call, task);
}

function readTaskId(call: Call): Uint8Array {
  call.at += TASK_ID_BYTES;
  return call.data.slice(call.at - TASK_ID_BYTES, call.at);
}

function answer(call: Call, task: MoveTask): void {
  const kept = call.remember();
  kept?.raw(task.id);
  kept?.u48(task.moved);
  if (call.wanted) {
    call.outcome = { kind: "move", taskId: task.id.slice(), moved: task.moved, replayed: false };
  }
}

/** Lets the tasks that are due take a step, moving `steps` messages at most between them. */
export function stepMoves(core: Core, steps: number): void {
  let left = steps;
  for (const tasks of core.moves.running) {
    const task = tasks.running;
    if (task === undefined || nextStepOf(task) > core.now) continue;
    if (left === 0) return;
    core.moves.touch(tasks);
    left = stepTask(core, { tasks, task }, left);
  }
}

/** Gives the steps left. */
function stepTask(
  core: Core,
  { tasks, task }: { readonly tasks: MoveTasks; readonly task: MoveTask },
  steps: number,
): number {
  const source = core.queues.get(tasks.source);
  if (source === undefined) return steps;
  const earned = (core.now - task.steppedAt) * rateOf(task);
  task.credit = Math.min(task.credit + earned, creditMax(task));
  task.steppedAt = core.now;
  if (core.now - task.startedAt > MOVE_DURATION_MS_MAX) {
    endTask(core, tasks, "failed", "too-long");
    return steps;
  }
  const cursor: Cursor = { place: 0, firstSequence: 0, slot: 0 };
  for (let left = steps; ; left--) {
    const next = nextMovable(source, cursor, task.horizon);
    if (next === undefined) {
      endTask(core, tasks, "completed", "none");
      return left;
    }
    if (left === 0 || task.credit < CREDIT_OF_ONE) return left;
    const failure = moveOne(core, task, next);
    if (failure !== undefined) {
      endTask(core, tasks, "failed", failure);
      return left;
    }
    task.credit -= CREDIT_OF_ONE;
    task.moved += 1;
  }
}

interface Found {
  readonly page: Page;
  readonly slot: number;
}

/** Where a step is in the queue: what is before it can't be moved by this step. */
interface Cursor {
  /** Place of the page among the queue's, and which one it was: it goes with its last message. */
  place: number;
  firstSequence: number;
  slot: number;
}

/**
 * The oldest message from the cursor on that could be received and has a sequence below `horizon`. In a FIFO queue only
 * the first of a group: what is behind a leased or delayed one stays behind it.
 */
function nextMovable(queue: QueueState, cursor: Cursor, horizon: number): Found | undefined {
  for (;;) {
    const page = queue.pages.at(cursor.place);
    if (page === undefined || page.firstSequence >= horizon) return undefined;
    if (page.firstSequence !== cursor.firstSequence) {
      cursor.firstSequence = page.firstSequence;
      cursor.slot = 0;
    }
    const slot = readyFrom(page, cursor.slot);
    if (slot < 0) {
      cursor.place += 1;
      continue;
    }
    if (page.firstSequence + slot >= horizon) return undefined;
    cursor.slot = slot;
    if (isFirstOfGroup(queue, page, slot)) return { page, slot };
    cursor.slot = slot + 1;
  }
}

/** The first slot at or after `from` that is ready, in either class; -1 when there is none. */
function readyFrom(page: Page, from: number): number {
  if (page.groupedReady > 0) return placedReadyFrom(page, from);
  const fresh = page.freshCount > 0 ? page.nextReady(from, false) : -1;
  const redelivered = page.redeliveredCount > 0 ? page.nextReady(from, true) : -1;
  if (fresh < 0 || redelivered < 0) return Math.max(fresh, redelivered);
  return Math.min(fresh, redelivered);
}

/** The same in a page where some are in no ready bitmap. */
function placedReadyFrom(page: Page, from: number): number {
  for (let slot = from; slot < page.used; slot++) {
    const place = page.place(slot);
    if (place === PLACE.fresh || place === PLACE.redelivered) return slot;
  }
  return -1;
}

/** True for every message of a standard queue. */
function isFirstOfGroup(queue: QueueState, page: Page, slot: number): boolean {
  const { fifo } = queue;
  return fifo === undefined || fifo.groups.first(page.group(slot)) === referenceTo(page, slot);
}

/** Why the message can't be moved; undefined when it was. */
function moveOne(core: Core, task: MoveTask, { page, slot }: Found): MoveFailure | undefined {
  const destination = task.destination === 0 ? page.sourceQueue(slot) : task.destination;
  if (destination === 0) return "no-source";
  const target = core.queues.get(destination);
  // A queue of the other kind was deleted and made again since the task began.
  if (target === undefined || !canTakeFrom(target, page.queue)) return "queue-gone";
  core.touch(page.queue);
  core.touch(page);
  core.chain.mix(STEP.redrive);
  core.chain.number(page.queue.id);
  core.chain.number(page.firstSequence + slot);
  core.chain.number(target.id);
  takeOut(core, page, slot);
  const enqueuedSecond = Math.floor(core.now / 1_000);
  const origin = { ...originFor(page, slot), source: 0, enqueuedSecond, countOnArrival: 0 };
  relocate(core, { page, slot }, target, { origin, firstReceived: 0 });
  return undefined;
}

function canTakeFrom(target: QueueState, source: QueueState): boolean {
  if (target.fifo === undefined || source.fifo === undefined) return target.fifo === source.fifo;
  return target.fifo.groups.count < FIFO_GROUPS_MAX;
}

function endTask(core: Core, tasks: MoveTasks, status: MoveStatus, failure: MoveFailure): void {
  core.moves.end(tasks, status, failure);
  noteTask(core, tasks.source, status);
  core.chain.mix(MOVE_FAILURES.indexOf(failure));
}

function noteTask(core: Core, source: number, status: MoveStatus): void {
  core.chain.mix(STEP.task);
  core.chain.number(source);
  core.chain.mix(MOVE_STATUSES.indexOf(status));
}

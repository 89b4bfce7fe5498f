/**
 * The move tasks of the group, by the queue that they empty: the newest few of each, at most one of them
 * running. A queue's tasks are one unit of the state and go with the queue.
 */
import type { ByteReader, ByteWriter } from "@kqueuey/base";
import { ID_END } from "./ids.ts";
import {
  CLUSTER_TIME_END,
  MOVE_CREDIT_MS,
  MOVE_RATE_MAX,
  MOVE_RATE_USUAL,
  MOVE_STEP_MS,
  MOVE_TASKS_MAX,
} from "./limits.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, type UnitLedger, unitKey } from "./units.ts";

const MOVES_UNIT_VERSION = 1;
export const TASK_ID_BYTES = 16;
/** Credit is counted in messages times milliseconds, so that it has no fractions. */
export const CREDIT_OF_ONE = 1_000;

/** How a task stands. Final: the place of a word is its number on disk. */
export const MOVE_STATUSES = ["running", "completed", "cancelled", "failed"] as const;
export type MoveStatus = (typeof MOVE_STATUSES)[number];

/** Why a task failed. Final, as above. */
export const MOVE_FAILURES = [
  /** It did not fail. */
  "none",
  /** A message was sent to the queue itself: it came from nowhere. */
  "no-source",
  /** The queue that a message is to go to is not there. */
  "queue-gone",
  /** It ran for longer than tasks may. */
  "too-long",
] as const;
export type MoveFailure = (typeof MOVE_FAILURES)[number];

export interface MoveTask {
  readonly id: Uint8Array;
  /** 0: the queue that each message came from. */
  readonly destination: number;
  /** 0: as fast as tasks usually are. */
  readonly perSecond: number;
  /** The task moves the messages that were there when it began: those with sequences below this. */
  readonly horizon: number;
  /** Messages available when it began. */
  readonly toMove: number;
  /** Cluster time. */
  readonly startedAt: number;
  /** Wall clock, ms. */
  readonly startedWall: number;
  moved: number;
  status: MoveStatus;
  failure: MoveFailure;
  /** Cluster time of its last step, or of its start. */
  steppedAt: number;
  /** What its rate allows and it has not moved yet, in messages times milliseconds. */
  credit: number;
}

/** The tasks of one queue, oldest first. */
export class MoveTasks implements Unit {
  /** The queue that they empty. */
  readonly source: number;
  readonly key: number;
  tasks: MoveTask[] = [];
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(source: number) {
    this.source = source;
    this.key = unitKey(UNIT_KIND.moves, source);
  }

  /** Only the newest can run. */
  get running(): MoveTask | undefined {
    const last = this.tasks.at(-1);
    return last?.status === "running" ? last : undefined;
  }

  find(id: Uint8Array): MoveTask | undefined {
    return this.tasks.find((task) => task.id.every((byte, i) => byte === id[i]));
  }

  encode(writer: ByteWriter): void {
    writer.u8(MOVES_UNIT_VERSION);
    writer.u8(this.tasks.length);
    for (const task of this.tasks) {
      writer.raw(task.id);
      writer.u48(task.destination);
      writer.u32(task.perSecond);
      writer.u48(task.horizon);
      writer.u48(task.toMove);
      writer.u48(task.startedAt);
      writer.u48(task.startedWall);
      writer.u48(task.moved);
      writer.u8(MOVE_STATUSES.indexOf(task.status));
      writer.u8(MOVE_FAILURES.indexOf(task.failure));
      writer.u48(task.steppedAt);
      writer.u32(task.credit);
    }
  }
}

/** Messages a second that the task may move. */
export function rateOf(task: MoveTask): number {
  return task.perSecond === 0 ? MOVE_RATE_USUAL : task.perSecond;
}

/** Credit that a task may have saved up: a time without steps is not made up for afterwards. */
export function creditMax(task: MoveTask): number {
  return Math.max(CREDIT_OF_ONE, rateOf(task) * MOVE_CREDIT_MS);
}

/** Cluster time of a running task's next step. */
export function nextStepOf(task: MoveTask): number {
  if (task.credit >= CREDIT_OF_ONE) return task.steppedAt;
  const wait = Math.ceil((CREDIT_OF_ONE - task.credit) / rateOf(task));
  return task.steppedAt + Math.max(MOVE_STEP_MS, wait);
}

function decodeTask(reader: ByteReader): MoveTask | undefined {
  const id = reader.raw(TASK_ID_BYTES).slice();
  const destination = reader.u48();
  const perSecond = reader.u32();
  const horizon = reader.u48();
  const toMove = reader.u48();
  const startedAt = reader.u48();
  const startedWall = reader.u48();
  const moved = reader.u48();
  const status = MOVE_STATUSES[reader.u8()];
  const failure = MOVE_FAILURES[reader.u8()];
  const steppedAt = reader.u48();
  const credit = reader.u32();
  if (!reader.ok || status === undefined || failure === undefined) return undefined;
  const what = { id, destination, perSecond, horizon, toMove, startedAt, startedWall };
  const task = { ...what, moved, status, failure, steppedAt, credit };
  const sound =
    destination < ID_END &&
    perSecond <= MOVE_RATE_MAX &&
    startedAt <= steppedAt &&
    steppedAt < CLUSTER_TIME_END &&
    credit <= creditMax(task) &&
    (status === "failed") === (failure !== "none");
  return sound ? task : undefined;
}

/** The move tasks of all queues. */
export class MoveLedger {
  readonly #units: UnitLedger;
  readonly #bySource = new Map<number, MoveTasks>();
  /** Those with a running task, by source ascending: the order in which they take their steps. */
  #running: MoveTasks[] = [];

  constructor(units: UnitLedger) {
    this.#units = units;
  }

  get running(): readonly MoveTasks[] {
    return this.#running;
  }

  of(source: number): MoveTasks | undefined {
    return this.#bySource.get(source);
  }

  /** Tells of every queue's tasks, by source ascending. */
  all(): readonly MoveTasks[] {
    return [...this.#bySource.values()].sort((a, b) => a.source - b.source);
  }

  /** Begins a task; there is none running. */
  start(source: number, task: MoveTask): void {
    let tasks = this.#bySource.get(source);
    if (tasks === undefined) {
      tasks = new MoveTasks(source);
      this.#bySource.set(source, tasks);
      this.#units.add(tasks);
    } else {
      this.touch(tasks);
    }
    tasks.tasks.push(task);
    if (tasks.tasks.length > MOVE_TASKS_MAX) tasks.tasks.shift();
    this.#addRunning(tasks);
  }

  touch(tasks: MoveTasks): void {
    if (tasks.mark !== MARK.changed) this.#units.touch(tasks);
  }

  /** The running task of `tasks`, which are touched, is over. */
  end(tasks: MoveTasks, status: MoveStatus, failure: MoveFailure): void {
    const task = tasks.running;
    if (task === undefined) return;
    task.status = status;
    task.failure = failure;
    this.#running = this.#running.filter((other) => other !== tasks);
  }

  /** The queue is gone, and its tasks with it. */
  remove(source: number): void {
    const tasks = this.#bySource.get(source);
    if (tasks === undefined) return;
    this.#bySource.delete(source);
    this.#running = this.#running.filter((other) => other !== tasks);
    this.#units.remove(tasks);
  }

  /** When the first of the running tasks takes its next step; undefined while none runs. */
  nextStep(): number | undefined {
    let next: number | undefined;
    for (const tasks of this.#running) {
      const task = tasks.running;
      if (task === undefined) continue;
      const at = nextStepOf(task);
      if (next === undefined || at < next) next = at;
    }
    return next;
  }

  /** Takes in a unit; false for what is none. */
  load(source: number, reader: ByteReader): boolean {
    if (reader.u8() !== MOVES_UNIT_VERSION) return false;
    const tasks = new MoveTasks(source);
    const count = reader.u8();
    if (count < 1 || count > MOVE_TASKS_MAX) return false;
    for (let i = 0; i < count; i++) {
      const task = decodeTask(reader);
      if (task === undefined) return false;
      tasks.tasks.push(task);
    }
    tasks.saved = true;
    this.#bySource.set(source, tasks);
    if (tasks.running !== undefined) this.#addRunning(tasks);
    return reader.ok && reader.remaining === 0;
  }

  #addRunning(tasks: MoveTasks): void {
    this.#running.push(tasks);
    this.#running.sort((a, b) => a.source - b.source);
  }
}

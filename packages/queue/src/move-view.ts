/** A move task as others see it. */
import type { QueueId } from "./ids.ts";
import type { MoveFailure, MoveStatus, MoveTasks } from "./move-tasks.ts";

export interface MoveTaskView {
  /** 16 bytes. */
  readonly taskId: Uint8Array;
  readonly status: MoveStatus;
  readonly failure: MoveFailure;
  /** Undefined: each message goes to the queue that it came from. */
  readonly destination: QueueId | undefined;
  /** Undefined: as fast as tasks usually are. */
  readonly perSecond: number | undefined;
  readonly moved: number;
  /** Messages available when it began. */
  readonly toMove: number;
  /** Wall clock, ms. */
  readonly startedAtMs: number;
}

/** Newest first. */
export function viewTasks(tasks: MoveTasks | undefined): MoveTaskView[] {
  if (tasks === undefined) return [];
  return tasks.tasks.toReversed().map((task) => ({
    taskId: task.id.slice(),
    status: task.status,
    failure: task.failure,
    destination: task.destination === 0 ? undefined : (task.destination as QueueId),
    perSecond: task.perSecond === 0 ? undefined : task.perSecond,
    moved: task.moved,
    toMove: task.toMove,
    startedAtMs: task.startedWall,
  }));
}

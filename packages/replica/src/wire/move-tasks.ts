/**
 * A queue's move tasks as bytes:
 *
 *     u8 count · per task: 16 bytes of id · u8 status · u8 failure · u48 destination · u32 messages a second
 *                          u48 moved · u48 to move · u48 started, wall clock
 */
import type { ByteReader, ByteWriter } from "@kqueuey/base";
import type { MoveTaskView } from "@kqueuey/queue";
import {
  MOVE_FAILURES,
  MOVE_STATUSES,
  MOVE_TASKS_MAX,
  queueId,
  TASK_ID_BYTES,
} from "@kqueuey/queue";

export function encodeTasks(writer: ByteWriter, tasks: readonly MoveTaskView[]): void {
  writer.u8(tasks.length);
  for (const task of tasks) {
    writer.raw(task.taskId);
    writer.u8(MOVE_STATUSES.indexOf(task.status));
    writer.u8(MOVE_FAILURES.indexOf(task.failure));
    writer.u48(task.destination ?? 0);
    writer.u32(task.perSecond ?? 0);
    writer.u48(task.moved);
    writer.u48(task.toMove);
    writer.u48(task.startedAtMs);
  }
}

/** Undefined when the bytes are none. */
export function decodeTasks(reader: ByteReader): MoveTaskView[] | undefined {
  const count = reader.u8();
  if (count > MOVE_TASKS_MAX) return undefined;
  const tasks: MoveTaskView[] = [];
  for (let i = 0; i < count; i++) {
    const task = decodeTask(reader);
    if (task === undefined) return undefined;
    tasks.push(task);
  }
  return tasks;
}

function decodeTask(reader: ByteReader): MoveTaskView | undefined {
  const taskId = reader.raw(TASK_ID_BYTES).slice();
  const status = MOVE_STATUSES[reader.u8()];
  const failure = MOVE_FAILURES[reader.u8()];
  const destination = reader.u48();
  const perSecond = reader.u32();
  const moved = reader.u48();
  const toMove = reader.u48();
  const startedAtMs = reader.u48();
  if (!reader.ok || status === undefined || failure === undefined) return undefined;
  return {
    taskId,
    status,
    failure,
    destination: destination === 0 ? undefined : queueId(destination),
    perSecond: perSecond === 0 ? undefined : perSecond,
    moved,
    toMove,
    startedAtMs,
  };
}

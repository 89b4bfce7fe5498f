import { KQueueyError } from "@kqueuey/contract";
import type { SqsAction } from "./call.ts";
import { readTaskHandle } from "./message-move-tasks.ts";

/** CancelMessageMoveTask: ends a running task; what it moved stays moved. */
export const cancelMessageMoveTask: SqsAction = async (call, input) => {
  const { taskId, source } = readTaskHandle(input);
  const { moved } = await call.broker.cancelMoveTask(call.context, source, taskId).catch(asTask);
  return { output: { ApproximateNumberOfMessagesMoved: moved } };
};

/** The task of a queue that is gone is gone too. */
function asTask(error: unknown): never {
  if (!KQueueyError.is(error) || error.code !== "QUEUE_NOT_FOUND") throw error;
  throw new KQueueyError("TASK_NOT_FOUND", "the queue of the task does not exist");
}

import type { SqsAction } from "./call.ts";
import { SqsError } from "./errors.ts";
import { readTaskHandle } from "./message-move-tasks.ts";

/** CancelMessageMoveTask: there is none to cancel. */
export const cancelMessageMoveTask: SqsAction = async (_call, input) => {
  readTaskHandle(input);
  throw new SqsError("ResourceNotFound", "Task does not exist.");
};

import type { SqsAction } from "./call.ts";
import { invalidParameter } from "./errors.ts";
import { optionalInteger } from "./input.ts";
import { readQueueArn, showTask } from "./message-move-tasks.ts";

const RESULTS_MAX = 10;

/** ListMessageMoveTasks: the newest tasks of a queue, newest first. */
export const listMessageMoveTasks: SqsAction = async (call, input) => {
  const asked = optionalInteger(input, "MaxResults");
  if (asked !== undefined && (asked < 1 || asked > RESULTS_MAX)) {
    const reason = `Must be between 1 and ${RESULTS_MAX}, if provided.`;
    throw invalidParameter("MaxResults", asked, reason);
  }
  const { name } = await readQueueArn(call, input, "SourceArn");
  const tasks = await call.broker.listMoveTasks(call.context, name);
  const shown = tasks.slice(0, asked ?? 1).map((task) => showTask(call.identity, name, task));
  return { output: { Results: shown } };
};

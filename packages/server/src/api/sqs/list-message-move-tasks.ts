import type { SqsAction } from "./call.ts";
import { invalidParameter } from "./errors.ts";
import { optionalInteger } from "./input.ts";
import { readQueueArn } from "./message-move-tasks.ts";

const RESULTS_MAX = 10;

/** ListMessageMoveTasks: there are none. */
export const listMessageMoveTasks: SqsAction = async (call, input) => {
  const asked = optionalInteger(input, "MaxResults");
  if (asked !== undefined && (asked < 1 || asked > RESULTS_MAX)) {
    const reason = `Must be between 1 and ${RESULTS_MAX}, if provided.`;
    throw invalidParameter("MaxResults", asked, reason);
  }
  await readQueueArn(call, input, "SourceArn");
  return { output: { Results: [] } };
};

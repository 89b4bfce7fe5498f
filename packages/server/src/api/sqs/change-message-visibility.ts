import { must } from "@kqueuey/base";
import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { queueNameOf } from "./queue-url.ts";
import { REVIVES, readVisibilityChange, visibilityRefusal } from "./visibility-timeout.ts";

/** ChangeMessageVisibility: counts from now; 0 makes the message available at once. */
export const changeMessageVisibility: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const change = readVisibilityChange(call.limits, input);
  const results = await call.broker.extend(call.context, queue, [change], REVIVES);
  const result = must(results[0], "a receipt has a result");
  const refusal = visibilityRefusal(call.limits, change, result);
  if (refusal !== undefined) throw refusal;
  return NO_OUTPUT;
};

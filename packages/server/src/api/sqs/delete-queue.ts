import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { queueNameOf } from "./queue-url.ts";

/** DeleteQueue: the queue and its messages are gone at once. */
export const deleteQueue: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  await call.broker.deleteQueue(call.context, name);
  return NO_OUTPUT;
};

import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { queueNameOf } from "./queue-url.ts";

/** PurgeQueue: removes every message, available, delayed or in flight. */
export const purgeQueue: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  call.purges.enter(name, call.context.requestId);
  try {
    await call.broker.purgeQueue(call.context, name);
  } catch (error) {
    call.purges.forget(name);
    throw error;
  }
  return NO_OUTPUT;
};

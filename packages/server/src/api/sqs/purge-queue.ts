import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { SqsError } from "./errors.ts";
import { queueNameOf } from "./queue-url.ts";

/** The service needs the rule to protect itself; here it is kept because clients are written for it. */
const INTERVAL_MS = 60_000;

/** PurgeQueue: removes every message, available, delayed or in flight. */
export const purgeQueue: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const options = { intervalMs: INTERVAL_MS };
  if (await call.broker.purgeQueue(call.context, name, options)) return NO_OUTPUT;
  throw new SqsError(
    "PurgeQueueInProgress",
    `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`,
  );
};

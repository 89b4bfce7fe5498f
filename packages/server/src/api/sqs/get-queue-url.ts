import type { SqsAction } from "./call.ts";
import { queueDoesNotExist } from "./errors.ts";
import { requiredText } from "./input.ts";
import { isFifoQueueName, isQueueName, queueUrl } from "./queue-url.ts";

/** GetQueueUrl. `QueueOwnerAWSAccountId` is ignored: a cluster has one account. */
export const getQueueUrl: SqsAction = async (call, input) => {
  const name = requiredText(input, "QueueName");
  if (!isQueueName(name) && !isFifoQueueName(name)) throw queueDoesNotExist();
  await call.broker.describeQueue(call.context, name);
  return { output: { QueueUrl: queueUrl(call, name) } };
};

import type { SqsAction } from "./call.ts";
import { optionalText, requiredText } from "./input.ts";
import {
  checkDestination,
  checkIsDeadLetterQueue,
  readMessagesPerSecond,
  readQueueArn,
  writeTaskHandle,
} from "./message-move-tasks.ts";
import { queueArn } from "./queue-url.ts";

/** StartMessageMoveTask: moves the messages that are in a dead-letter queue now, in the background. */
export const startMessageMoveTask: SqsAction = async (call, input) => {
  requiredText(input, "SourceArn");
  const messagesPerSecond = readMessagesPerSecond(input);
  const source = await readQueueArn(call, input, "SourceArn");
  const destination =
    optionalText(input, "DestinationArn") === undefined
      ? undefined
      : await readQueueArn(call, input, "DestinationArn");
  await checkIsDeadLetterQueue(call, source.name);
  if (destination !== undefined) checkDestination(source, destination);
  const { taskId } = await call.broker.startMoveTask(call.context, source.name, {
    ...(destination === undefined ? {} : { destination: destination.name }),
    ...(messagesPerSecond === undefined ? {} : { messagesPerSecond }),
  });
  const handle = writeTaskHandle(taskId, queueArn(call.identity, source.name));
  return { output: { TaskHandle: handle } };
};

import type { SqsAction } from "./call.ts";
import { SqsError } from "./errors.ts";
import { optionalText, requiredText } from "./input.ts";
import {
  checkIsDeadLetterQueue,
  readMessagesPerSecond,
  readQueueArn,
} from "./message-move-tasks.ts";

/** StartMessageMoveTask: checked as the service does, and then not supported yet. */
export const startMessageMoveTask: SqsAction = async (call, input) => {
  requiredText(input, "SourceArn");
  readMessagesPerSecond(input);
  const source = await readQueueArn(call, input, "SourceArn");
  if (optionalText(input, "DestinationArn") !== undefined) {
    await readQueueArn(call, input, "DestinationArn");
  }
  await checkIsDeadLetterQueue(call, source.name);
  throw new SqsError(
    "UnsupportedOperation",
    "This version of KQueuey moves no messages back: receive them from the dead-letter queue and send them again.",
  );
};

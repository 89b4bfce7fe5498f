/** The actions of SQS by name: those that are there, and those that SQS has and this version has not. */
import type { SqsAction } from "./call.ts";
import { changeMessageVisibility } from "./change-message-visibility.ts";
import { changeMessageVisibilityBatch } from "./change-message-visibility-batch.ts";
import { createQueue } from "./create-queue.ts";
import { deleteMessage } from "./delete-message.ts";
import { deleteMessageBatch } from "./delete-message-batch.ts";
import { deleteQueue } from "./delete-queue.ts";
import { echo, SqsError } from "./errors.ts";
import { getQueueAttributes } from "./get-queue-attributes.ts";
import { getQueueUrl } from "./get-queue-url.ts";
import { listQueues } from "./list-queues.ts";
import { purgeQueue } from "./purge-queue.ts";
import { receiveMessage } from "./receive-message.ts";
import { sendMessage } from "./send-message.ts";
import { sendMessageBatch } from "./send-message-batch.ts";
import { setQueueAttributes } from "./set-queue-attributes.ts";

const ACTIONS: ReadonlyMap<string, SqsAction> = new Map([
  ["ChangeMessageVisibility", changeMessageVisibility],
  ["ChangeMessageVisibilityBatch", changeMessageVisibilityBatch],
  ["CreateQueue", createQueue],
  ["DeleteMessage", deleteMessage],
  ["DeleteMessageBatch", deleteMessageBatch],
  ["DeleteQueue", deleteQueue],
  ["GetQueueAttributes", getQueueAttributes],
  ["GetQueueUrl", getQueueUrl],
  ["ListQueues", listQueues],
  ["PurgeQueue", purgeQueue],
  ["ReceiveMessage", receiveMessage],
  ["SendMessage", sendMessage],
  ["SendMessageBatch", sendMessageBatch],
  ["SetQueueAttributes", setQueueAttributes],
]);

const NOT_YET: ReadonlySet<string> = new Set([
  "AddPermission",
  "CancelMessageMoveTask",
  "ListDeadLetterSourceQueues",
  "ListMessageMoveTasks",
  "ListQueueTags",
  "RemovePermission",
  "StartMessageMoveTask",
  "TagQueue",
  "UntagQueue",
]);

/** The action of that name; throws UnsupportedOperation or UnknownOperation. */
export function findAction(name: string): SqsAction {
  const action = ACTIONS.get(name);
  if (action !== undefined) return action;
  if (NOT_YET.has(name)) {
    throw new SqsError(
      "UnsupportedOperation",
      `This version of KQueuey does not have the action ${name} yet.`,
    );
  }
  throw new SqsError(
    "UnknownOperation",
    `The action ${echo(name)} is not valid for this endpoint.`,
  );
}

/** The rules of message move tasks: which queue an ARN names, what a task's handle is, how a task is shown. */
import { decodeUtf8 } from "@kqueuey/base";
import type { MoveTask, QueueDescription } from "../../broker.ts";
import { decodeBase64 } from "./base64.ts";
import type { SqsCall, SqsIdentity } from "./call.ts";
import { invalidParameter, SqsError } from "./errors.ts";
import { isMembers, type Members, optionalInteger, requiredText } from "./input.ts";
import { sourcesOf } from "./list-dead-letter-source-queues.ts";
import { findQueue } from "./queue-attributes.ts";
import { isFifoQueueName, queueArn, queueNameOfArn } from "./queue-url.ts";

const MESSAGES_PER_SECOND_MAX = 500;

/** The queue that the ARN in `member` names; throws InvalidParameterValue or ResourceNotFoundException. */
export async function readQueueArn(
  call: SqsCall,
  input: Members,
  member: "SourceArn" | "DestinationArn",
): Promise<QueueDescription> {
  const name = queueNameOfArn(requiredText(input, member));
  if (name === undefined) {
    throw new SqsError(
      "InvalidParameterValue",
      `You must use this format to specify the ${member}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>`,
    );
  }
  const queue = await findQueue(call, name);
  if (queue !== undefined) return queue;
  throw new SqsError(
    "ResourceNotFound",
    `The resource that you specified for the ${member} parameter doesn't exist.`,
  );
}

/** `MaxNumberOfMessagesPerSecond`, 1 to 500; undefined when the task is to find its own speed. */
export function readMessagesPerSecond(input: Members): number | undefined {
  const asked = optionalInteger(input, "MaxNumberOfMessagesPerSecond");
  if (asked === undefined || (asked >= 1 && asked <= MESSAGES_PER_SECOND_MAX)) return asked;
  throw invalidParameter(
    "MaxNumberOfMessagesPerSecond",
    asked,
    `Must be between 1 and ${MESSAGES_PER_SECOND_MAX}, if provided.`,
  );
}

/** Throws InvalidParameterValue unless some queue's dead letters go to `queue`. */
export async function checkIsDeadLetterQueue(call: SqsCall, queue: string): Promise<void> {
  const [source] = await sourcesOf(call, queue, { after: "", limit: 1 });
  if (source !== undefined) return;
  throw new SqsError(
    "InvalidParameterValue",
    "Source queue must be configured as a Dead Letter Queue.",
  );
}

/** Throws InvalidParameterValue unless messages of `source` can be moved to `destination`. */
export function checkDestination(source: QueueDescription, destination: QueueDescription): void {
  if (source.name === destination.name) {
    const text = "The source queue and the destination queue must not be the same.";
    throw new SqsError("InvalidParameterValue", text);
  }
  if (isFifoQueueName(source.name) === isFifoQueueName(destination.name)) return;
  const text = "The source queue and the destination queue must be of the same type.";
  throw new SqsError("InvalidParameterValue", text);
}

export interface TaskHandle {
  readonly taskId: string;
  /** Name of the queue that the task empties. */
  readonly source: string;
}

/** A handle as the service makes it. */
export function writeTaskHandle(taskId: string, sourceArn: string): string {
  return Buffer.from(JSON.stringify({ taskId, sourceArn })).toString("base64");
}

const STATUSES = {
  running: "RUNNING",
  completed: "COMPLETED",
  cancelled: "CANCELLED",
  failed: "FAILED",
} as const;

const FAILURES = {
  "no-source": "CouldNotDetermineMessageSource",
  "queue-gone": "AWS.SimpleQueueService.NonExistentQueue",
  "too-long": "TimedOut",
} as const;

/** An entry of ListMessageMoveTasks. */
export function showTask(identity: SqsIdentity, source: string, task: MoveTask): Members {
  const sourceArn = queueArn(identity, source);
  const { status, failure, destination, messagesPerSecond, taskId } = task;
  return {
    ...(status === "running" ? { TaskHandle: writeTaskHandle(taskId, sourceArn) } : {}),
    Status: STATUSES[status],
    SourceArn: sourceArn,
    ...(destination === undefined ? {} : { DestinationArn: queueArn(identity, destination) }),
    ...(messagesPerSecond === undefined ? {} : { MaxNumberOfMessagesPerSecond: messagesPerSecond }),
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    ...(failure === undefined ? {} : { FailureReason: FAILURES[failure] }),
    StartedTimestamp: task.startedAtMs,
  };
}

/** What a task handle names; throws InvalidParameterValue when it is none. */
export function readTaskHandle(input: Members): TaskHandle {
  const bytes = decodeBase64(requiredText(input, "TaskHandle"));
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  const handle = text === undefined ? undefined : parseHandle(text);
  if (handle !== undefined) return handle;
  throw new SqsError("InvalidParameterValue", "Value for parameter TaskHandle is invalid.");
}

function parseHandle(text: string): TaskHandle | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isMembers(value)) return undefined;
  const { taskId, sourceArn } = value;
  if (typeof taskId !== "string" || typeof sourceArn !== "string") return undefined;
  const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(taskId);
  const source = queueNameOfArn(sourceArn);
  return isUuid && source !== undefined ? { taskId, source } : undefined;
}

/**
 * The rules of message move tasks: which queue an ARN names, what a task's handle is. A task belongs to the
 * replicated state, which has none yet: starting one is not supported, and so there is none to list or cancel.
 */
import { decodeUtf8 } from "@kqueuey/base";
import type { QueueDescription } from "../../broker.ts";
import { decodeBase64 } from "./base64.ts";
import type { SqsCall } from "./call.ts";
import { invalidParameter, SqsError } from "./errors.ts";
import { isMembers, type Members, optionalInteger, requiredText } from "./input.ts";
import { sourcesOf } from "./list-dead-letter-source-queues.ts";
import { findQueue } from "./queue-attributes.ts";
import { queueNameOfArn } from "./queue-url.ts";

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

/** What a task handle names; throws InvalidParameterValue when it is none. */
export function readTaskHandle(input: Members): { readonly taskId: string } {
  const bytes = decodeBase64(requiredText(input, "TaskHandle"));
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  const handle = text === undefined ? undefined : parseHandle(text);
  if (handle !== undefined) return handle;
  throw new SqsError("InvalidParameterValue", "Value for parameter TaskHandle is invalid.");
}

function parseHandle(text: string): { readonly taskId: string } | undefined {
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
  return isUuid && queueNameOfArn(sourceArn) !== undefined ? { taskId } : undefined;
}

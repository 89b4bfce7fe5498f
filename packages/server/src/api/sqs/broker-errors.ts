/** What the cluster refuses, in the words of SQS. */
import { type ErrorCode, KQueueyError } from "@kqueuey/contract";
import { SqsError, type SqsErrorName } from "./errors.ts";

/** SQS's error for every error of ours. */
const KINDS: Readonly<Record<ErrorCode, SqsErrorName>> = {
  QUEUE_NOT_FOUND: "QueueDoesNotExist",
  QUEUE_EXISTS: "QueueNameExists",
  QUEUE_DELETED_RECENTLY: "QueueDeletedRecently",
  INVALID_ARGUMENT: "InvalidParameterValue",
  INVALID_QUEUE_NAME: "InvalidParameterValue",
  INVALID_ATTRIBUTE: "InvalidAttributeValue",
  INVALID_MESSAGE: "InvalidMessageContents",
  MESSAGE_TOO_LARGE: "InvalidParameterValue",
  BATCH_EMPTY: "EmptyBatchRequest",
  BATCH_TOO_LARGE: "BatchRequestTooLong",
  RECEIPT_INVALID: "ReceiptHandleIsInvalid",
  RECEIPT_STALE: "InvalidParameterValue",
  TASK_RUNNING: "InvalidParameterValue",
  TASK_NOT_FOUND: "ResourceNotFound",
  LIMIT_REACHED: "OverLimit",
  THROTTLED: "RequestThrottled",
  STORAGE_FULL: "ServiceUnavailable",
  UNAVAILABLE: "ServiceUnavailable",
  OUTCOME_UNKNOWN: "ServiceUnavailable",
  SESSION_EXPIRED: "InternalFailure",
  DEADLINE_EXCEEDED: "ServiceUnavailable",
  CANCELLED: "ServiceUnavailable",
  UNSUPPORTED: "UnsupportedOperation",
  MALFORMED_REQUEST: "MalformedInput",
  REQUEST_TOO_LARGE: "RequestTooLarge",
  ACCESS_DENIED: "AccessDenied",
  UNAUTHENTICATED: "AccessDenied",
  CONFIG_INVALID: "InternalFailure",
  INTERNAL: "InternalFailure",
};

/** Texts that clients compare; elsewhere our own text is passed on. */
const TEXTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  QUEUE_NOT_FOUND: "The specified queue does not exist.",
  TASK_RUNNING:
    "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
  TASK_NOT_FOUND: "Task does not exist.",
  QUEUE_DELETED_RECENTLY:
    "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
};

/** The error that a client of SQS gets for `error`; anything that is none of ours is a fault. */
export function sqsErrorOf(error: unknown): SqsError {
  if (error instanceof SqsError) return error;
  const { code, message } = KQueueyError.from(error);
  const kind = KINDS[code];
  // What went wrong inside is for the log, not for clients.
  if (kind === "InternalFailure") {
    return new SqsError(kind, "An internal fault. Report it with the request id.");
  }
  return new SqsError(kind, TEXTS[code] ?? message);
}

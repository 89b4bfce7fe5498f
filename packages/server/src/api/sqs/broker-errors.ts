/** What the cluster refuses, in the words of SQS. */
import { KQueueyError } from "@kqueuey/contract";
import { queueDoesNotExist, SqsError, type SqsErrorName } from "./errors.ts";

/** The error that a client of SQS gets for `error`; anything that is none of ours is a fault. */
export function sqsErrorOf(error: unknown): SqsError {
  if (error instanceof SqsError) return error;
  const { code, message } = KQueueyError.from(error);
  switch (code) {
    case "QUEUE_NOT_FOUND":
      return queueDoesNotExist();
    case "QUEUE_EXISTS":
      return new SqsError("QueueNameExists", message);
    case "QUEUE_DELETED_RECENTLY":
      return new SqsError(
        "QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
      );
    case "THROTTLED":
      return new SqsError("RequestThrottled", `The request was throttled: ${message}`);
    case "STORAGE_FULL":
      return new SqsError(
        "ServiceUnavailable",
        `The disk of the cluster's leader is full: ${message}`,
      );
    case "UNAVAILABLE":
    case "OUTCOME_UNKNOWN":
    case "DEADLINE_EXCEEDED":
    case "CANCELLED":
      return new SqsError("ServiceUnavailable", message);
    default: {
      const kind = PLAINLY[code];
      // What went wrong inside is for the log, not for clients.
      return kind === undefined
        ? new SqsError("InternalFailure", "An internal fault. Report it with the request id.")
        : new SqsError(kind, message);
    }
  }
}

/** Errors whose text is passed on as it is. */
const PLAINLY: Readonly<Partial<Record<KQueueyError["code"], SqsErrorName>>> = {
  INVALID_ARGUMENT: "InvalidParameterValue",
  INVALID_QUEUE_NAME: "InvalidParameterValue",
  INVALID_ATTRIBUTE: "InvalidAttributeValue",
  INVALID_MESSAGE: "InvalidMessageContents",
  MESSAGE_TOO_LARGE: "InvalidParameterValue",
  BATCH_EMPTY: "EmptyBatchRequest",
  BATCH_TOO_LARGE: "BatchRequestTooLong",
  RECEIPT_INVALID: "ReceiptHandleIsInvalid",
  RECEIPT_STALE: "InvalidParameterValue",
  LIMIT_REACHED: "OverLimit",
  UNSUPPORTED: "UnsupportedOperation",
  MALFORMED_REQUEST: "MalformedInput",
  REQUEST_TOO_LARGE: "RequestTooLarge",
  ACCESS_DENIED: "AccessDenied",
  UNAUTHENTICATED: "AccessDenied",
};

/** The rules of visibility timeouts, which receives and changes of visibility share. */
import type { ReceiptResult } from "../../broker.ts";
import { sqsErrorOf } from "./broker-errors.ts";
import {
  invalidParameter,
  missingParameter,
  receiptHandleIsInvalid,
  type SqsError,
} from "./errors.ts";
import { type Members, optionalInteger, requiredText } from "./input.ts";

const VISIBILITY_SECONDS_MAX = 43_200;

/** Throws InvalidParameterValue unless 0 … 43,200. */
export function checkVisibilityTimeout(seconds: number): void {
  if (seconds >= 0 && seconds <= VISIBILITY_SECONDS_MAX) return;
  throw invalidParameter(
    "VisibilityTimeout",
    seconds,
    `Must be >= 0 and <= ${VISIBILITY_SECONDS_MAX}, if provided.`,
  );
}

/** A receipt and how long, from now, its message is to stay hidden. */
export interface VisibilityChange {
  readonly receiptHandle: string;
  readonly visibilityTimeoutMs: number;
}

export function readVisibilityChange(input: Members): VisibilityChange {
  const receiptHandle = requiredText(input, "ReceiptHandle");
  const seconds = optionalInteger(input, "VisibilityTimeout");
  if (seconds === undefined) throw missingParameter("VisibilityTimeout");
  checkVisibilityTimeout(seconds);
  return { receiptHandle, visibilityTimeoutMs: seconds * 1_000 };
}

/** Why `change` was refused; undefined when it took effect. */
export function visibilityRefusal(
  change: VisibilityChange,
  result: ReceiptResult,
): SqsError | undefined {
  const { receiptHandle, visibilityTimeoutMs } = change;
  if (!result.ok) {
    const { error } = result;
    if (error.code === "RECEIPT_INVALID") return receiptHandleIsInvalid(receiptHandle);
    // The range was checked, so what is out of range is the sum since the receive.
    if (error.code === "INVALID_ARGUMENT") {
      return invalidParameter(
        "VisibilityTimeout",
        visibilityTimeoutMs / 1_000,
        `Total VisibilityTimeout for the message is beyond the limit [${VISIBILITY_SECONDS_MAX} seconds]`,
      );
    }
    if (error.code !== "RECEIPT_STALE") return sqsErrorOf(error);
  } else if (result.effective) {
    return undefined;
  }
  return invalidParameter(
    "ReceiptHandle",
    receiptHandle,
    "Message does not exist or is not available for visibility timeout change.",
  );
}

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
import { isWithinRange, type SqsLimits } from "./limits.ts";

/** SQS hides a message again whose time is over, unless somebody else was given it. */
export const REVIVES = { revives: true } as const;

/** Throws InvalidParameterValue unless it is in the range of the limits. */
export function checkVisibilityTimeout({ visibilitySeconds }: SqsLimits, seconds: number): void {
  if (isWithinRange(visibilitySeconds, seconds)) return;
  throw invalidParameter(
    "VisibilityTimeout",
    seconds,
    `Must be >= ${visibilitySeconds.least} and <= ${visibilitySeconds.most}, if provided.`,
  );
}

/** A receipt and how long, from now, its message is to stay hidden. */
export interface VisibilityChange {
  readonly receiptHandle: string;
  readonly visibilityTimeoutMs: number;
}

export function readVisibilityChange(limits: SqsLimits, input: Members): VisibilityChange {
  const receiptHandle = requiredText(input, "ReceiptHandle");
  const seconds = optionalInteger(input, "VisibilityTimeout");
  if (seconds === undefined) throw missingParameter("VisibilityTimeout");
  checkVisibilityTimeout(limits, seconds);
  return { receiptHandle, visibilityTimeoutMs: seconds * 1_000 };
}

/** Why `change` was refused; undefined when it took effect. */
export function visibilityRefusal(
  limits: SqsLimits,
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
        `Total VisibilityTimeout for the message is beyond the limit [${limits.visibilitySeconds.most} seconds]`,
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

import { must } from "@kqueuey/base";
import type { ReceiptResult } from "../../broker.ts";
import { sqsErrorOf } from "./broker-errors.ts";
import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { receiptHandleIsInvalid, type SqsError } from "./errors.ts";
import { requiredText } from "./input.ts";
import { queueNameOf } from "./queue-url.ts";

/**
 * DeleteMessage. A message that is gone, or held by another now, is a success too: nothing is left to do, or
 * nothing is done.
 */
export const deleteMessage: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const handle = requiredText(input, "ReceiptHandle");
  const results = await call.broker.tombstone(call.context, queue, [handle]);
  const refusal = deletionRefusal(handle, must(results[0], "a receipt has a result"));
  if (refusal !== undefined) throw refusal;
  return NO_OUTPUT;
};

/** Why the deletion was refused; undefined when SQS calls it a success. */
export function deletionRefusal(handle: string, result: ReceiptResult): SqsError | undefined {
  if (result.ok || result.error.code === "RECEIPT_STALE") return undefined;
  return result.error.code === "RECEIPT_INVALID"
    ? receiptHandleIsInvalid(handle)
    : sqsErrorOf(result.error);
}

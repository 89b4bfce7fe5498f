import { must } from "@kqueuey/base";
import type { ReceiptResult } from "../../broker.ts";
import { sqsErrorOf } from "./broker-errors.ts";
import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { invalidParameter, receiptHandleIsInvalid, type SqsError } from "./errors.ts";
import { requiredText } from "./input.ts";
import { isFifoQueueName, queueNameOf } from "./queue-url.ts";

/**
 * DeleteMessage. A message that is gone, or held by another now, is a success too: nothing is left to do, or
 * nothing is done.
 */
export const deleteMessage: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const handle = requiredText(input, "ReceiptHandle");
  const results = await call.broker.tombstone(call.context, queue, [handle]);
  const refusal = deletionRefusal(queue)(handle, must(results[0], "a receipt has a result"));
  if (refusal !== undefined) throw refusal;
  return NO_OUTPUT;
};

/**
 * Why a deletion from `queue` was refused; undefined when SQS calls it a success. A FIFO queue says when the time of
 * the handle is over: the group may have gone on without it.
 */
export function deletionRefusal(
  queue: string,
): (handle: string, result: ReceiptResult) => SqsError | undefined {
  const isFifo = isFifoQueueName(queue);
  return (handle, result) => {
    const isStale = result.ok
      ? !result.effective && result.reason === "stale"
      : result.error.code === "RECEIPT_STALE";
    if (isStale && isFifo) {
      return invalidParameter("ReceiptHandle", handle, "The receipt handle has expired.");
    }
    if (isStale || result.ok) return undefined;
    return result.error.code === "RECEIPT_INVALID"
      ? receiptHandleIsInvalid(handle)
      : sqsErrorOf(result.error);
  };
}

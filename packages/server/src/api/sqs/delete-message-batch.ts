import { batchAnswer, performEach, readEach, readEntries, receiptOutcomes } from "./batch.ts";
import type { SqsAction } from "./call.ts";
import { deletionRefusal } from "./delete-message.ts";
import { requiredText } from "./input.ts";
import { queueNameOf } from "./queue-url.ts";

/** DeleteMessageBatch. */
export const deleteMessageBatch: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const entries = readEntries(input, "DeleteMessageBatchRequestEntry", call.limits);
  const items = readEach(entries, (entry) => requiredText(entry, "ReceiptHandle"));
  const outcomes = await performEach({ call, queue }, items, async (handles) => {
    const results = await call.broker.tombstone(call.context, queue, handles);
    return receiptOutcomes(handles, results, deletionRefusal(queue));
  });
  return batchAnswer(entries, outcomes);
};

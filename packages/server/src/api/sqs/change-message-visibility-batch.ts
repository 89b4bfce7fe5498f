import { batchAnswer, performEach, readEach, readEntries, receiptOutcomes } from "./batch.ts";
import type { SqsAction } from "./call.ts";
import { queueNameOf } from "./queue-url.ts";
import { REVIVES, readVisibilityChange, visibilityRefusal } from "./visibility-timeout.ts";

/** ChangeMessageVisibilityBatch. */
export const changeMessageVisibilityBatch: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const entries = readEntries(input, "ChangeMessageVisibilityBatchRequestEntry", call.limits);
  const items = readEach(entries, (entry) => readVisibilityChange(call.limits, entry));
  const outcomes = await performEach({ call, queue }, items, async (changes) => {
    const results = await call.broker.extend(call.context, queue, changes, REVIVES);
    return receiptOutcomes(changes, results, (change, result) =>
      visibilityRefusal(call.limits, change, result),
    );
  });
  return batchAnswer(entries, outcomes);
};

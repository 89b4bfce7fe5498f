import { batchAnswer, performEach, readEach, readEntries, receiptOutcomes } from "./batch.ts";
import type { SqsAction } from "./call.ts";
import { queueNameOf } from "./queue-url.ts";
import { readVisibilityChange, visibilityRefusal } from "./visibility-timeout.ts";

/** ChangeMessageVisibilityBatch. */
export const changeMessageVisibilityBatch: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const entries = readEntries(input, "ChangeMessageVisibilityBatchRequestEntry");
  const items = readEach(entries, readVisibilityChange);
  const outcomes = await performEach({ call, queue }, items, async (changes) => {
    const results = await call.broker.extend(call.context, queue, changes);
    return receiptOutcomes(changes, results, visibilityRefusal);
  });
  return batchAnswer(entries, outcomes);
};

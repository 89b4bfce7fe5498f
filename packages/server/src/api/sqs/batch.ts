/**
 * Batches: some entries (ten, as the service has it) with ids of their own. A fault of the batch refuses it
 * whole; a fault of one entry fails that entry alone.
 */
import { must } from "@kqueuey/base";
import type { ReceiptResult } from "../../broker.ts";
import type { SqsAnswer, SqsCall } from "./call.ts";
import { echo, missingParameter, SqsError } from "./errors.ts";
import { type Members, optionalStructures, optionalText } from "./input.ts";
import type { SqsLimits } from "./limits.ts";

export interface BatchEntry {
  readonly id: string;
  readonly input: Members;
}

/** What became of an entry: members of its answer besides the id, or why it failed. */
export type EntryOutcome = Members | SqsError;

/** The entries of `Entries`, by the rules of a batch; `shape` is the entry's name in SQS's model. */
export function readEntries(
  input: Members,
  shape: string,
  { batchEntriesMax }: SqsLimits,
): readonly BatchEntry[] {
  const structures = optionalStructures(input, "Entries") ?? [];
  if (structures.length === 0) {
    throw new SqsError(
      "EmptyBatchRequest",
      `There should be at least one ${shape} in the request.`,
    );
  }
  if (structures.length > batchEntriesMax) {
    throw new SqsError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${batchEntriesMax}. You have sent ${structures.length}.`,
    );
  }
  const seen = new Set<string>();
  return structures.map((entry, at) => {
    const id = optionalText(entry, "Id");
    if (id === undefined) throw missingParameter(`${shape}.${at + 1}.Id`);
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(id)) {
      throw new SqsError(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
      );
    }
    if (seen.has(id)) throw new SqsError("BatchEntryIdsNotDistinct", `Id ${echo(id)} repeated.`);
    seen.add(id);
    return { id, input: entry };
  });
}

/** Reads every entry; one whose reader throws an `SqsError` has that error in its place. */
export function readEach<T>(
  entries: readonly BatchEntry[],
  read: (input: Members) => T,
): readonly (T | SqsError)[] {
  return entries.map((entry) => {
    try {
      return read(entry.input);
    } catch (error) {
      if (error instanceof SqsError) return error;
      throw error;
    }
  });
}

/**
 * Lets `perform` work on what was read well, in order, and joins its outcomes with the faults. When
 * nothing was read well, the queue must be there all the same.
 */
export async function performEach<T>(
  target: { readonly call: SqsCall; readonly queue: string },
  items: readonly (T | SqsError)[],
  perform: (wellRead: readonly T[]) => Promise<readonly EntryOutcome[]>,
): Promise<readonly EntryOutcome[]> {
  const wellRead = items.filter((item): item is T => !(item instanceof SqsError));
  if (wellRead.length === 0)
    await target.call.broker.describeQueue(target.call.context, target.queue);
  const outcomes = wellRead.length === 0 ? [] : await perform(wellRead);
  let at = 0;
  return items.map((item) => {
    if (item instanceof SqsError) return item;
    const outcome = must(outcomes[at], "every entry has an outcome");
    at += 1;
    return outcome;
  });
}

/** The outcomes of entries that name a receipt each; `refusal` says what a result means for SQS. */
export function receiptOutcomes<T>(
  items: readonly T[],
  results: readonly ReceiptResult[],
  refusal: (item: T, result: ReceiptResult) => SqsError | undefined,
): readonly EntryOutcome[] {
  return items.map(
    (item, at) => refusal(item, must(results[at], "every receipt has a result")) ?? {},
  );
}

/** `Successful` and `Failed`, each only when it has entries. */
export function batchAnswer(
  entries: readonly BatchEntry[],
  outcomes: readonly EntryOutcome[],
): SqsAnswer {
  const successful: Members[] = [];
  const failed: Members[] = [];
  entries.forEach(({ id }, at) => {
    const outcome = must(outcomes[at], "every entry has an outcome");
    if (outcome instanceof SqsError) {
      const { senderFault, code, message } = outcome;
      failed.push({ Id: id, SenderFault: senderFault, Code: code, Message: message });
    } else {
      successful.push({ Id: id, ...outcome });
    }
  });
  return {
    output: {
      ...(successful.length === 0 ? {} : { Successful: successful }),
      ...(failed.length === 0 ? {} : { Failed: failed }),
    },
  };
}

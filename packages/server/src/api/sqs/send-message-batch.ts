import { encodeUtf8, must } from "@kqueuey/base";
import {
  type BatchEntry,
  batchAnswer,
  type EntryOutcome,
  performEach,
  readEach,
  readEntries,
} from "./batch.ts";
import type { SqsAction, SqsCall } from "./call.ts";
import { SqsError } from "./errors.ts";
import type { SqsLimits } from "./limits.ts";
import {
  type OutgoingMessage,
  readOutgoingMessage,
  refusedMessage,
  sequenceNumber,
} from "./outgoing-message.ts";
import { isFifoQueueName, queueNameOf } from "./queue-url.ts";

/** SendMessageBatch: what is well-formed is stored by one command, in the order of the entries. */
export const sendMessageBatch: SqsAction = async (call, input) => {
  const queue = queueNameOf(input);
  const entries = readEntries(input, "SendMessageBatchRequestEntry", call.limits);
  if (isFifoQueueName(queue)) checkGroups(entries);
  const items = readEach(entries, (entry) => readOutgoingMessage(call, entry, queue));
  checkTotal(call.limits, entries, items);
  const outcomes = await performEach({ call, queue }, items, (messages) =>
    sendAll(call, queue, messages),
  );
  return batchAnswer(entries, outcomes);
};

/** One entry without a group refuses the whole batch of a FIFO queue. */
function checkGroups(entries: readonly BatchEntry[]): void {
  if (entries.every(({ input }) => input["MessageGroupId"] !== undefined)) return;
  throw new SqsError(
    "InvalidParameterValue",
    "The request must contain the parameter MessageGroupId.",
  );
}

/** The bytes of all entries, those that will fail included, must fit in one message's maximum. */
function checkTotal(
  { batchBytesMax }: SqsLimits,
  entries: readonly BatchEntry[],
  items: readonly (OutgoingMessage | SqsError)[],
): void {
  let bytes = 0;
  entries.forEach((entry, at) => {
    const item = must(items[at], "every entry was read");
    if (!(item instanceof SqsError)) bytes += item.bytes;
    else if (typeof entry.input["MessageBody"] === "string") {
      bytes += encodeUtf8(entry.input["MessageBody"]).length;
    }
  });
  if (bytes <= batchBytesMax) return;
  throw new SqsError(
    "BatchRequestTooLong",
    `Batch requests cannot be longer than ${batchBytesMax} bytes. You have sent ${bytes} bytes.`,
  );
}

async function sendAll(
  call: SqsCall,
  queue: string,
  outgoing: readonly OutgoingMessage[],
): Promise<readonly EntryOutcome[]> {
  const messages = outgoing.map(({ message }) => message);
  const results = await call.broker.send(call.context, queue, messages);
  const outcomes: EntryOutcome[] = [];
  for (let at = 0; at < outgoing.length; at++) {
    const { digests } = must(outgoing[at], "every result has a message");
    const result = must(results[at], "every message has a result");
    outcomes.push(
      result.ok
        ? { MessageId: result.messageId, ...digests, ...sequenceNumber(result) }
        : await refusedMessage(call, queue, { error: result.error, inBatch: true }),
    );
  }
  return outcomes;
}

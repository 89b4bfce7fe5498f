import { encodeUtf8, must } from "@kqueuey/base";
import { NO_DEDUPLICATION_ID } from "../../broker.ts";
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
import { optionalText } from "./input.ts";
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
  const isFifo = isFifoQueueName(queue);
  if (isFifo) checkGroups(entries);
  const items = readEach(entries, (entry) => readOutgoingMessage(call, entry, queue));
  const tooLong = findTooLong(call.limits, entries, items);
  // That every message has its ids comes before what else is wrong; the broker sees to it when nothing is.
  if (isFifo && (tooLong !== undefined || items.some((item) => item instanceof SqsError))) {
    await checkDeduplicationIds(call, queue, entries);
  }
  if (tooLong !== undefined) throw tooLong;
  const outcomes = await performEach({ call, queue }, items, (messages) =>
    sendAll(call, queue, messages),
  );
  return batchAnswer(entries, outcomes);
};

/** One entry without a group refuses the whole batch of a FIFO queue. */
function checkGroups(entries: readonly BatchEntry[]): void {
  if (entries.every(({ input }) => optionalText(input, "MessageGroupId") !== undefined)) return;
  throw new SqsError(
    "InvalidParameterValue",
    "The request must contain the parameter MessageGroupId.",
  );
}

/** So does one without a deduplication id, where the queue makes none of the body. */
async function checkDeduplicationIds(
  call: SqsCall,
  queue: string,
  entries: readonly BatchEntry[],
): Promise<void> {
  const hasAll = entries.every(
    ({ input }) => optionalText(input, "MessageDeduplicationId") !== undefined,
  );
  if (hasAll) return;
  const { attributes } = await call.broker.describeQueue(call.context, queue);
  if (attributes.fifo?.contentBasedDeduplication !== false) return;
  throw new SqsError("InvalidParameterValue", NO_DEDUPLICATION_ID);
}

/** The bytes of all entries, those that will fail included, must fit in one message's maximum. */
function findTooLong(
  { batchBytesMax }: SqsLimits,
  entries: readonly BatchEntry[],
  items: readonly (OutgoingMessage | SqsError)[],
): SqsError | undefined {
  let bytes = 0;
  entries.forEach((entry, at) => {
    const item = must(items[at], "every entry was read");
    if (!(item instanceof SqsError)) bytes += item.bytes;
    else if (typeof entry.input["MessageBody"] === "string") {
      bytes += encodeUtf8(entry.input["MessageBody"]).length;
    }
  });
  if (bytes <= batchBytesMax) return undefined;
  return new SqsError(
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

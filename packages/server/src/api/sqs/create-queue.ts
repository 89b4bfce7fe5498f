import { KQueueyError } from "@kqueuey/contract";
import type { SqsAction, SqsAnswer, SqsCall } from "./call.ts";
import { SqsError } from "./errors.ts";
import { requiredText, textMap } from "./input.ts";
import {
  type AttributeChanges,
  checkDeadLetterTarget,
  differingAttribute,
  findQueue,
  readAttributeChanges,
} from "./queue-attributes.ts";
import { isFifoQueueName, isQueueName, queueUrl } from "./queue-url.ts";

const TAGS_MAX = 50;

/** CreateQueue: also gives the URL of a queue that is there already with the attributes asked for. */
export const createQueue: SqsAction = async (call, input) => {
  const name = requiredText(input, "QueueName");
  const texts = textMap(input, "Attributes");
  checkName(name, texts);
  const changes = readAttributeChanges(texts);
  const tags = checkedTags(name, textMap(input, "tags"));
  await checkDeadLetterTarget(call, name, changes);
  try {
    await call.broker.createQueue(call.context, name, { ...changes, tags });
  } catch (error) {
    if (!KQueueyError.is(error) || error.code !== "QUEUE_EXISTS") throw error;
    await checkExisting(call, name, { names: texts.keys(), changes });
  }
  return urlOf(call, name);
};

function urlOf(call: SqsCall, name: string): SqsAnswer {
  return { output: { QueueUrl: queueUrl(call, name) } };
}

function checkName(name: string, attributes: ReadonlyMap<string, string>): void {
  const isFifo = attributes.get("FifoQueue")?.toLowerCase() === "true";
  if (!isFifo && !isQueueName(name)) {
    throw new SqsError(
      "InvalidParameterValue",
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    );
  }
  if (!isFifo) return;
  if (!isFifoQueueName(name)) {
    throw new SqsError(
      "InvalidParameterValue",
      "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length",
    );
  }
  throw new SqsError(
    "UnsupportedOperation",
    "This version of KQueuey has standard queues only: FIFO queues can't be created yet.",
  );
}

function checkedTags(queue: string, tags: ReadonlyMap<string, string>): Record<string, string> {
  if (tags.size > TAGS_MAX) {
    throw new SqsError("InvalidParameterValue", `Too many tags added for queue ${queue}.`);
  }
  for (const [key, value] of tags) {
    if (key.length < 1 || key.length > 128 || value.length > 256) {
      throw new SqsError(
        "InvalidParameterValue",
        "A tag's key has 1 to 128 characters and its value 256 at most.",
      );
    }
  }
  return Object.fromEntries(tags);
}

/** The broker found a difference; by SQS's rules it counts only where the meaning differs. */
async function checkExisting(
  call: SqsCall,
  name: string,
  wanted: { readonly names: Iterable<string>; readonly changes: AttributeChanges },
): Promise<void> {
  const queue = await findQueue(call, name);
  if (queue === undefined) {
    throw new SqsError("ServiceUnavailable", "The queue was deleted meanwhile. Try again.");
  }
  const attribute = differingAttribute(queue, wanted, call.identity);
  if (attribute === undefined) return;
  throw new SqsError(
    "QueueNameExists",
    `A queue already exists with the same name and a different value for attribute ${attribute}`,
  );
}

import { KQueueyError } from "@kqueuey/contract";
import type { SqsAction, SqsAnswer, SqsCall } from "./call.ts";
import { SqsError } from "./errors.ts";
import { isFifo } from "./fifo-attributes.ts";
import { type Members, requiredText, textMap } from "./input.ts";
import {
  type AttributeChanges,
  asNewFifo,
  checkDeadLetterTarget,
  differingAttribute,
  findQueue,
  readAttributeChanges,
} from "./queue-attributes.ts";
import { isFifoQueueName, isQueueName, queueUrl } from "./queue-url.ts";
import { checkAllTags, checkTags } from "./tags.ts";

/** CreateQueue: also gives the URL of a queue that is there already with the attributes asked for. */
export const createQueue: SqsAction = async (call, input) => {
  const name = requiredText(input, "QueueName");
  const texts = textMap(input, "Attributes");
  checkName(name, texts);
  const changes = isFifo(texts)
    ? asNewFifo(readAttributeChanges(call.limits, texts, "fifo"))
    : readAttributeChanges(call.limits, texts);
  const tags = readTags(name, input);
  await checkDeadLetterTarget(call, name, changes);
  try {
    await call.broker.createQueue(call.context, name, {
      attributes: changes.attributes,
      extra: changes.extra,
      tags,
    });
  } catch (error) {
    if (!KQueueyError.is(error) || error.code !== "QUEUE_EXISTS") throw error;
    await checkExisting(call, name, { names: texts.keys(), changes });
  }
  return urlOf(call, name);
};

function readTags(queue: string, input: Members): Record<string, string> {
  const given = textMap(input, "tags");
  checkTags(given);
  const tags = Object.fromEntries(given);
  checkAllTags(queue, tags);
  return tags;
}

function urlOf(call: SqsCall, name: string): SqsAnswer {
  return { output: { QueueUrl: queueUrl(call, name) } };
}

function checkName(name: string, attributes: ReadonlyMap<string, string>): void {
  if (!isFifo(attributes) && !isQueueName(name)) {
    throw new SqsError(
      "InvalidParameterValue",
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    );
  }
  if (isFifo(attributes) && !isFifoQueueName(name)) {
    throw new SqsError(
      "InvalidParameterValue",
      "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length",
    );
  }
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

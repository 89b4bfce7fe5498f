import { NO_OUTPUT, type SqsAction, type SqsCall } from "./call.ts";
import { missingParameter } from "./errors.ts";
import { textMap } from "./input.ts";
import {
  type AttributeChanges,
  asFifoChange,
  checkDeadLetterTarget,
  readAttributeChanges,
} from "./queue-attributes.ts";
import { isFifoQueueName, queueNameOf } from "./queue-url.ts";

/** SetQueueAttributes: takes effect at once. */
export const setQueueAttributes: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const texts = textMap(input, "Attributes");
  if (texts.size === 0) throw missingParameter("Attribute.Name");
  const changes = await readChanges(call, name, texts);
  await checkDeadLetterTarget(call, name, changes);
  const { attributes, extra } = changes;
  await call.broker.setQueueAttributes(call.context, name, { attributes, extra });
  return NO_OUTPUT;
};

async function readChanges(
  call: SqsCall,
  name: string,
  texts: ReadonlyMap<string, string>,
): Promise<AttributeChanges> {
  if (!isFifoQueueName(name)) return readAttributeChanges(call.limits, texts);
  const changes = readAttributeChanges(call.limits, texts, "fifo");
  if (Object.keys(changes.fifo).length === 0) return changes;
  return asFifoChange(changes, await call.broker.describeQueue(call.context, name));
}

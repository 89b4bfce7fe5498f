import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { missingParameter } from "./errors.ts";
import { textMap } from "./input.ts";
import { checkDeadLetterTarget, readAttributeChanges } from "./queue-attributes.ts";
import { queueNameOf } from "./queue-url.ts";

/** SetQueueAttributes: takes effect at once. */
export const setQueueAttributes: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const texts = textMap(input, "Attributes");
  if (texts.size === 0) throw missingParameter("Attribute.Name");
  const changes = readAttributeChanges(call.limits, texts);
  await checkDeadLetterTarget(call, name, changes);
  await call.broker.setQueueAttributes(call.context, name, changes);
  return NO_OUTPUT;
};

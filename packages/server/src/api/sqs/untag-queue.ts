import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { missingParameter } from "./errors.ts";
import { textList } from "./input.ts";
import { queueNameOf } from "./queue-url.ts";

/** UntagQueue: keys that the queue has not are ignored. */
export const untagQueue: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const keys = textList(input, "TagKeys");
  if (keys.length === 0) throw missingParameter("TagKeys");
  const queue = await call.broker.describeQueue(call.context, name);
  const known = keys.filter((key) => Object.hasOwn(queue.tags, key));
  if (known.length === 0) return NO_OUTPUT;
  const tags = Object.fromEntries(known.map((key) => [key, undefined]));
  await call.broker.setQueueAttributes(call.context, name, { attributes: {}, extra: {}, tags });
  return NO_OUTPUT;
};

import type { SqsAction } from "./call.ts";
import { textList } from "./input.ts";
import { writeAttributes } from "./queue-attributes.ts";
import { queueNameOf } from "./queue-url.ts";

/** GetQueueAttributes: the named ones that are set. */
export const getQueueAttributes: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const names = textList(input, "AttributeNames");
  const queue = await call.broker.describeQueue(call.context, name);
  const attributes = writeAttributes(queue, names, call.identity);
  return { output: Object.keys(attributes).length === 0 ? {} : { Attributes: attributes } };
};

import { NO_OUTPUT, type SqsAction } from "./call.ts";
import { missingParameter } from "./errors.ts";
import { textMap } from "./input.ts";
import { queueNameOf } from "./queue-url.ts";
import { checkAllTags, checkTags } from "./tags.ts";

/** TagQueue: adds tags, and overwrites those of the same keys. */
export const tagQueue: SqsAction = async (call, input) => {
  const name = queueNameOf(input);
  const added = textMap(input, "Tags");
  if (added.size === 0) throw missingParameter("Tags");
  checkTags(added);
  const tags = Object.fromEntries(added);
  const queue = await call.broker.describeQueue(call.context, name);
  checkAllTags(name, { ...queue.tags, ...tags });
  await call.broker.setQueueAttributes(call.context, name, { attributes: {}, extra: {}, tags });
  return NO_OUTPUT;
};

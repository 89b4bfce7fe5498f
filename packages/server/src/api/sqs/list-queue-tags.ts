import type { SqsAction } from "./call.ts";
import { queueNameOf } from "./queue-url.ts";

/** ListQueueTags. */
export const listQueueTags: SqsAction = async (call, input) => {
  const { tags } = await call.broker.describeQueue(call.context, queueNameOf(input));
  return { output: Object.keys(tags).length === 0 ? {} : { Tags: tags } };
};

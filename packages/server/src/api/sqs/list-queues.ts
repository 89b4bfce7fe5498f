import type { SqsAction } from "./call.ts";
import { optionalText } from "./input.ts";
import { cutPage, readPage } from "./paging.ts";
import { queueUrl } from "./queue-url.ts";

/** ListQueues: URLs in the order of their names, in pages when `MaxResults` is given. */
export const listQueues: SqsAction = async (call, input) => {
  const prefix = optionalText(input, "QueueNamePrefix") ?? "";
  const page = readPage(input);
  const { limit, after } = page;
  const found = await call.broker.listQueues(call.context, { prefix, after, limit: limit + 1 });
  const { names, token } = cutPage(found, page);
  return {
    output: {
      ...(names.length === 0 ? {} : { QueueUrls: names.map((name) => queueUrl(call, name)) }),
      ...token,
    },
  };
};

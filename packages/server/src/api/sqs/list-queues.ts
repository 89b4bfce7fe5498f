import { decodeUtf8, encodeUtf8 } from "@kqueuey/base";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type { SqsAction } from "./call.ts";
import { invalidParameter, SqsError } from "./errors.ts";
import { type Members, optionalInteger, optionalText } from "./input.ts";
import { isFifoQueueName, isQueueName, queueUrl } from "./queue-url.ts";

const PAGE_MAX = 1_000;

/** ListQueues: URLs in the order of their names, in pages when `MaxResults` is given. */
export const listQueues: SqsAction = async (call, input) => {
  const prefix = optionalText(input, "QueueNamePrefix") ?? "";
  const asked = optionalInteger(input, "MaxResults");
  if (asked !== undefined && (asked < 1 || asked > PAGE_MAX)) {
    throw invalidParameter("MaxResults", asked, "Must be between 1 and 1000, if provided.");
  }
  const limit = asked ?? PAGE_MAX;
  const after = readToken(input);
  // One more than asked tells whether there is a next page.
  const names = await call.broker.listQueues(call.context, { prefix, after, limit: limit + 1 });
  const page = names.slice(0, limit);
  const last = page.at(-1);
  const more = asked !== undefined && names.length > limit && last !== undefined;
  return {
    output: {
      ...(page.length === 0 ? {} : { QueueUrls: page.map((name) => queueUrl(call, name)) }),
      ...(more ? { NextToken: encodeBase64(encodeUtf8(last)) } : {}),
    },
  };
};

/** The name after which the page begins; "" for the first. */
function readToken(input: Members): string {
  const token = optionalText(input, "NextToken") ?? "";
  if (token === "") return "";
  const bytes = decodeBase64(token);
  const name = bytes === undefined ? undefined : decodeUtf8(bytes);
  if (name === undefined || !(isQueueName(name) || isFifoQueueName(name))) {
    throw new SqsError("InvalidParameterValue", "Invalid or expired next token.");
  }
  return name;
}

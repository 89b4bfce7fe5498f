/** Lists of queues in pages: what a request asks of a page, and the token of the next one. */
import { decodeUtf8, encodeUtf8 } from "@kqueuey/base";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { invalidParameter, SqsError } from "./errors.ts";
import { type Members, optionalInteger, optionalText } from "./input.ts";
import { isFifoQueueName, isQueueName } from "./queue-url.ts";

const PAGE_MAX = 1_000;

export interface PageRequest {
  /** Names on the page at most. */
  readonly limit: number;
  /** The name after which the page begins; "" for the first. */
  readonly after: string;
  /** Only who asks for pages is told that there is another. */
  readonly wantsToken: boolean;
}

/** `MaxResults` and `NextToken`; throws InvalidParameterValue. */
export function readPage(input: Members): PageRequest {
  const asked = optionalInteger(input, "MaxResults");
  if (asked !== undefined && (asked < 1 || asked > PAGE_MAX)) {
    throw invalidParameter("MaxResults", asked, `Must be between 1 and ${PAGE_MAX}, if provided.`);
  }
  return { limit: asked ?? PAGE_MAX, after: readToken(input), wantsToken: asked !== undefined };
}

/** The page's names, and the token when there are more. `names` has one more than the limit when there are. */
export function cutPage(
  names: readonly string[],
  page: PageRequest,
): { readonly names: readonly string[]; readonly token: Members } {
  const shown = names.slice(0, page.limit);
  const last = shown.at(-1);
  const more = page.wantsToken && names.length > page.limit && last !== undefined;
  return { names: shown, token: more ? { NextToken: encodeBase64(encodeUtf8(last)) } : {} };
}

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

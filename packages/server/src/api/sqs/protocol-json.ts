/** SQS's AWS JSON 1.0 protocol: the action in a header, members as one JSON object, errors by shape name. */
import { decodeUtf8 } from "@kqueuey/base";
import type { PlainResponse, RequestHead } from "../../exchange.ts";
import type { SqsAnswer } from "./call.ts";
import { SqsError } from "./errors.ts";
import { isMembers, type Members } from "./input.ts";

const CONTENT_TYPE = "application/x-amz-json-1.0";
const TARGET_PREFIX = "AmazonSQS.";

/** Whether the request speaks this protocol, on whatever path. */
export function isJsonProtocol(head: RequestHead): boolean {
  return (
    head.header("content-type")?.startsWith(CONTENT_TYPE) === true ||
    head.header("x-amz-target")?.startsWith(TARGET_PREFIX) === true
  );
}

/** The action's name in `X-Amz-Target`. */
export function readJsonAction(head: RequestHead): string {
  const target = head.header("x-amz-target");
  if (target?.startsWith(TARGET_PREFIX)) return target.slice(TARGET_PREFIX.length);
  throw new SqsError(
    "UnknownOperation",
    `The header X-Amz-Target must be ${TARGET_PREFIX}<Action>.`,
  );
}

/** The members in the body; an empty body has none. */
export function readJsonMembers(body: Uint8Array): Members {
  if (body.length === 0) return {};
  const text = decodeUtf8(body);
  if (text === undefined) throw new SqsError("MalformedInput", "The body is not UTF-8.");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SqsError("MalformedInput", "The body is not JSON.");
  }
  if (isMembers(value)) return value;
  throw new SqsError("MalformedInput", "The body must be one JSON object.");
}

/** The answer, with its handover when it carries leases. */
export function writeJsonAnswer(answer: SqsAnswer, requestId: string): PlainResponse {
  const { output, delivery } = answer;
  const response: PlainResponse = {
    status: 200,
    headers: { "Content-Type": CONTENT_TYPE, "x-amzn-RequestId": requestId },
    body: output === undefined ? "" : JSON.stringify(output),
  };
  if (delivery === undefined) return response;
  return {
    ...response,
    handover: {
      stillFresh: () => delivery.stillFresh(),
      stale: { ...response, body: "{}" },
      written: () => delivery.written(),
      undelivered: () => delivery.undelivered(),
    },
  };
}

/**
 * The error. Clients that name the Query protocol's error codes say so by a header and get the status of
 * that protocol; to others a fault of theirs is always 400.
 */
export function writeJsonError(
  error: SqsError,
  requestId: string,
  head: RequestHead,
): PlainResponse {
  const keepsStatus = error.status >= 500 || head.header("x-amzn-query-mode") === "true";
  const side = error.status >= 500 ? "Receiver" : "Sender";
  return {
    status: keepsStatus ? error.status : 400,
    headers: {
      "Content-Type": CONTENT_TYPE,
      "x-amzn-RequestId": requestId,
      "x-amzn-query-error": `${error.code};${side}`,
    },
    body: JSON.stringify({ __type: error.type, message: error.message }),
  };
}

/** SQS's AWS JSON 1.0 protocol: the action in a header, members as one JSON object, errors by shape name. */
import { decodeUtf8 } from "@kqueuey/base";
import type { PlainRequest, PlainResponse, RequestHead } from "../../exchange.ts";
import { SqsError } from "./errors.ts";
import { isMembers, type Members } from "./input.ts";
import { hasTooManyValues } from "./json-size.ts";
import type { AnswerTo, Protocol } from "./protocol.ts";

const CONTENT_TYPE = "application/x-amz-json-1.0";
const TARGET_PREFIX = "AmazonSQS.";

/** Whether the request speaks this protocol, on whatever path. A form never does, whatever its headers say. */
export function isJsonProtocol(head: RequestHead): boolean {
  const type = head.header("content-type") ?? "";
  if (type.startsWith(CONTENT_TYPE)) return true;
  if (type.startsWith("application/x-www-form-urlencoded")) return false;
  return head.header("x-amz-target")?.startsWith(TARGET_PREFIX) === true;
}

export const jsonProtocol: Protocol = {
  name: "json",
  read: (request) => ({
    action: readAction(request),
    members: () => readMembers(request.body),
  }),
  writeAnswer,
  writeError,
};

/** The action's name in `X-Amz-Target`. */
function readAction(request: PlainRequest): string {
  const target = request.header("x-amz-target");
  if (target?.startsWith(TARGET_PREFIX)) return target.slice(TARGET_PREFIX.length);
  throw new SqsError(
    "UnknownOperation",
    `The header X-Amz-Target must be ${TARGET_PREFIX}<Action>.`,
  );
}

/** The members in the body; an empty body has none. */
function readMembers(body: Uint8Array): Members {
  if (body.length === 0) return {};
  if (hasTooManyValues(body)) {
    throw new SqsError("MalformedInput", "The body has too many values.");
  }
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

function writeAnswer(to: AnswerTo, output: Members | undefined): PlainResponse {
  return {
    status: 200,
    headers: { "Content-Type": CONTENT_TYPE, "x-amzn-RequestId": to.requestId },
    body: output === undefined ? "" : JSON.stringify(output),
  };
}

/**
 * The error. Clients that name the Query protocol's error codes say so by a header and get the status of
 * that protocol; to others a fault of theirs is always 400.
 */
function writeError(error: SqsError, requestId: string, head: RequestHead): PlainResponse {
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

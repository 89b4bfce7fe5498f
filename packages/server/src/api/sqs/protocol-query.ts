/** SQS's older Query protocol (2012-11-05): parameters of a form or a query string in, XML out. */
import type { PlainRequest, PlainResponse, RequestHead } from "../../exchange.ts";
import { echo, SqsError } from "./errors.ts";
import type { Members } from "./input.ts";
import type { AnswerTo, Protocol, ProtocolRequest } from "./protocol.ts";
import { readMembers, writeMembers } from "./query-members.ts";
import { parameter, readParameters } from "./query-parameters.ts";
import { element, escapeText } from "./xml.ts";

const DECLARATION = '<?xml version="1.0"?>';
const JSON_TYPE = "application/json";
const NAMESPACE = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"';

/** Whether the request speaks this protocol: a form, an `Action` in the query string, or a queue's own path. */
export function isQueryProtocol(head: RequestHead): boolean {
  if (head.header("content-type")?.startsWith("application/x-www-form-urlencoded")) return true;
  if (/(^|&)Action=/.test(head.query)) return true;
  return (head.method === "GET" || head.method === "POST") && isQueuePath(head.path);
}

export const queryProtocol: Protocol = { name: "query", read, writeAnswer, writeError };

/** "/000000000000/name": where a client sends what is about one queue. */
function isQueuePath(path: string): boolean {
  return /\/\d{12}\/+[^/]+\/*$/.test(path);
}

function read(request: PlainRequest): ProtocolRequest {
  const root = readParameters(request);
  const action = parameter(root, "Action") ?? "";
  if (action === "") throw new SqsError("NoAction", "The request names no Action.");
  if (isQueuePath(request.path) && (action === "CreateQueue" || action === "ListQueues")) {
    throw new SqsError(
      "UnknownOperation",
      `The action ${echo(action)} is not valid for this endpoint.`,
    );
  }
  return { action, members: () => withQueueOfPath(readMembers(action, root), request.path) };
}

/** The queue that the path names stands in for a `QueueUrl` parameter. */
function withQueueOfPath(members: Members, path: string): Members {
  if (Object.hasOwn(members, "QueueUrl") || /^\/*$/.test(path)) return members;
  return { ...members, QueueUrl: path };
}

/** Whether the request asks for JSON in place of XML, which the service heeds for `GET` alone. */
function wantsJson(head: RequestHead): boolean {
  return head.method === "GET" && head.header("accept")?.includes(JSON_TYPE) === true;
}

/** In a form of its own: like the XML, with the members of the JSON protocol; only messages are in lower case. */
function writeJsonAnswer(to: AnswerTo, output: Members | undefined): PlainResponse {
  const { action, requestId } = to;
  const { Messages: messages, ...others } = output ?? {};
  const result = messages === undefined ? others : { ...others, messages };
  const response = {
    ...(output === undefined ? {} : { [`${action}Result`]: result }),
    ResponseMetadata: { RequestId: requestId },
  };
  return {
    status: 200,
    headers: headersOf(requestId, JSON_TYPE),
    body: JSON.stringify({ [`${action}Response`]: response }),
  };
}

function writeAnswer(to: AnswerTo, output: Members | undefined): PlainResponse {
  if (wantsJson(to.head)) return writeJsonAnswer(to, output);
  const { action, requestId } = to;
  const result =
    output === undefined ? "" : element(`${action}Result`, writeMembers(action, output));
  const metadata = element("ResponseMetadata", element("RequestId", requestId));
  return {
    status: 200,
    headers: headersOf(requestId),
    body: `${DECLARATION}<${action}Response ${NAMESPACE}>${result}${metadata}</${action}Response>`,
  };
}

function writeError(error: SqsError, requestId: string, head: RequestHead): PlainResponse {
  const { status } = error;
  if (error.kind === "NoAction") {
    return { status, headers: headersOf(requestId), body: "<UnknownOperationException/>\n" };
  }
  if (wantsJson(head)) {
    const side = status >= 500 ? "Receiver" : "Sender";
    const told = { Code: error.code, Message: error.queryMessage, Type: side };
    const body = JSON.stringify({ Error: told, RequestId: requestId });
    return { status, headers: headersOf(requestId, JSON_TYPE), body };
  }
  const inside =
    element("Type", status >= 500 ? "Receiver" : "Sender") +
    element("Code", error.code) +
    element("Message", escapeText(error.queryMessage)) +
    element("Detail", "");
  const request = element("RequestId", requestId);
  return {
    status,
    headers: headersOf(requestId),
    body: `${DECLARATION}<ErrorResponse ${NAMESPACE}>${element("Error", inside)}${request}</ErrorResponse>`,
  };
}

function headersOf(requestId: string, type = "text/xml"): Readonly<Record<string, string>> {
  return { "Content-Type": type, "x-amzn-RequestId": requestId };
}

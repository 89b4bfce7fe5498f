/** SQS's older Query protocol (form in, XML out): recognised, and refused with a text that says what to do. */
import type { PlainResponse, RequestHead } from "../../exchange.ts";
import { SQS_ERRORS } from "./errors.ts";

/** Whether the request speaks this protocol: a form, or an `Action` in the query string. */
export function isQueryProtocol(head: RequestHead): boolean {
  if (head.header("content-type")?.startsWith("application/x-www-form-urlencoded")) return true;
  return head.query.startsWith("Action=") || head.query.includes("&Action=");
}

/** UnsupportedOperation, in the XML that clients of this protocol read. */
export function refuseQueryProtocol(requestId: string): PlainResponse {
  const { status, code } = SQS_ERRORS.UnsupportedOperation;
  const message =
    "This version of KQueuey speaks the AWS JSON 1.0 protocol of SQS only. Use an AWS SDK released after November 2023.";
  return {
    status,
    headers: { "Content-Type": "text/xml", "x-amzn-RequestId": requestId },
    body: `<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message><Detail/></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
  };
}

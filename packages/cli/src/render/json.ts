/** JSON for programs: one document a command, or one object a line where there is no end. */
import type { Message } from "@kqueuey/client";
import type { KQueueyError } from "@kqueuey/contract";

/** A whole document, indented: programs don't mind, people do. */
export function renderJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** One object on one line. */
export function renderJsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** A received message. A body that is UTF-8 is `body`, another is `bodyBase64`. */
export function messageToJson(message: Message): Record<string, unknown> {
  const body = bodyText(message.body);
  return {
    messageId: message.id,
    receiptHandle: message.receiptHandle,
    ...(body === undefined
      ? { bodyBase64: Buffer.from(message.body).toString("base64") }
      : { body }),
    attributes: attributesToJson(message.attributes),
    sender: message.sender,
    sentAtMs: message.sentAtMs,
    firstReceivedAtMs: message.firstReceivedAtMs,
    receiveCount: message.receiveCount,
    fencingToken: message.fencingToken,
    leaseRemainingMs: Math.floor(message.remainingMs()),
    ...(message.traceHeader === undefined ? {} : { traceHeader: message.traceHeader }),
    ...(message.groupId === undefined ? {} : { groupId: message.groupId }),
    ...(message.sequenceNumber === undefined ? {} : { sequenceNumber: message.sequenceNumber }),
    ...(message.deduplicationId === undefined ? {} : { deduplicationId: message.deduplicationId }),
    ...(message.deadLetterSource === undefined
      ? {}
      : { deadLetterSource: message.deadLetterSource }),
  };
}

function attributesToJson(
  attributes: Readonly<Record<string, string | Uint8Array>>,
): Record<string, unknown> {
  const values = Object.entries(attributes).map(([name, value]) => [
    name,
    typeof value === "string" ? value : { base64: Buffer.from(value).toString("base64") },
  ]);
  return Object.fromEntries(values);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The body as text, or undefined when it is not UTF-8. */
export function bodyText(body: Uint8Array): string | undefined {
  try {
    return decoder.decode(body);
  } catch {
    return undefined;
  }
}

/** An error, for `--json`. */
export function errorToJson(error: KQueueyError): Record<string, unknown> {
  const { code, message, retryable, details } = error;
  return { error: { code, message, retryable, details } };
}

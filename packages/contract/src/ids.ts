/** Names and ids that callers pass around, each with a parser that says exactly what is wrong. */
import type { Brand } from "./brand.ts";

/** 1 to 80 letters, digits, hyphens and underscores; a FIFO queue's ends with `.fifo`, which counts. */
export type QueueName = Brand<string, "QueueName">;
/** A UUID in lower-case hex with hyphens. Stays the same over deliveries and moves. */
export type MessageId = Brand<string, "MessageId">;
/** Names one delivery of a message. Opaque: pass it back exactly as received. */
export type ReceiptHandle = Brand<string, "ReceiptHandle">;

/** A parsed value, or the exact reason why there is none. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** Longest queue name, in characters. */
export const QUEUE_NAME_LENGTH_MAX = 80;
/** Longest receipt handle, in characters. */
export const RECEIPT_HANDLE_LENGTH_MAX = 1_024;

/** At the end of a FIFO queue's name, and of no other. */
const FIFO_SUFFIX = ".fifo";
const NAME_CHARACTER = /^[A-Za-z0-9_-]$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether it is the name of a FIFO queue: they alone end like this. */
export function isFifoQueueName(name: string): boolean {
  return name.endsWith(FIFO_SUFFIX);
}

/** A queue's name from text, or why it is none. */
export function parseQueueName(text: string): Parsed<QueueName> {
  if (text.length === 0) return refuse("a queue name must not be empty");
  let characters = 0;
  const suffixAt = isFifoQueueName(text) ? text.length - FIFO_SUFFIX.length : text.length;
  if (suffixAt === 0) return refuse("a queue name has something before .fifo");
  for (const character of text) {
    characters += 1;
    if (characters > suffixAt) continue;
    if (!NAME_CHARACTER.test(character)) {
      const shown = JSON.stringify(character);
      return refuse(
        `character ${characters} of the queue name is ${shown}; ` +
          "letters, digits, hyphens and underscores are allowed",
      );
    }
  }
  if (characters > QUEUE_NAME_LENGTH_MAX) {
    return refuse(
      `the queue name has ${characters} characters; at most ${QUEUE_NAME_LENGTH_MAX} are allowed`,
    );
  }
  return { ok: true, value: text as QueueName };
}

/** A message id from text, or why it is none. */
export function parseMessageId(text: string): Parsed<MessageId> {
  if (!UUID.test(text)) {
    return refuse("a message id is a UUID in lower-case hex: 8-4-4-4-12 digits");
  }
  return { ok: true, value: text as MessageId };
}

/** A receipt handle from text, or why it can be none. Whether the cluster made it, only the cluster knows. */
export function parseReceiptHandle(text: string): Parsed<ReceiptHandle> {
  if (text.length === 0) return refuse("a receipt handle must not be empty");
  if (text.length > RECEIPT_HANDLE_LENGTH_MAX) {
    return refuse(
      `the receipt handle has ${text.length} characters; at most ${RECEIPT_HANDLE_LENGTH_MAX} are possible`,
    );
  }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) {
      return refuse(`character ${i + 1} of the receipt handle is not printable ASCII`);
    }
  }
  return { ok: true, value: text as ReceiptHandle };
}

function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}

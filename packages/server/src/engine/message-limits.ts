/** What a queue's attributes do not let a message be. */
import { KQueueyError } from "@kqueuey/contract";
import type { QueueAttributes } from "@kqueuey/queue";
import type { NewMessage } from "../broker.ts";

/** The longest delay of the hosted service. */
const SHORT_DELAY_MS = 900_000;

/** Why the message is too large for the queue; undefined when it is not. */
export function tooLarge(
  message: NewMessage,
  attributes: QueueAttributes,
): KQueueyError | undefined {
  let bytes = message.body.length;
  for (const { name, type, value } of message.attributes) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(type) + value.length;
  }
  if (bytes <= attributes.maximumMessageBytes) return undefined;
  return new KQueueyError(
    "MESSAGE_TOO_LARGE",
    `the message has ${bytes} bytes with its attributes; this queue takes at most ${attributes.maximumMessageBytes}`,
    { details: { bytes, maximum: attributes.maximumMessageBytes } },
  );
}

/** A delay of minutes may outlast a retention of minutes, as in the service; one of days would be an unnoticed loss. */
export function tooLate(
  message: NewMessage,
  attributes: QueueAttributes,
): KQueueyError | undefined {
  const { delayMs = 0 } = message;
  if (delayMs <= SHORT_DELAY_MS || delayMs < attributes.retentionMs) return undefined;
  return new KQueueyError(
    "INVALID_ARGUMENT",
    `the message would be delayed for ${delayMs} ms, and this queue keeps it for ${attributes.retentionMs}`,
  );
}

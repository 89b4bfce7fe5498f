/** Messages with groups: their groups and deduplication ids as the state machine knows them. */
import { createHash } from "node:crypto";
import { KQueueyError } from "@kqueuey/contract";
import { type FifoMessage, type GroupedMessage, KEY_BYTES, type SendMessage } from "@kqueuey/queue";
import { type NewMessage, NO_DEDUPLICATION_ID, type QueueAttributes } from "../broker.ts";

/** Throws INVALID_ARGUMENT, and nothing is sent, unless each message says all that a FIFO queue needs. */
export function checkFifoMessages(
  messages: readonly NewMessage[],
  fifo: NonNullable<QueueAttributes["fifo"]>,
): void {
  for (const { groupId, deduplicationId, delayMs } of messages) {
    if (groupId === undefined) {
      throw invalid("The request must contain the parameter MessageGroupId.");
    }
    if (deduplicationId === undefined && !fifo.contentBasedDeduplication) {
      throw invalid(NO_DEDUPLICATION_ID);
    }
    if (delayMs !== undefined && delayMs > 0) {
      throw invalid("a message of a FIFO queue has no delay of its own: set the queue's");
    }
  }
}

function invalid(text: string): KQueueyError {
  return new KQueueyError("INVALID_ARGUMENT", text);
}

/** The message with its keys; one without a deduplication id gets the SHA-256 of its body, in hex digits. */
export function fifoMessage(message: SendMessage): FifoMessage {
  const deduplicationId =
    message.deduplicationId ?? createHash("sha256").update(message.body).digest("hex");
  return {
    ...message,
    deduplicationId,
    groupKey: keyOf(message.groupId ?? ""),
    deduplicationKey: keyOf(deduplicationId),
  };
}

/** The message with the key of its group, if it has one: for a standard queue. */
export function groupedMessage(message: SendMessage): GroupedMessage {
  const { groupId } = message;
  return groupId === undefined ? message : { ...message, groupKey: keyOf(groupId) };
}

/** 16 bytes that stand for a text. */
export function keyOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest().subarray(0, KEY_BYTES);
}

/** A message's place in its FIFO queue in 20 digits, the first of which is not 0. */
export function sequenceNumberOf(sequence: number): string {
  return `1${String(sequence).padStart(19, "0")}`;
}

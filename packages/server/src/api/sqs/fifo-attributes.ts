/** The attributes that only FIFO queues have, and their rules when such a queue is made. */
import type { QueueDescription } from "../../broker.ts";
import { invalidAttributeValue, invalidParameter, SqsError, unknownAttribute } from "./errors.ts";

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  FifoQueue: ["true"],
  ContentBasedDeduplication: ["true", "false"],
  DeduplicationScope: ["queue", "messageGroup"],
  FifoThroughputLimit: ["perQueue", "perMessageGroupId"],
};

export const FIFO_ATTRIBUTES: readonly string[] = Object.keys(CHOICES);

/** The error for an attribute that only FIFO queues have, on a standard queue; undefined for any other name. */
export function fifoOnly(name: string): SqsError | undefined {
  if (!Object.hasOwn(CHOICES, name)) return undefined;
  if (name === "FifoQueue" || name === "ContentBasedDeduplication") return unknownAttribute(name);
  return new SqsError(
    "InvalidAttributeName",
    `You can specify the ${name} only when FifoQueue is set to true.`,
  );
}

/** Whether a queue with these attributes is a FIFO queue. */
export function isFifo(texts: ReadonlyMap<string, string>): boolean {
  return texts.get("FifoQueue")?.toLowerCase() === "true";
}

/** What a FIFO queue shows of its FIFO attributes. */
export function fifoTexts(queue: QueueDescription): Readonly<Record<string, string>> {
  const { fifo } = queue.attributes;
  if (fifo === undefined) return {};
  return {
    FifoQueue: "true",
    ContentBasedDeduplication: String(fifo.contentBasedDeduplication),
    // What was set later is shown, and changes nothing: the scope is fixed with the queue.
    DeduplicationScope: queue.extra["DeduplicationScope"] ?? fifo.deduplicationScope,
    FifoThroughputLimit: queue.extra["FifoThroughputLimit"] ?? "perQueue",
  };
}

/**
 * Reads one FIFO attribute of a FIFO queue, as it is shown. `FifoQueue` is there to be set to what it is, and to
 * nothing else.
 */
export function readFifoAttribute(name: string, text: string): string {
  const choices = CHOICES[name] ?? [];
  const value = choices.includes("true") ? text.toLowerCase() : text;
  if (choices.includes(value)) return value;
  if (name === "FifoQueue") {
    throw new SqsError(
      "InvalidAttributeValue",
      "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    );
  }
  throw invalidAttributeValue(name);
}

/** Throws InvalidAttributeValue for a limit per group without the scope that it needs. */
export function checkThroughputLimit(texts: Readonly<Record<string, string | undefined>>): void {
  const scope = texts["DeduplicationScope"] ?? "queue";
  if (texts["FifoThroughputLimit"] === "perMessageGroupId" && scope !== "messageGroup") {
    throw new SqsError(
      "InvalidAttributeValue",
      "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId needs the DeduplicationScope messageGroup.",
    );
  }
}

/** Why a standard queue refuses a parameter of FIFO queues. */
export const NOT_FOR_THIS_TYPE =
  "The request includes a parameter that is not valid for this queue type.";

/** Throws InvalidParameterValue unless `text` can be the id of a group, of a deduplication or of an attempt. */
export function checkFifoId(name: string, text: string): void {
  if (/^[!-~]{1,128}$/.test(text)) return;
  const reason = `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`;
  throw invalidParameter(name, text, reason);
}

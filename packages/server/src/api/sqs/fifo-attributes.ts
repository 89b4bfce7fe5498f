/** The attributes that only FIFO queues have, and their rules when such a queue is made. */
import { invalidAttributeValue, SqsError, unknownAttribute } from "./errors.ts";

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

/** Checks the FIFO attributes among those of a new FIFO queue and gives the others. */
export function checkFifoAttributes(
  texts: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const others = new Map(texts);
  for (const [name, choices] of Object.entries(CHOICES)) {
    const text = texts.get(name);
    if (text === undefined) continue;
    others.delete(name);
    const isBoolean = choices.includes("true");
    if (!choices.includes(isBoolean ? text.toLowerCase() : text)) throw invalidAttributeValue(name);
  }
  const scope = texts.get("DeduplicationScope") ?? "queue";
  if (texts.get("FifoThroughputLimit") === "perMessageGroupId" && scope !== "messageGroup") {
    throw new SqsError(
      "InvalidAttributeValue",
      "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId needs the DeduplicationScope messageGroup.",
    );
  }
  return others;
}

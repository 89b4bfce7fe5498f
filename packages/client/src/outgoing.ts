/** Messages on their way out: what users write, in the shape that the codec takes. */
import { type HotAttribute, KQueueyError, RELAXED_LIMITS } from "@kqueuey/contract";
import type { AttributeValue, NewMessage } from "./types.ts";

/** A message as the codec takes it, and its size as the limits count it. */
export interface OutgoingMessage {
  readonly body: Uint8Array | string;
  readonly delayMs: number | undefined;
  readonly attributes: readonly HotAttribute[] | undefined;
  readonly traceHeader: string | undefined;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  readonly bytes: number;
}

const MESSAGE_BYTES_MAX = RELAXED_LIMITS.maximumMessageBytes.max;

/** Throws INVALID_MESSAGE, INVALID_ARGUMENT or MESSAGE_TOO_LARGE for what no node would take. */
export function outgoing(input: NewMessage): OutgoingMessage {
  if (typeof input === "string" || input instanceof Uint8Array) {
    return {
      body: input,
      delayMs: undefined,
      attributes: undefined,
      traceHeader: undefined,
      bytes: checkSize(bodyBytes(input)),
    };
  }
  const { body, delayMs, traceHeader } = input;
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    throw new KQueueyError("INVALID_MESSAGE", "a message's body is a string or a Uint8Array");
  }
  const { min, max } = RELAXED_LIMITS.delayMs;
  if (
    delayMs !== undefined &&
    !(Number.isSafeInteger(delayMs) && delayMs >= min && delayMs <= max)
  ) {
    throw new KQueueyError(
      "INVALID_ARGUMENT",
      `delayMs is ${delayMs}; it must be a whole number from ${min} to ${max}`,
    );
  }
  const attributes = input.attributes === undefined ? undefined : attributesOf(input.attributes);
  let bytes = bodyBytes(body);
  for (const { name, type, value } of attributes ?? []) {
    bytes += Buffer.byteLength(name) + type.length + value.length;
  }
  const message = { body, delayMs, attributes, traceHeader, bytes: checkSize(bytes) };
  const { groupId, deduplicationId } = input;
  if (groupId === undefined && deduplicationId === undefined) return message;
  return { ...message, groupId, deduplicationId };
}

function bodyBytes(body: Uint8Array | string): number {
  const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (bytes === 0) throw new KQueueyError("INVALID_MESSAGE", "a message's body must not be empty");
  return bytes;
}

function checkSize(bytes: number): number {
  if (bytes <= MESSAGE_BYTES_MAX) return bytes;
  throw new KQueueyError(
    "MESSAGE_TOO_LARGE",
    `the message has ${bytes} bytes with its attributes; at most ${MESSAGE_BYTES_MAX} are possible`,
  );
}

function attributesOf(record: Readonly<Record<string, AttributeValue>>): HotAttribute[] {
  return Object.entries(record).map(([name, value]) => {
    if (typeof value === "string") return { name, type: "String", value: Buffer.from(value) };
    if (value instanceof Uint8Array) return { name, type: "Binary", value };
    const raw = value.value;
    return {
      name,
      type: value.type,
      value: typeof raw === "string" ? Buffer.from(raw) : raw,
    };
  });
}

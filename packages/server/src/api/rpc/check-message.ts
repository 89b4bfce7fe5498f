/** What can be wrong with one message of a send. The queue's own maximum size is the broker's to check. */
import type { Limits } from "@kqueuey/contract";
import { describeOutOfRange, KQueueyError } from "@kqueuey/contract";
import type { MessageAttribute, NewMessage } from "../../broker.ts";

const ATTRIBUTE_NAME = /^[A-Za-z0-9_.-]{1,256}$/;
const ATTRIBUTE_TYPE = /^(String|Number|Binary)(\.[^\0]{1,256})?$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;
const NUMBER_BYTES_MAX = 64;
const TRACE_HEADER_LENGTH_MAX = 1_024;

/** Why the message is not allowed, or undefined. */
export function describeWrongMessage(
  message: NewMessage,
  limits: Limits,
): KQueueyError | undefined {
  const { body, delayMs, attributes, traceHeader } = message;
  if (body.length === 0) return invalid("the body is empty; it must have at least one byte");
  if (delayMs !== undefined) {
    const problem = describeOutOfRange("delay_ms", delayMs, limits.delayMs);
    if (problem !== undefined) return new KQueueyError("INVALID_ARGUMENT", problem);
  }
  if (traceHeader !== undefined && traceHeader.length > TRACE_HEADER_LENGTH_MAX) {
    return invalid(
      `the trace header has ${traceHeader.length} characters; at most ${TRACE_HEADER_LENGTH_MAX} are allowed`,
    );
  }
  const wrongId =
    describeWrongId("group_id", message.groupId) ??
    describeWrongId("deduplication_id", message.deduplicationId);
  if (wrongId !== undefined) return wrongId;
  return attributes.length === 0 ? undefined : describeWrongAttributes(attributes, limits);
}

/** Why a text can't be the id of a group, of a deduplication or of an attempt; undefined for one that can, or none. */
export function describeWrongId(name: string, id: string | undefined): KQueueyError | undefined {
  if (id === undefined || /^[!-~]{1,128}$/.test(id)) return undefined;
  return new KQueueyError("INVALID_ARGUMENT", `${name} must have 1 to 128 characters from ! to ~`);
}

function describeWrongAttributes(
  attributes: readonly MessageAttribute[],
  limits: Limits,
): KQueueyError | undefined {
  const { max } = limits.attributesPerMessage;
  if (attributes.length > max) {
    return invalid(`the message has ${attributes.length} attributes; at most ${max} are allowed`);
  }
  const names = new Set<string>();
  for (const attribute of attributes) {
    const { name } = attribute;
    if (!ATTRIBUTE_NAME.test(name)) {
      const shown = JSON.stringify(name.slice(0, 80));
      return invalid(
        `attribute name ${shown} must have 1 to 256 letters, digits, dots, hyphens and underscores`,
      );
    }
    if (names.has(name)) return invalid(`attribute ${name} stands twice`);
    names.add(name);
    const problem = describeWrongValue(attribute);
    if (problem !== undefined) return invalid(`attribute ${name} ${problem}`);
  }
  return undefined;
}

function describeWrongValue(attribute: MessageAttribute): string | undefined {
  const { type, value } = attribute;
  const match = ATTRIBUTE_TYPE.exec(type);
  if (match === null) {
    return "has an unknown type; it must be String, Number or Binary, with an optional .label";
  }
  if (value.length === 0) return "has no value";
  if (match[1] === "Number" && !isNumber(value)) {
    return "has the type Number and a value that is none";
  }
  return undefined;
}

function isNumber(value: Uint8Array): boolean {
  if (value.length > NUMBER_BYTES_MAX) return false;
  return NUMBER.test(String.fromCharCode(...value));
}

function invalid(message: string): KQueueyError {
  return new KQueueyError("INVALID_MESSAGE", message);
}

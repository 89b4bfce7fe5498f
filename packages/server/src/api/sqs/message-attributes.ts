/** Message attributes: from a request's members, with every rule of SQS, and back into an answer's. */
import { decodeUtf8, encodeUtf8 } from "@kqueuey/base";
import type { MessageAttribute } from "../../broker.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { ALLOWED_CHARACTERS, hasAllowedCharacters } from "./characters.ts";
import { echo, SqsError } from "./errors.ts";
import { hasItems, type Members, optionalText, structureMap } from "./input.ts";
import { isBinary } from "./message-digest.ts";

const ATTRIBUTES_MAX = 10;
const NAME_CHARACTERS_MAX = 256;
const TYPE_CHARACTERS_MAX = 256;
/** A trace header is some hundred bytes; it does not count towards the message's size, so it needs a bound. */
const TRACE_HEADER_BYTES_MAX = 1_024;

function invalid(message: string): SqsError {
  return new SqsError("InvalidParameterValue", message);
}

/** The attributes in `MessageAttributes`, checked, in the order of the request. */
export function readMessageAttributes(input: Members): readonly MessageAttribute[] {
  const entries = structureMap(input, "MessageAttributes");
  if (entries.length === 0) return NO_ATTRIBUTES;
  if (entries.length > ATTRIBUTES_MAX) {
    throw invalid(
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [${ATTRIBUTES_MAX}].`,
    );
  }
  return entries.map(([name, value]) => {
    checkName(name);
    return readAttribute(name, value);
  });
}

const NO_ATTRIBUTES: readonly MessageAttribute[] = [];

/** `AWSTraceHeader` of `MessageSystemAttributes`, the only one that a sender may set. */
export function readTraceAttribute(input: Members): MessageAttribute | undefined {
  let trace: MessageAttribute | undefined;
  for (const [name, value] of structureMap(input, "MessageSystemAttributes")) {
    if (name !== "AWSTraceHeader") {
      throw invalid(`Message system attribute name '${echo(name)}' is invalid.`);
    }
    trace = readAttribute(name, value);
    if (trace.type !== "String" || !isTraceHeader(trace.value)) {
      throw invalid(
        `Message system attribute 'AWSTraceHeader' must be a String of at most ${TRACE_HEADER_BYTES_MAX} bytes.`,
      );
    }
  }
  return trace;
}

/** Whether `value` is short enough for a trace header. */
export function isTraceHeader(value: Uint8Array): boolean {
  return value.length > 0 && value.length <= TRACE_HEADER_BYTES_MAX;
}

function checkName(name: string): void {
  if (name.length === 0 || name.length > NAME_CHARACTERS_MAX) {
    throw invalid(
      `The message attribute name '${echo(name)}' must have 1 to ${NAME_CHARACTERS_MAX} characters.`,
    );
  }
  // The service takes Latin letters beyond ASCII too, though its guide does not say so.
  if (!/^[A-Za-z0-9_.\-À-ÖØ-öø-ɏ]+$/.test(name)) {
    throw invalid(
      `The message attribute name '${name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.`,
    );
  }
  if (/^(aws|amazon)\./i.test(name)) {
    throw invalid(
      `The message attribute name '${name}' is invalid. Names that begin with 'AWS.' or 'Amazon.' are reserved.`,
    );
  }
  if (name.startsWith(".") || name.endsWith(".") || name.includes("..")) {
    throw invalid(
      `The message attribute name '${name}' is invalid. It must not start or end with a period, or have periods in succession.`,
    );
  }
}

function readAttribute(name: string, input: Members): MessageAttribute {
  if (hasItems(input, "StringListValues") || hasItems(input, "BinaryListValues")) {
    throw new SqsError("UnsupportedOperation", "Message attribute list values are not supported.");
  }
  const type = optionalText(input, "DataType") ?? "";
  if (type === "") {
    throw invalid(`The message attribute '${name}' must contain non-empty message attribute type.`);
  }
  if (type.length > TYPE_CHARACTERS_MAX || !/^(String|Number|Binary)(\.|$)/.test(type)) {
    throw invalid(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  const value = isBinary(type) ? readBinary(name, type, input) : readText(name, type, input);
  return { name, type, value };
}

/** The type without its label. */
function kindOf(type: string): string {
  const dot = type.indexOf(".");
  return dot < 0 ? type : type.slice(0, dot);
}

function emptyValue(name: string, type: string): SqsError {
  return invalid(
    `Message (user) attribute '${name}' must contain a non-empty value of type '${kindOf(type)}'.`,
  );
}

function readBinary(name: string, type: string, input: Members): Uint8Array {
  const text = optionalText(input, "BinaryValue") ?? "";
  if (text === "") throw emptyValue(name, type);
  const bytes = decodeBase64(text);
  if (bytes === undefined) {
    throw new SqsError("MalformedInput", `The BinaryValue of '${name}' is not base64.`);
  }
  return bytes;
}

function readText(name: string, type: string, input: Members): Uint8Array {
  const text = optionalText(input, "StringValue") ?? "";
  if (text === "") throw emptyValue(name, type);
  if (!hasAllowedCharacters(text)) {
    throw invalid(
      `Invalid characters found in message (user) attribute '${name}'. Valid unicode characters are ${ALLOWED_CHARACTERS}.`,
    );
  }
  if (kindOf(type) === "Number" && !isNumber(text)) {
    throw invalid(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
  return encodeUtf8(text);
}

/** Up to 38 significant digits, 0 or between 1e-128 and 1e126 either way. */
function isNumber(text: string): boolean {
  const match = /^[+-]?(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,6}))?$/.exec(text);
  if (match === null) return false;
  const [, whole = "", fraction = "", exponent = "0"] = match;
  const digits = whole + fraction;
  if (digits === "") return false;
  const significant = digits.replace(/^0+/, "");
  if (significant === "") return true;
  if (significant.replace(/0+$/, "").length > 38) return false;
  // The power of ten of the first significant digit.
  const magnitude = Number(exponent) + whole.length - (digits.length - significant.length) - 1;
  const isOneAtTop = /^10*$/.test(significant);
  return magnitude >= -128 && (magnitude < 126 || (magnitude === 126 && isOneAtTop));
}

/** Bytes that attributes count towards a message's size: name, type and value of each. */
export function attributesBytes(attributes: readonly MessageAttribute[]): number {
  let bytes = 0;
  for (const { name, type, value } of attributes) {
    bytes += encodeUtf8(name).length + encodeUtf8(type).length + value.length;
  }
  return bytes;
}

/** `MessageAttributes` of a received message. */
export function writeMessageAttributes(attributes: readonly MessageAttribute[]): Members {
  return Object.fromEntries(
    attributes.map(({ name, type, value }) => [
      name,
      isBinary(type)
        ? { BinaryValue: encodeBase64(value), DataType: type }
        : { StringValue: decodeUtf8(value) ?? "", DataType: type },
    ]),
  );
}

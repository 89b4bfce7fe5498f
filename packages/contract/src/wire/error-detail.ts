/**
 * ErrorDetail, by hand: errors travel in the hot messages' results and as the stream's error frames.
 * Two facts have fields of their own on the wire and are plain details in the program: `retryAfterMs` (a
 * number) and `leaderUrl` (a text).
 */
import { type ErrorDetails, isErrorCode, KQueueyError } from "../errors.ts";
import { WireReader } from "./reader.ts";
import type { WireWriter } from "./writer.ts";

/** Writes the fields of an ErrorDetail. */
export function encodeErrorDetail(writer: WireWriter, error: KQueueyError): void {
  writer.textFieldUnlessEmpty(1, error.code);
  writer.textFieldUnlessEmpty(2, error.message);
  for (const [name, value] of Object.entries(error.details)) {
    if (isLifted(name, value)) continue;
    const mark = writer.begin(3, name.length + 16);
    writer.textField(1, name);
    writer.textField(2, String(value));
    writer.end(mark);
  }
  writer.boolFieldUnlessFalse(4, error.retryable);
  const { retryAfterMs, leaderUrl } = error.details;
  if (typeof retryAfterMs === "number") writer.uintField(5, toUint32(retryAfterMs));
  if (typeof leaderUrl === "string") writer.textField(6, leaderUrl);
}

/** What an ErrorDetail says, before it becomes an error: repeated fields of one message merge into it. */
export interface ErrorDetailDraft {
  code: string;
  message: string;
  retryable: boolean;
  details: Record<string, string | number | boolean>;
}

export function newErrorDetailDraft(): ErrorDetailDraft {
  return { code: "", message: "", retryable: false, details: {} };
}

/** Reads the fields of an ErrorDetail up to the reader's end into `draft`. Throws MALFORMED_REQUEST. */
export function decodeErrorDetail(reader: WireReader, draft: ErrorDetailDraft): void {
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        draft.code = reader.text();
        break;
      case 2:
        draft.message = reader.text();
        break;
      case 3:
        decodeDetail(reader, draft.details);
        break;
      case 4:
        draft.retryable = reader.bool();
        break;
      case 5:
        setDetail(draft.details, "retryAfterMs", reader.uint32());
        break;
      case 6:
        setDetail(draft.details, "leaderUrl", reader.text());
        break;
      default:
        reader.skip();
    }
  }
}

/**
 * The error that a draft describes. A code that this version does not know becomes UNAVAILABLE when the
 * peer calls it retryable, else INTERNAL, with the code in `details.code`.
 */
export function errorFromDraft(draft: ErrorDetailDraft): KQueueyError {
  const details: ErrorDetails = draft.details;
  if (isErrorCode(draft.code)) return new KQueueyError(draft.code, draft.message, { details });
  const code = draft.retryable ? "UNAVAILABLE" : "INTERNAL";
  return new KQueueyError(code, draft.message, { details: { ...details, code: draft.code } });
}

/** The error of an error frame whose payload begins at `start`. Throws MALFORMED_REQUEST. */
export function decodeErrorPayload(bytes: Uint8Array, start = 0): KQueueyError {
  const draft = newErrorDetailDraft();
  decodeErrorDetail(new WireReader(bytes, start), draft);
  return errorFromDraft(draft);
}

function decodeDetail(
  reader: WireReader,
  details: Record<string, string | number | boolean>,
): void {
  const outer = reader.enter();
  let name = "";
  let value = "";
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  reader.leave(outer);
  setDetail(details, name, value);
}

/** An own property even for "__proto__", whose assignment would set the prototype. */
function setDetail(
  details: Record<string, string | number | boolean>,
  name: string,
  value: string | number,
): void {
  Object.defineProperty(details, name, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

function isLifted(name: string, value: string | number | boolean): boolean {
  if (name === "retryAfterMs") return typeof value === "number";
  return name === "leaderUrl" && typeof value === "string";
}

function toUint32(value: number): number {
  if (!(value > 0)) return 0;
  return Math.min(Math.ceil(value), 0xffff_ffff);
}

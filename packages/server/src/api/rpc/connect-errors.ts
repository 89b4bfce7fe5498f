/** Errors on the Connect carrier: every one that leaves carries an ErrorDetail. */

import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorCode, ErrorSpec } from "@kqueuey/contract";
import { ERRORS, ErrorDetailSchema, errorToDetail, KQueueyError } from "@kqueuey/contract";

const CODES: Readonly<Record<ErrorSpec["rpc"], Code>> = {
  invalid_argument: Code.InvalidArgument,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  failed_precondition: Code.FailedPrecondition,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  deadline_exceeded: Code.DeadlineExceeded,
  permission_denied: Code.PermissionDenied,
  unauthenticated: Code.Unauthenticated,
  unimplemented: Code.Unimplemented,
  canceled: Code.Canceled,
  internal: Code.Internal,
};

/** What the caller is told of `error`, thrown while a call with `signal` was under way. */
export function toConnectError(error: unknown, signal: AbortSignal): ConnectError {
  const known = withDeadline(KQueueyError.from(error), signal);
  // The message of an unforeseen fault may hold anything; its place is the log.
  const told =
    known.code === "INTERNAL" && known !== error
      ? new KQueueyError("INTERNAL", "an internal fault; the node's log has it")
      : known;
  const detail = { desc: ErrorDetailSchema, value: errorToDetail(told) };
  return new ConnectError(told.message, CODES[ERRORS[told.code].rpc], undefined, [detail], error);
}

/** A call that ended because its own time ran out was not cancelled by its caller. */
function withDeadline(error: KQueueyError, signal: AbortSignal): KQueueyError {
  if (error.code !== "CANCELLED" || !signal.aborted) return error;
  const reason: unknown = signal.reason;
  const timedOut = reason instanceof ConnectError && reason.code === Code.DeadlineExceeded;
  if (!timedOut) return error;
  return new KQueueyError("DEADLINE_EXCEEDED", "the call's own time ran out before its answer");
}

/** Which of our errors stands behind an error that the Connect library made itself. */
const OWN_CODES: Readonly<Record<string, ErrorCode>> = {
  invalid_argument: "MALFORMED_REQUEST",
  resource_exhausted: "REQUEST_TOO_LARGE",
  deadline_exceeded: "DEADLINE_EXCEEDED",
  canceled: "CANCELLED",
  unimplemented: "UNSUPPORTED",
};

/** A Connect error as the JSON of an answer, from the plain facts. */
export function connectErrorJson(error: KQueueyError): Uint8Array {
  return errorBytes(ERRORS[error.code].rpc, error);
}

/**
 * An answer of the library's own making (broken JSON, bytes that are no protobuf, too long a body),
 * completed with a detail. Undefined when `body` has one already, or is no such error.
 */
export function completeError(
  status: number,
  body: Uint8Array,
): { readonly status: number; readonly body: Uint8Array } | undefined {
  const parsed: unknown = parseJson(new TextDecoder().decode(body));
  if (typeof parsed !== "object" || parsed === null || !("code" in parsed)) return undefined;
  if ("details" in parsed) return undefined;
  const rpc = String(parsed.code);
  const message = "message" in parsed ? String(parsed.message) : "";
  // The library calls a request that is no protobuf its own fault; it is the caller's.
  if (rpc === "internal" && message.startsWith("parse binary: ")) {
    const error = new KQueueyError("MALFORMED_REQUEST", `the body is no protobuf: ${message}`);
    return { status: ERRORS[error.code].http, body: connectErrorJson(error) };
  }
  return { status, body: errorBytes(rpc, new KQueueyError(OWN_CODES[rpc] ?? "INTERNAL", message)) };
}

function errorBytes(rpc: string, error: KQueueyError): Uint8Array {
  const detail = create(ErrorDetailSchema, errorToDetail(error));
  const value = toBase64(toBinary(ErrorDetailSchema, detail));
  const debug = toJson(ErrorDetailSchema, detail);
  const details = [{ type: ErrorDetailSchema.typeName, value, debug }];
  const { message } = error;
  return new TextEncoder().encode(JSON.stringify({ code: rpc, message, details }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Standard base64 without padding, as the Connect protocol has it. */
function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
}

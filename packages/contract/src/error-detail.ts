/** Errors of the program and ErrorDetail messages of the schema, for the Connect carrier. */
import { create } from "@bufbuild/protobuf";
import { isErrorCode, KQueueyError } from "./errors.ts";
import { type ErrorDetail, ErrorDetailSchema } from "./gen/kqueuey/v1/error_pb.ts";

/**
 * The message that describes `error`. `details.retryAfterMs` (a number) and `details.leaderUrl` (a text) have
 * fields of their own in it.
 */
export function errorToDetail(error: KQueueyError): ErrorDetail {
  const detail = create(ErrorDetailSchema, {
    code: error.code,
    message: error.message,
    retryable: error.retryable,
  });
  for (const [name, value] of Object.entries(error.details)) {
    if (name === "retryAfterMs" && typeof value === "number") {
      detail.retryAfterMs = Math.min(Math.max(0, Math.ceil(value)), 0xffff_ffff);
    } else if (name === "leaderUrl" && typeof value === "string") {
      detail.leaderUrl = value;
    } else {
      detail.details[name] = String(value);
    }
  }
  return detail;
}

/** The error that `detail` describes; a code that this version does not know becomes UNAVAILABLE or INTERNAL. */
export function errorFromDetail(detail: ErrorDetail): KQueueyError {
  const details: Record<string, string | number> = { ...detail.details };
  if (detail.retryAfterMs !== undefined) details["retryAfterMs"] = detail.retryAfterMs;
  if (detail.leaderUrl !== undefined) details["leaderUrl"] = detail.leaderUrl;
  if (isErrorCode(detail.code)) return new KQueueyError(detail.code, detail.message, { details });
  details["code"] = detail.code;
  const code = detail.retryable ? "UNAVAILABLE" : "INTERNAL";
  return new KQueueyError(code, detail.message, { details });
}

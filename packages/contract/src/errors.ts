/**
 * The error table: the one place where an error's code, HTTP status, SQS names, whether to retry and
 * its explanation stand. HTTP, SQS, the native API, the client and the docs derive theirs from here.
 */

/** What the table says of one error. */
export interface ErrorSpec {
  /** HTTP status of the native API. */
  readonly http: number;
  /** Connect and gRPC code name. */
  readonly rpc:
    | "invalid_argument"
    | "not_found"
    | "already_exists"
    | "failed_precondition"
    | "resource_exhausted"
    | "unavailable"
    | "deadline_exceeded"
    | "permission_denied"
    | "unauthenticated"
    | "unimplemented"
    | "canceled"
    | "internal";
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean;
  /** For people: what it means and what to do. */
  readonly doc: string;
}

/** The name of an error: stable, compared by programs. */
export type ErrorCode =
  | "QUEUE_NOT_FOUND"
  | "QUEUE_EXISTS"
  | "QUEUE_DELETED_RECENTLY"
  | "INVALID_ARGUMENT"
  | "INVALID_QUEUE_NAME"
  | "INVALID_ATTRIBUTE"
  | "INVALID_MESSAGE"
  | "MESSAGE_TOO_LARGE"
  | "BATCH_EMPTY"
  | "BATCH_TOO_LARGE"
  | "RECEIPT_INVALID"
  | "RECEIPT_STALE"
  | "TASK_RUNNING"
  | "TASK_NOT_FOUND"
  | "LIMIT_REACHED"
  | "THROTTLED"
  | "STORAGE_FULL"
  | "UNAVAILABLE"
  | "OUTCOME_UNKNOWN"
  | "SESSION_EXPIRED"
  | "DEADLINE_EXCEEDED"
  | "CANCELLED"
  | "UNSUPPORTED"
  | "MALFORMED_REQUEST"
  | "REQUEST_TOO_LARGE"
  | "ACCESS_DENIED"
  | "UNAUTHENTICATED"
  | "CONFIG_INVALID"
  | "INTERNAL";

export const ERRORS: Readonly<Record<ErrorCode, ErrorSpec>> = {
  QUEUE_NOT_FOUND: {
    http: 404,
    rpc: "not_found",
    retryable: false,
    doc: "The queue does not exist or was deleted. Create it, or check the name and the cluster.",
  },
  QUEUE_EXISTS: {
    http: 409,
    rpc: "already_exists",
    retryable: false,
    doc: "A queue of that name exists with another value of the attribute named in the message. Use set to change it.",
  },
  QUEUE_DELETED_RECENTLY: {
    http: 409,
    rpc: "failed_precondition",
    retryable: true,
    doc: "The name is in its quarantine after a delete. Wait, or choose another name.",
  },
  INVALID_ARGUMENT: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "A value is missing, of the wrong kind or out of its range; the message names it and the range.",
  },
  INVALID_QUEUE_NAME: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "A queue name has 1 to 80 letters, digits, hyphens and underscores.",
  },
  INVALID_ATTRIBUTE: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "The queue attribute does not exist or its value is out of range; the message says which.",
  },
  INVALID_MESSAGE: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "The message's body or an attribute of it is not allowed; the message says which.",
  },
  MESSAGE_TOO_LARGE: {
    http: 413,
    rpc: "invalid_argument",
    retryable: false,
    doc: "Body and attributes together are larger than the queue's maximum message size.",
  },
  BATCH_EMPTY: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "A batch needs at least one entry.",
  },
  BATCH_TOO_LARGE: {
    http: 413,
    rpc: "invalid_argument",
    retryable: false,
    doc: "The batch has too many entries or bytes; the message says the limit. Split it.",
  },
  RECEIPT_INVALID: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "The receipt handle was not made by this cluster for this queue. Pass the handle exactly as received.",
  },
  RECEIPT_STALE: {
    http: 409,
    rpc: "failed_precondition",
    retryable: false,
    doc: "The receipt's lease is over: the message was delivered again, or is gone. Drop the work's result.",
  },
  TASK_RUNNING: {
    http: 409,
    rpc: "failed_precondition",
    retryable: false,
    doc: "Another task moves this queue's messages already. Wait for its end, or cancel it.",
  },
  TASK_NOT_FOUND: {
    http: 404,
    rpc: "not_found",
    retryable: false,
    doc: "No such move task is running: it never was, or it has ended.",
  },
  LIMIT_REACHED: {
    http: 429,
    rpc: "resource_exhausted",
    retryable: false,
    doc: "A configured limit (queues, messages in flight, sessions) is reached; the message says which.",
  },
  THROTTLED: {
    http: 429,
    rpc: "resource_exhausted",
    retryable: true,
    doc: "The node has too much in hand. Try again after the hint; the client does so by itself.",
  },
  STORAGE_FULL: {
    http: 507,
    rpc: "resource_exhausted",
    retryable: true,
    doc: "The disk of the leader is full. Receives and tombstones go on; free space or add some.",
  },
  UNAVAILABLE: {
    http: 503,
    rpc: "unavailable",
    retryable: true,
    doc: "No leader can be reached: an election is under way or a majority is down. Try again.",
  },
  OUTCOME_UNKNOWN: {
    http: 503,
    rpc: "unavailable",
    retryable: true,
    doc: "The answer was lost on its way; the call may have taken effect. A retry with the same request id is safe.",
  },
  SESSION_EXPIRED: {
    http: 409,
    rpc: "failed_precondition",
    retryable: false,
    doc: "The producer's session is no longer known, so a retry could not be recognised. Open a new one.",
  },
  DEADLINE_EXCEEDED: {
    http: 504,
    rpc: "deadline_exceeded",
    retryable: true,
    doc: "The call's own time ran out before an answer came; it may have taken effect.",
  },
  CANCELLED: {
    http: 499,
    rpc: "canceled",
    retryable: false,
    doc: "The caller's signal ended the call.",
  },
  UNSUPPORTED: {
    http: 501,
    rpc: "unimplemented",
    retryable: false,
    doc: "The operation is not there in this version.",
  },
  MALFORMED_REQUEST: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "The bytes are not a request: broken JSON, protobuf or frame.",
  },
  REQUEST_TOO_LARGE: {
    http: 413,
    rpc: "resource_exhausted",
    retryable: false,
    doc: "The request's body is larger than the server reads; the message says the limit.",
  },
  ACCESS_DENIED: {
    http: 403,
    rpc: "permission_denied",
    retryable: false,
    doc: "The caller may not do this.",
  },
  UNAUTHENTICATED: {
    http: 401,
    rpc: "unauthenticated",
    retryable: false,
    doc: "The caller did not say who it is, or could not prove it.",
  },
  CONFIG_INVALID: {
    http: 400,
    rpc: "invalid_argument",
    retryable: false,
    doc: "A configuration value is missing, unknown or impossible; the message names the key and what would be right.",
  },
  INTERNAL: {
    http: 500,
    rpc: "internal",
    retryable: false,
    doc: "A fault of KQueuey itself. Report it with the request id.",
  },
};

/** Facts that go with an error, by name: plain values only, no secrets. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** The shells' one error class: a code of the table, and a message that says what was wrong and what would be right. */
export class KQueueyError extends Error {
  override readonly name = "KQueueyError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly details?: ErrorDetails; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Whether the same call may succeed later, unchanged. */
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  /** True for a KQueueyError, also one made by another copy of this package. */
  static is(value: unknown): value is KQueueyError {
    return (
      value instanceof Error &&
      value.name === "KQueueyError" &&
      "code" in value &&
      typeof value.code === "string" &&
      isErrorCode(value.code)
    );
  }

  /** `value` itself when it is one; else INTERNAL with `value` as its cause. */
  static from(value: unknown): KQueueyError {
    if (KQueueyError.is(value)) return value;
    const text = value instanceof Error ? value.message : String(value);
    return new KQueueyError("INTERNAL", text, { cause: value });
  }
}

/** True when `text` is a code of the table: for decoders of errors that came over a wire. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

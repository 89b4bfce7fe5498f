/** The native API as curl sees it: JSON over HTTP. No library of ours is between a test and a node. */

export interface CallOptions {
  /** 15 s unless told. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A call that did not answer 200. */
export class CallFailure extends Error {
  override readonly name = "CallFailure";
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Code of the error table, "" when the answer has none. */
  readonly code: string;
  readonly retryable: boolean;

  constructor(
    message: string,
    facts: {
      readonly status: number;
      readonly code: string;
      readonly retryable: boolean;
      readonly cause?: unknown;
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.status = facts.status;
    this.code = facts.code;
    this.retryable = facts.retryable;
  }
}

/** Calls `method`, as in "QueueService/Send", at `url` and answers the decoded JSON. */
export async function call(
  url: string,
  method: string,
  body: unknown,
  options: CallOptions = {},
): Promise<unknown> {
  const limit = AbortSignal.timeout(options.timeoutMs ?? 15_000);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  let status: number;
  let text: string;
  try {
    const response = await fetch(`${url}/kqueuey.v1.${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      signal,
    });
    status = response.status;
    text = await response.text();
  } catch (cause) {
    const facts = { status: 0, code: "", retryable: true, cause };
    throw new CallFailure(`${method} at ${url} got no answer: ${String(cause)}`, facts);
  }
  if (status === 200) return JSON.parse(text);
  throw failureOf(`${method} at ${url}`, status, text);
}

function failureOf(call: string, status: number, text: string): CallFailure {
  const detail = findDetail(text);
  const code = detail === undefined ? "" : textAt(detail, "code");
  const retryable = detail === undefined ? false : at(detail, "retryable") === true;
  return new CallFailure(`${call} answered ${status}: ${text}`, { status, code, retryable });
}

/** The ErrorDetail of a Connect error, in its JSON form. */
function findDetail(text: string): unknown {
  try {
    return listAt(JSON.parse(text), "details")
      .map((detail) => at(detail, "debug"))
      .find((debug) => debug !== undefined);
  } catch {
    return undefined;
  }
}

/** The field `key` of a decoded JSON object, or undefined. */
export function at(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

/** A text field; "" when absent, as protobuf's JSON leaves empty texts out. */
export function textAt(value: unknown, key: string): string {
  const found = at(value, key);
  return typeof found === "string" ? found : "";
}

/** A number field, also one written as text, as protobuf's JSON writes 64-bit numbers; 0 when absent. */
export function numberAt(value: unknown, key: string): number {
  const found = at(value, key);
  return typeof found === "number" || typeof found === "string" ? Number(found) : 0;
}

/** A list field; empty when absent. */
export function listAt(value: unknown, key: string): readonly unknown[] {
  const found = at(value, key);
  return Array.isArray(found) ? found : [];
}

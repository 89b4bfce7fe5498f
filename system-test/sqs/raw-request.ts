/** Requests of SQS without an SDK, for what an SDK would not do or would hide. */

/** An answer, its body parsed. */
export interface RawReply {
  readonly status: number;
  readonly headers: Headers;
  readonly output: Readonly<Record<string, unknown>>;
}

/** One call of the JSON protocol at `nodeUrl`. Rejects when there is no answer in time. */
export async function ask(
  nodeUrl: string,
  action: string,
  input: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawReply> {
  const response = await fetch(`${nodeUrl}/`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.0",
      "X-Amz-Target": `AmazonSQS.${action}`,
      "x-amzn-query-mode": "true",
      ...headers,
    },
    body: JSON.stringify(input),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  const value: unknown = text === "" ? {} : JSON.parse(text);
  const output =
    typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  return { status: response.status, headers: response.headers, output };
}

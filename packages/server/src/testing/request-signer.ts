/**
 * Signs requests as a client does (AWS Signature Version 4), written from AWS's description and not from the
 * library that the server verifies with, so that tests compare two readings of it.
 */
import { createHash, createHmac } from "node:crypto";

export interface ToSign {
  readonly method: string;
  /** As sent. */
  readonly path: string;
  readonly query: readonly (readonly [string, string])[];
  /** By lower-case name; those named in `signedHeaders` must be here. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SigningOptions {
  readonly accessKeyId: string;
  readonly secret: string;
  /** "20261124T120000Z" */
  readonly date: string;
  readonly signedHeaders: readonly string[];
  readonly region?: string;
  readonly service?: string;
  readonly scopeDate?: string;
  readonly terminator?: string;
}

/** The Authorization header of `request`. */
export function signHeader(request: ToSign, options: SigningOptions): string {
  const { accessKeyId } = options;
  const signature = signatureOf(request, options);
  const names = namesOf(options).join(";");
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scopeOf(options)}, SignedHeaders=${names}, Signature=${signature}`;
}

/** The query string of `request` with a signature that is good for `expires` seconds. */
export function presign(request: ToSign, options: SigningOptions, expires: string): string {
  const query: [string, string][] = [
    ...request.query.map(([name, value]): [string, string] => [name, value]),
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", `${options.accessKeyId}/${scopeOf(options)}`],
    ["X-Amz-Date", options.date],
    ["X-Amz-Expires", expires],
    ["X-Amz-SignedHeaders", namesOf(options).join(";")],
  ];
  const signature = signatureOf({ ...request, query }, options);
  return [...query, ["X-Amz-Signature", signature]]
    .map((pair) => pair.map((text) => encode(text)).join("="))
    .join("&");
}

function namesOf(options: SigningOptions): string[] {
  return [...options.signedHeaders].sort();
}

function scopeOf(options: SigningOptions): string {
  const { date, scopeDate = date.slice(0, 8), region = "eu-west-1" } = options;
  return [scopeDate, region, options.service ?? "sqs", options.terminator ?? "aws4_request"].join(
    "/",
  );
}

function signatureOf(request: ToSign, options: SigningOptions): string {
  const names = namesOf(options);
  const query = request.query
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a < b || (a === b && x < y) ? -1 : 1))
    .map((pair) => pair.join("="))
    .join("&");
  const canonical = [
    request.method,
    encode(request.path).replaceAll("%2F", "/"),
    query,
    ...names.map((name) => `${name}:${request.headers[name] ?? ""}`),
    "",
    names.join(";"),
    sha256(request.body),
  ].join("\n");
  const scope = scopeOf(options);
  const toSign = ["AWS4-HMAC-SHA256", options.date, scope, sha256(canonical)].join("\n");
  let key: Buffer = Buffer.from(`AWS4${options.secret}`);
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  return createHmac("sha256", key).update(toSign).digest("hex");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

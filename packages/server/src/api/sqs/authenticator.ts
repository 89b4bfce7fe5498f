/**
 * Who sent a request: verifies its signature (AWS Signature Version 4) against the configured access keys.
 * The canonical form is the library's that AWS's own SDK signs with; the rules around it are here: which
 * headers must be signed, how far clocks may differ, that the body is the one that was signed.
 */
import { createHmac, hash, timingSafeEqual } from "node:crypto";
import {
  ALGORITHM_IDENTIFIER,
  getCanonicalHeaders,
  KEY_TYPE_IDENTIFIER,
  SignatureV4Base,
} from "@smithy/signature-v4";
import type { PlainRequest } from "../../exchange.ts";
import { echo, SqsError } from "./errors.ts";
import { decodeQuery } from "./query-parameters.ts";
import { dateOf, millisOf, readSignature, type Signature } from "./signature.ts";

/** Throws `SqsError` unless the request is signed by one of the keys; gives the access key id. */
export type Authenticate = (request: PlainRequest) => Promise<string>;

export interface AuthenticatorOptions {
  /** Secret access keys by access key id. */
  readonly keys: ReadonlyMap<string, string>;
  /** Wall clock, ms. */
  readonly wallMs: () => number;
}

const SERVICE = "sqs";
/** How far the client's clock may be from ours, either way. */
const SKEW_MINUTES = 15;
const SKEW_MS = SKEW_MINUTES * 60_000;
/** Headers that say what the request does: one that is there must be signed. */
const GUARDED_HEADERS = [
  "x-amz-content-sha256",
  "x-amz-date",
  "x-amz-security-token",
  "x-amz-target",
] as const;

export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const signingKeys = new Map<string, Buffer>();
  return async (request) => {
    const signature = readSignature(request);
    if (signature === undefined) {
      const host = hostOf(request) ?? "";
      const message = `Access to the resource http://${echo(host + request.path)} is denied.`;
      throw new SqsError("AccessDenied", message);
    }
    const secret = options.keys.get(signature.accessKeyId);
    if (secret === undefined) {
      throw new SqsError(
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
      );
    }
    checkScope(signature);
    checkTime(signature, options.wallMs());
    checkSignedHeaders(request, signature);
    const form = canonical.of(request, signature, hashOfBody(request));
    const { accessKeyId, date, scopeDate, region } = signature;
    const scope = `${scopeDate}/${region}/${SERVICE}/${KEY_TYPE_IDENTIFIER}`;
    const toSign = `${ALGORITHM_IDENTIFIER}\n${date}\n${scope}\n${hash("sha256", form, "hex")}`;
    const keyName = `${accessKeyId}/${scopeDate}/${region}`;
    const key = signingKeys.get(keyName) ?? signingKeyOf(secret, scopeDate, region);
    const expected = createHmac("sha256", key).update(toSign).digest("hex");
    if (!isEqual(expected, signature.signature)) throw mismatch();
    // Kept only now: others could fill the memory, or empty it, with scopes that they make up.
    if (signingKeys.size >= SIGNING_KEYS_MAX) signingKeys.clear();
    signingKeys.set(keyName, key);
    return accessKeyId;
  };
}

/** Signing keys remembered: one does for all requests of a client to a region in a day. */
const SIGNING_KEYS_MAX = 1_000;

/** The key that a client signs with: the secret, mixed with day, region and service one after another. */
function signingKeyOf(secret: string, scopeDate: string, region: string): Buffer {
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of [scopeDate, region, SERVICE, KEY_TYPE_IDENTIFIER]) {
    key = createHmac("sha256", key).update(part).digest();
  }
  return key;
}

function refused(message: string): SqsError {
  return new SqsError("SignatureDoesNotMatch", message);
}

function mismatch(): SqsError {
  return refused(
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  );
}

/** Any region will do: a cluster is in none. */
function checkScope(signature: Signature): void {
  const { service, terminator, scopeDate, date } = signature;
  if (service !== SERVICE) {
    throw refused(`Credential should be scoped to correct service: '${SERVICE}'.`);
  }
  if (terminator !== KEY_TYPE_IDENTIFIER) {
    throw refused(
      `Credential should be scoped with a valid terminator: '${KEY_TYPE_IDENTIFIER}', not '${echo(terminator)}'.`,
    );
  }
  if (scopeDate !== date.slice(0, 8)) {
    throw refused(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${echo(scopeDate)}' != '${date.slice(0, 8)}', from '${date}'.`,
    );
  }
}

function checkTime(signature: Signature, nowMs: number): void {
  const { date, expiresSeconds } = signature;
  const madeMs = millisOf(date) ?? 0;
  const endMs = madeMs + (expiresSeconds === undefined ? SKEW_MS : expiresSeconds * 1_000);
  if (nowMs > endMs) {
    const now = dateOf(nowMs);
    const earliest = dateOf(nowMs - SKEW_MS);
    throw refused(
      expiresSeconds === undefined
        ? `Signature expired: ${date} is now earlier than ${earliest} (${now} - ${SKEW_MINUTES} min.)`
        : `Signature expired: ${dateOf(endMs)} is now earlier than ${now}.`,
    );
  }
  if (madeMs > nowMs + SKEW_MS) {
    const latest = dateOf(nowMs + SKEW_MS);
    throw refused(
      `Signature not yet current: ${date} is still later than ${latest} (${dateOf(nowMs)} + ${SKEW_MINUTES} min.)`,
    );
  }
}

function checkSignedHeaders(request: PlainRequest, signature: Signature): void {
  const { signedHeaders } = signature;
  if (!signedHeaders.includes("host") && !signedHeaders.includes(":authority")) {
    throw refused("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const name of GUARDED_HEADERS) {
    if (request.header(name) === undefined || signedHeaders.includes(name)) continue;
    throw refused(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
  }
}

/** Hex SHA-256 of the body; throws when the request says that it is another. */
function hashOfBody(request: PlainRequest): string {
  const found = hash("sha256", request.body, "hex");
  const said = request.header("x-amz-content-sha256");
  if (said !== undefined && said !== found) throw mismatch();
  return found;
}

function isEqual(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** HTTP/2 has a pseudo-header in the place of Host. */
function hostOf(request: PlainRequest): string | undefined {
  return request.header("host") ?? request.header(":authority");
}

/** The library's canonical form of a request that somebody else signed. */
class CanonicalForm extends SignatureV4Base {
  constructor() {
    // The credentials and the region are each request's own; the form needs neither, nor any hash of its own.
    super({
      service: SERVICE,
      region: "",
      credentials: { accessKeyId: "", secretAccessKey: "" },
      sha256: NoHash,
    });
  }

  of(request: PlainRequest, signature: Signature, bodyHash: string): string {
    const plain = {
      method: request.method,
      protocol: "http:",
      hostname: "",
      path: request.path,
      query: queryOf(request.query),
      headers: signedHeadersOf(request, signature),
    };
    const headers = getCanonicalHeaders(plain, undefined, new Set(signature.signedHeaders));
    return this.createCanonicalRequest(plain, headers, bodyHash);
  }
}

function signedHeadersOf(request: PlainRequest, signature: Signature): Record<string, string> {
  const headers: [string, string][] = [];
  for (const name of signature.signedHeaders) {
    const value = name === "host" ? hostOf(request) : request.header(name);
    if (value !== undefined) headers.push([name, value]);
  }
  return Object.fromEntries(headers);
}

function queryOf(query: string): Record<string, string | string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of decodeQuery(query)) {
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return Object.fromEntries(values);
}

/** The library asks for a hash; the parts of it that use one are not used here. */
class NoHash {
  update(): void {
    throw new Error("the canonical form hashes nothing");
  }

  digest(): Promise<Uint8Array> {
    return Promise.reject(new Error("the canonical form hashes nothing"));
  }
}

const canonical = new CanonicalForm();

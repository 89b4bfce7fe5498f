/**
 * What a request says of its signature (AWS Signature Version 4): in the Authorization header, or, in a
 * presigned URL, in the query string. Only read here; authenticator.ts verifies it.
 */
import type { RequestHead } from "../../exchange.ts";
import { echo, SqsError } from "./errors.ts";
import { decodeQuery } from "./query-parameters.ts";

const ALGORITHM = "AWS4-HMAC-SHA256";

export interface Signature {
  readonly place: "header" | "query";
  readonly accessKeyId: string;
  /** "20261124": of the credential scope. */
  readonly scopeDate: string;
  readonly region: string;
  readonly service: string;
  readonly terminator: string;
  /** Lower case. */
  readonly signedHeaders: readonly string[];
  /** Hex. */
  readonly signature: string;
  /** "20261124T120000Z": when it was made. */
  readonly date: string;
  /** How long after `date` it is good; undefined in a header. */
  readonly expiresSeconds: number | undefined;
}

/** Undefined when the request is not signed at all; throws IncompleteSignature when it is badly. */
export function readSignature(head: RequestHead): Signature | undefined {
  const authorization = head.header("authorization");
  if (authorization !== undefined) return readHeader(head, authorization);
  if (!head.query.includes("X-Amz-")) return undefined;
  const query = new Map(decodeQuery(head.query));
  return query.has("X-Amz-Algorithm") ? readQuery(query) : undefined;
}

function incomplete(message: string): SqsError {
  return new SqsError("IncompleteSignature", message);
}

function readHeader(head: RequestHead, authorization: string): Signature {
  const space = authorization.indexOf(" ");
  if (authorization.slice(0, space) !== ALGORITHM) {
    throw incomplete(`The Authorization header must begin with ${ALGORITHM}.`);
  }
  const parts = new Map<string, string>();
  for (const part of authorization.slice(space + 1).split(",")) {
    const equals = part.indexOf("=");
    if (equals < 0) {
      throw incomplete(
        `'${echo(part.trim())}' not a valid key=value pair (missing equal-sign) in Authorization header.`,
      );
    }
    parts.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const missing = ["Credential", "Signature", "SignedHeaders"].filter((name) => !parts.get(name));
  if (missing.length > 0) {
    throw incomplete(
      missing.map((name) => `Authorization header requires '${name}' parameter.`).join(" "),
    );
  }
  const date = head.header("x-amz-date") ?? basicDate(head.header("date"));
  if (date === undefined) {
    throw incomplete(
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
  }
  return {
    place: "header",
    ...readCredential(parts.get("Credential") ?? ""),
    ...readRest(parts.get("SignedHeaders") ?? "", parts.get("Signature") ?? "", date),
    expiresSeconds: undefined,
  };
}

function readQuery(query: ReadonlyMap<string, string>): Signature {
  const value = (name: string): string => {
    const given = query.get(name) ?? "";
    if (given === "") throw incomplete(`AWS query-string parameters must include '${name}'.`);
    return given;
  };
  if (value("X-Amz-Algorithm") !== ALGORITHM) {
    throw incomplete(`X-Amz-Algorithm must be ${ALGORITHM}.`);
  }
  const credential = readCredential(value("X-Amz-Credential"));
  const signature = value("X-Amz-Signature");
  const rest = readRest(value("X-Amz-SignedHeaders"), signature, value("X-Amz-Date"));
  const expires = value("X-Amz-Expires");
  const expiresSeconds = /^\d{1,6}$/.test(expires) ? Number(expires) : 0;
  if (expiresSeconds < 1 || expiresSeconds > EXPIRES_SECONDS_MAX) {
    throw incomplete(`X-Amz-Expires must be between 1 and ${EXPIRES_SECONDS_MAX} seconds.`);
  }
  return { place: "query", ...credential, ...rest, expiresSeconds };
}

/** A presigned URL is good for a week at most. */
const EXPIRES_SECONDS_MAX = 604_800;

function readCredential(
  credential: string,
): Pick<Signature, "accessKeyId" | "scopeDate" | "region" | "service" | "terminator"> {
  const [accessKeyId = "", scopeDate = "", region = "", service = "", terminator, more] =
    credential.split("/");
  if (accessKeyId === "" || terminator === undefined || more !== undefined) {
    throw incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${echo(credential)}'`,
    );
  }
  return { accessKeyId, scopeDate, region, service, terminator };
}

function readRest(
  signedHeaders: string,
  signature: string,
  date: string,
): Pick<Signature, "signedHeaders" | "signature" | "date"> {
  if (millisOf(date) === undefined) {
    throw incomplete(`Date must be in ISO-8601 'basic format'. Got '${echo(date)}'.`);
  }
  return { signedHeaders: signedHeaders.toLowerCase().split(";"), signature, date };
}

/** "20261124T120000Z" as ms of the epoch; undefined when it is none. */
export function millisOf(date: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const millis = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(millis) ? undefined : millis;
}

/** Ms of the epoch as "20261124T120000Z". */
export function dateOf(millis: number): string {
  return new Date(millis).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** A Date header, as HTTP has it or already in the basic format. */
function basicDate(date: string | undefined): string | undefined {
  if (date === undefined || millisOf(date) !== undefined) return date;
  const millis = Date.parse(date);
  return Number.isNaN(millis) ? date : dateOf(millis);
}

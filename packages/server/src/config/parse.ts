/**
 * Readers of single configuration values. Each takes what a flag, a variable or YAML gave (a text or a
 * YAML value) and answers the value, or says what would be right.
 */
import { isIPv6 } from "node:net";

/** A listening or dialling address. `port` 0 asks the system for a free one (listening only). */
export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** One member of the cluster, as every node's configuration lists it. */
export interface PeerConfig {
  /** 1 … 65,535. */
  readonly id: number;
  /** Where the other nodes reach it. */
  readonly peerAddress: Address;
  /** Where clients reach it; absent: the node says so itself once it is connected. */
  readonly clientUrl: string | undefined;
}

/** A value, or what would have been right ("must be …"). */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

function good<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

function bad(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  B: 1,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

const DURATION_UNITS = "ms|s|m|h|d";
const SIZE_UNITS = "B|KiB|MiB|GiB";
/** A length of time for people and machines: 1500, 1500ms, 30s, 5m. */
const DURATION = new RegExp(`^(\\d+)(${DURATION_UNITS})?$`);
const SIZE = new RegExp(`^(\\d+)(${SIZE_UNITS})?$`);
const COUNT = /^(\d+)$/;

/** What kind of number a key holds: it decides which unit suffixes a text may have. */
export type NumberKind = "count" | "ms" | "bytes";

export interface NumberRange {
  readonly kind: NumberKind;
  readonly min: number;
  readonly max: number;
}

/** "a whole number from 1 to 65535": the sentence of a range. */
export function rangeText(range: NumberRange): string {
  const span = `from ${range.min} to ${range.max}`;
  switch (range.kind) {
    case "count":
      return `a whole number ${span}`;
    case "ms":
      return `whole milliseconds ${span}, or a text such as 500ms or 5s`;
    case "bytes":
      return `whole bytes ${span}, or a text such as 512KiB or 64MiB`;
  }
}

/** A whole number in `range`, with a unit suffix where its kind has one. */
export function parseNumber(value: unknown, range: NumberRange): Parsed<number> {
  const pattern = range.kind === "count" ? COUNT : range.kind === "ms" ? DURATION : SIZE;
  let number = Number.NaN;
  if (typeof value === "number") number = value;
  else if (typeof value === "string") {
    const match = pattern.exec(value.trim());
    if (match !== null) number = Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1);
  }
  const fits = Number.isSafeInteger(number) && number >= range.min && number <= range.max;
  return fits ? good(number) : bad(`must be ${rangeText(range)}`);
}

/** A YAML boolean, or one of true, false, 1, 0 as text (a bare flag counts as true). */
export function parseBoolean(value: unknown): Parsed<boolean> {
  if (value === true || value === "true" || value === "1") return good(true);
  if (value === false || value === "false" || value === "0") return good(false);
  return bad("must be true or false");
}

const PORT_MAX = 65_535;

/** `host:port` or `[v6 address]:port`. `minPort` is 0 where the system may choose one. */
export function parseAddress(value: unknown, minPort: 0 | 1): Parsed<Address> {
  const problem = `must be host:port with a port from ${minPort} to ${PORT_MAX}`;
  if (typeof value !== "string") return bad(problem);
  const match = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/@,=]+)):(\d{1,5})$/.exec(value.trim());
  if (match === null) return bad(problem);
  const host = match[1] ?? match[2] ?? "";
  const port = Number(match[3]);
  if (port < minPort || port > PORT_MAX) return bad(problem);
  // What stands in brackets and is no IPv6 address would only fail once the node listens or dials.
  if (match[1] !== undefined && !isIPv6(host)) return bad(problem);
  return good({ host, port });
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** True for the addresses that mean "every interface": good to listen on, nothing to dial. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "*";
}

/** True for the addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** An http or https URL of a node, without path; the answer has no slash at its end. */
export function parseClientUrl(value: unknown): Parsed<string> {
  const problem = "must be a URL such as http://10.0.0.1:9324, with no path";
  if (typeof value !== "string" || !URL.canParse(value)) return bad(problem);
  const url = new URL(value);
  if (url.protocol !== "http:" && url.protocol !== "https:") return bad(problem);
  if (url.username !== "" || url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return bad(problem);
  }
  return good(url.origin);
}

export const PEER_FORM = "id@host:peerPort, or id@host:peerPort=http://host:clientPort";
const NODE_ID: NumberRange = { kind: "count", min: 1, max: PORT_MAX };

function parsePeer(value: unknown): Parsed<PeerConfig> {
  if (typeof value === "string") return parsePeerText(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return bad(`each must be ${PEER_FORM}`);
  }
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(value));
  for (const key of fields.keys()) {
    if (key !== "id" && key !== "peerAddress" && key !== "clientUrl") {
      return bad(`has an unknown key ${key}; a peer has id, peerAddress and clientUrl`);
    }
  }
  return makePeer(fields.get("id"), fields.get("peerAddress"), fields.get("clientUrl"));
}

function parsePeerText(text: string): Parsed<PeerConfig> {
  const match = /^([^@=]+)@([^@=]+)(?:=(.+))?$/.exec(text.trim());
  if (match === null) return bad(`has "${text}"; each must be ${PEER_FORM}`);
  return makePeer(match[1], match[2], match[3]);
}

function makePeer(id: unknown, address: unknown, clientUrl: unknown): Parsed<PeerConfig> {
  const parsedId = parseNumber(id, NODE_ID);
  if (!parsedId.ok) return bad(`has the id ${JSON.stringify(id)}; it ${parsedId.problem}`);
  const parsedAddress = parseAddress(address, 1);
  if (!parsedAddress.ok) {
    return bad(`has the address ${JSON.stringify(address)}; it ${parsedAddress.problem}`);
  }
  if (isWildcard(parsedAddress.value.host)) {
    return bad(
      `has the address ${formatAddress(parsedAddress.value)}, which no other node can dial; ` +
        "name the host or its address",
    );
  }
  if (clientUrl === undefined) {
    return good({ id: parsedId.value, peerAddress: parsedAddress.value, clientUrl: undefined });
  }
  const parsedUrl = parseClientUrl(clientUrl);
  if (!parsedUrl.ok) return bad(`has ${JSON.stringify(clientUrl)}; it ${parsedUrl.problem}`);
  return good({
    id: parsedId.value,
    peerAddress: parsedAddress.value,
    clientUrl: parsedUrl.value,
  });
}

/** A list of peers: YAML texts or mappings, or one text with commas between. */
export function parsePeers(value: unknown): Parsed<readonly PeerConfig[]> {
  const parts = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(parts) || parts.length === 0) {
    return bad(`must be a list, each ${PEER_FORM}, with commas between`);
  }
  const peers: PeerConfig[] = [];
  for (const part of parts) {
    const peer = parsePeer(part);
    if (!peer.ok) return peer;
    peers.push(peer.value);
  }
  return good(peers);
}

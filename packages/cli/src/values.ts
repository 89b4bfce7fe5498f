/** Values of the command line: each parser gives the value or says what would be right. */
import { InvalidArgumentError } from "commander";

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

/** A length of time in ms: 500ms, 30s, 5m, 2h, 4d, 0. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (match === null) {
    if (text.trim() === "0") return 0;
    throw new InvalidArgumentError("It must have a unit, such as 500ms, 30s, 5m, 2h or 4d.");
  }
  const ms = Number(match[1]) * (DURATION_UNITS_MS[match[2] ?? ""] ?? 1);
  if (!Number.isSafeInteger(ms)) throw new InvalidArgumentError("It must be whole milliseconds.");
  return ms;
}

/** A size in bytes: 1024, 256KiB, 1MiB. */
export function parseSize(text: string): number {
  const match = /^(\d+)(B|KiB|MiB|GiB)?$/.exec(text.trim());
  const bytes = Number(match?.[1]) * (SIZE_UNITS[match?.[2] ?? "B"] ?? 1);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError("It must be bytes, such as 1024, 256KiB or 1MiB.");
}

/** A parser of whole numbers from `min` to `max`. */
export function countParser(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Gathers `name=value` pairs of an option that may stand several times. */
export function collectPair(
  text: string,
  previous: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be name=value.");
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Where the cluster of `kqueuey dev` is. */
export const DEFAULT_ENDPOINTS = "127.0.0.1:9324,9334,9344";

/**
 * Client addresses: host:port or URLs with commas between; a port alone has the host before it, so
 * 127.0.0.1:9324,9334 is two nodes of one machine.
 */
export function parseEndpoints(text: string): readonly string[] {
  const endpoints: string[] = [];
  let before = "";
  for (const part of text.split(",").map((piece) => piece.trim())) {
    if (part === "") continue;
    const endpoint = /^\d+$/.test(part) ? `${before}${part}` : part;
    if (!/^(https?:\/\/)?([^\s/:[\]]+|\[[\w:.]+\]):\d{1,5}\/?$/.test(endpoint)) {
      throw new InvalidArgumentError(
        `"${part}" must be host:port or a URL with a port, such as 10.0.0.1:9324.`,
      );
    }
    before = endpoint.replace(/\d+\/?$/, "");
    endpoints.push(endpoint);
  }
  if (endpoints.length === 0) throw new InvalidArgumentError("It must name a node.");
  return endpoints;
}

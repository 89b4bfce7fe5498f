/**
 * The access keys of clients, from a file of their own: secrets in flags are seen by everybody on the machine,
 * and a printed configuration should be fit to be shown. The file is YAML, one key a line: `AKIDEXAMPLE: secret`.
 */
import { readFileSync } from "node:fs";
import { KQueueyError } from "@kqueuey/contract";
import { parse as parseYaml } from "yaml";
import type { Parsed } from "./parse.ts";

/** Secret access keys by access key id. */
export type AccessKeys = ReadonlyMap<string, string>;

const KEYS_MAX = 1_000;

/** The keys in the text of such a file. */
export function parseAccessKeys(text: string): Parsed<AccessKeys> {
  let value: unknown;
  try {
    // With this schema every value is a text: a secret of digits is no number.
    value = parseYaml(text, { schema: "failsafe" });
  } catch {
    return { ok: false, problem: "is not YAML" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, problem: 'must hold keys, one a line, such as "AKIDEXAMPLE: secret"' };
  }
  const entries = Object.entries(value);
  if (entries.length > KEYS_MAX) {
    return { ok: false, problem: `has ${entries.length} keys; ${KEYS_MAX} are the most` };
  }
  const keys = new Map<string, string>();
  for (const [id, secret] of entries) {
    if (!/^\w{3,128}$/.test(id)) {
      return { ok: false, problem: `has the id "${id}"; it must be 3 to 128 letters and digits` };
    }
    // The secret itself is never shown, not even a wrong one.
    if (typeof secret !== "string" || !/^[!-~]{1,256}$/.test(secret)) {
      return { ok: false, problem: `lacks a secret of 1 to 256 visible characters for ${id}` };
    }
    keys.set(id, secret);
  }
  return { ok: true, value: keys };
}

/** Reads the file at `path`; throws CONFIG_INVALID. */
export function readAccessKeys(
  path: string,
  readFile: (path: string) => string = (file) => readFileSync(file, "utf8"),
): AccessKeys {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KQueueyError("CONFIG_INVALID", `accessKeysFile ${path} could not be read: ${why}`);
  }
  const parsed = parseAccessKeys(text);
  if (parsed.ok) return parsed.value;
  throw new KQueueyError("CONFIG_INVALID", `accessKeysFile ${path} ${parsed.problem}`);
}

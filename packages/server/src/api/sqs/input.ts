/**
 * Reading the members of a request. Both of SQS's protocols make the same tree of them: objects, lists,
 * texts and numbers. `null` counts as absent, numbers may come as texts, unknown members are ignored.
 */
import { missingParameter, SqsError } from "./errors.ts";

/** The members of a request or of a structure in it. */
export type Members = Readonly<Record<string, unknown>>;

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function member(input: Members, name: string): unknown {
  const value = Object.hasOwn(input, name) ? input[name] : undefined;
  return value === null ? undefined : value;
}

function wrongKind(name: string, expected: string): SqsError {
  return new SqsError("MalformedInput", `The member ${name} must be ${expected}.`);
}

export function optionalText(input: Members, name: string): string | undefined {
  const value = member(input, name);
  if (value === undefined || typeof value === "string") return value;
  throw wrongKind(name, "a string");
}

/** A text of at least one character. */
export function requiredText(input: Members, name: string): string {
  const value = optionalText(input, name);
  if (value === undefined || value === "") throw missingParameter(name);
  return value;
}

/** A whole number, of any size that a double holds exactly. */
export function optionalInteger(input: Members, name: string): number | undefined {
  const value = member(input, name);
  if (value === undefined) return undefined;
  const number = typeof value === "string" && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return number;
  throw wrongKind(name, "an integer");
}

/** A list of structures; undefined when absent. */
export function optionalStructures(input: Members, name: string): readonly Members[] | undefined {
  const value = member(input, name);
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every(isMembers)) return value;
  throw wrongKind(name, "a list of structures");
}

/** A list of texts; empty when absent. */
export function textList(input: Members, name: string): readonly string[] {
  const value = member(input, name);
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw wrongKind(name, "a list of strings");
}

/**
 * A map of texts, in the order of the request; numbers and booleans become texts, as hand-written clients
 * send them.
 */
export function textMap(input: Members, name: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const value = member(input, name);
  if (value === undefined) return texts;
  if (!isMembers(value)) throw wrongKind(name, "a map of strings");
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === "string") texts.set(key, item);
    else if (typeof item === "number" || typeof item === "boolean") texts.set(key, String(item));
    else if (item !== null) throw wrongKind(name, "a map of strings");
  }
  return texts;
}

/** A map of structures, in the order of the request; empty when absent. */
export function structureMap(
  input: Members,
  name: string,
): readonly (readonly [string, Members])[] {
  const value = member(input, name);
  if (value === undefined) return [];
  if (!isMembers(value)) throw wrongKind(name, "a map of structures");
  const entries: [string, Members][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (!isMembers(item)) throw wrongKind(name, "a map of structures");
    entries.push([key, item]);
  }
  return entries;
}

/** Whether a list member is there and not empty, whatever is in it. */
export function hasItems(input: Members, name: string): boolean {
  const value = member(input, name);
  return Array.isArray(value) && value.length > 0;
}

/** Which attributes a receive asks for: by name, by prefix, or all. */
import type { MessageAttribute } from "../../broker.ts";
import { type Members, textList } from "./input.ts";

/** Whether the system attribute `name` is asked for. */
export type SystemSelection = (name: string) => boolean;

/** `MessageSystemAttributeNames`, or `AttributeNames` where only the older list is given. Unknown names match nothing. */
export function readSystemSelection(input: Members): SystemSelection {
  const newer = textList(input, "MessageSystemAttributeNames");
  const names = newer.length > 0 ? newer : textList(input, "AttributeNames");
  if (names.length === 0) return () => false;
  if (names.includes("All")) return () => true;
  return (name) => names.includes(name);
}

/** Those of `attributes` that `MessageAttributeNames` asks for. */
export type AttributeSelection = (
  attributes: readonly MessageAttribute[],
) => readonly MessageAttribute[];

/** "All", ".*" and "*" are everything; "prefix.*" is what begins with the prefix (the dot is part of the wildcard). */
export function readAttributeSelection(input: Members): AttributeSelection {
  const names = textList(input, "MessageAttributeNames");
  if (names.length === 0) return () => [];
  if (names.some((name) => name === "All" || name === ".*" || name === "*")) {
    return (attributes) => attributes;
  }
  const exact = new Set(names);
  const prefixes = names.filter((name) => name.endsWith(".*")).map((name) => name.slice(0, -2));
  return (attributes) =>
    attributes.filter(
      ({ name }) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix)),
    );
}

/** Putting wrong text in the place of right text. */
import type { Patch } from "./bug.ts";

/** A patch that does not fit the source any more: the planted bug is stale and must be written anew. */
export class StalePatch extends Error {
  override readonly name = "StalePatch";
}

/** The source with every patch applied. Throws `StalePatch` unless each is found exactly once. */
export function applyPatches(source: string, patches: readonly Patch[]): string {
  let text = source;
  for (const { file, find, replace } of patches) {
    const at = text.indexOf(find);
    if (at < 0) throw new StalePatch(`${file} no longer has the text "${firstLine(find)}"`);
    if (text.includes(find, at + 1)) {
      throw new StalePatch(`${file} has the text "${firstLine(find)}" more than once`);
    }
    text = text.slice(0, at) + replace + text.slice(at + find.length);
  }
  return text;
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

/** The end of a node's log, to show why it ended. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const TAIL_BYTES = 16_384;

/** The last `lines` lines, indented; a note when there are none. */
export function logTail(path: string, lines: number): string {
  const text = readEnd(path);
  const last = text.split("\n").filter((line) => line !== "");
  if (last.length === 0) return "    (the log is empty)\n";
  return last
    .slice(-lines)
    .map((line) => `    ${line}\n`)
    .join("");
}

function readEnd(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8", 0, read);
  } finally {
    closeSync(file);
  }
}

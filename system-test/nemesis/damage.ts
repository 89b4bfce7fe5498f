/** What may happen to the files of a node that is down. Each answers what it did, in words. */
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join, relative } from "node:path";
import type { DamageKind, FileKind } from "./strike.ts";

/** Paths, within a data directory, of the files of each kind. */
const NAMES: Readonly<Record<FileKind, RegExp>> = {
  identity: /^node\.meta$/,
  log: /^wal\/\d+\.seg$/,
  current: /^groups\/\d+\/current$/,
  // Not `manifest.tmp`: that is of a checkpoint that was not finished, and counts for nobody.
  manifest: /manifest$/,
  pages: /pages-\d+/,
  bodies: /bodies-\d+/,
};

/** The files of a kind, in the order of their names: the newest is the last. */
export function filesOf(directory: string, kind: FileKind): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => NAMES[kind].test(relative(directory, path)))
    .sort();
}

/** Damages one file of the kind; undefined when there is none yet. */
export function damageFile(
  directory: string,
  damage: { readonly file: FileKind; readonly how: DamageKind; readonly share: number },
): string | undefined {
  const files = filesOf(directory, damage.file);
  // Segments are filled ahead: of the log, the first is the one that surely holds something.
  const path = damage.file === "log" ? files[0] : files.at(-1);
  if (path === undefined) return undefined;
  const name = relative(directory, path);
  const { size } = statSync(path);
  switch (damage.how) {
    case "remove":
      rmSync(path);
      return `removed ${name}`;
    case "truncate":
      truncateSync(path, Math.floor(size * damage.share));
      return `cut ${name} from ${size} to ${Math.floor(size * damage.share)} bytes`;
    case "flip":
      return `flipped a bit of ${name} at ${flipBit(path, damage.share)}`;
  }
}

/** Flips a bit in a byte that is not zero, if there is one behind the place. Answers where. */
export function flipBit(path: string, share: number): number {
  const file = openSync(path, "r+");
  try {
    const bytes = Buffer.alloc(fstatSync(file).size);
    readSync(file, bytes, 0, bytes.length, 0);
    // Behind what was written a segment is zeroes that nobody reads: only bytes up to there matter.
    let used = bytes.length;
    while (used > 1 && bytes[used - 1] === 0) used -= 1;
    const at = Math.min(Math.floor(used * share), used - 1);
    writeSync(file, Buffer.from([(bytes[at] ?? 0) ^ 0x10]), 0, 1, at);
    return at;
  } finally {
    closeSync(file);
  }
}

/** Copies a data directory, of a node that is down. */
export function copyDirectory(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
}

export function emptyDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

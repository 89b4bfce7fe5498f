/**
 * Where a file decays. Of the log only what is not among its last two write groups: what was written last
 * before a crash cannot be told from a torn write, and the promises say so.
 */
import { Prng } from "@kqueuey/base";
import { decodeHeader, groupBytes, HEADER_BYTES } from "@kqueuey/storage";
import { crc32 } from "../digests.ts";
import type { SimulatedDisk } from "../disk.ts";
import type { Damage, FileKind } from "./strike.ts";

/** A range of a file that holds something. */
interface Target {
  readonly path: string;
  readonly position: number;
  readonly bytes: number;
}

const BLOCK_BYTES = 4096;

/** Damages the disk as the strike says; what was done in words, or undefined when there is nothing to hit. */
export function damageDisk(disk: SimulatedDisk, strike: Damage): string | undefined {
  const random = new Prng(strike.salt);
  const targets = targetsOf(disk, strike.file);
  if (targets.length === 0) return undefined;
  const { path, position, bytes } = random.pick(targets);
  const at = position + random.between(0, bytes - 1);
  switch (strike.how) {
    case "flip":
      disk.flipBit(path, at, random.between(0, 7));
      break;
    case "cut":
      disk.cutFile(path, at);
      break;
    case "zero":
      disk.overwrite(path, at, new Uint8Array(Math.min(BLOCK_BYTES, position + bytes - at)));
      break;
    case "misdirect": {
      const from = random.pick(targets);
      const length = Math.min(BLOCK_BYTES, from.bytes, position + bytes - at);
      disk.overwrite(path, at, disk.peek(from.path, from.position, length));
      break;
    }
  }
  return `${strike.how} in ${path} at ${at}`;
}

function targetsOf(disk: SimulatedDisk, kind: FileKind): Target[] {
  const files = disk.files();
  if (kind === "wal") return logTargets(disk);
  const incoming = new Set(
    files.filter(({ path }) => path.endsWith("/snapshot")).map(({ path }) => folderOf(path)),
  );
  const targets: Target[] = [];
  for (const { path, bytes } of files) {
    if (bytes === 0 || path === "reserve" || path.startsWith("wal")) continue;
    const isIncoming = incoming.has(folderOf(path));
    const found = isIncoming ? "snapshot" : kindOf(path);
    if (found !== undefined && (kind === "any" || kind === found)) {
      targets.push({ path, position: 0, bytes });
    }
  }
  return kind === "any" ? [...targets, ...logTargets(disk)] : targets;
}

function kindOf(path: string): Exclude<FileKind, "any" | "wal" | "snapshot"> | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name === "node.meta" || name === "current") return "identity";
  if (name === "manifest") return "manifest";
  if (name.startsWith("pages-")) return "pages";
  if (name.startsWith("bodies-")) return "bodies";
  return undefined;
}

/** The write groups of the log but for the last two, in order. */
function logTargets(disk: SimulatedDisk): Target[] {
  const groups: Target[] = [];
  for (const { path, bytes } of disk.files()) {
    if (!path.startsWith("wal/") || !path.endsWith(".seg")) continue;
    const segment = Number(path.slice("wal/".length, -".seg".length));
    let number = 0;
    for (let at = 0; at < bytes; ) {
      const read = decodeHeader(disk.peek(path, at, HEADER_BYTES), crc32);
      if (read.kind !== "valid" || read.header.segment !== segment) break;
      if (number > 0 && read.header.number !== number + 1) break;
      number = read.header.number;
      const { directoryBytes, dataBytes } = read.header;
      const length = HEADER_BYTES + directoryBytes + dataBytes;
      groups.push({ path, position: at, bytes: length });
      at += groupBytes(directoryBytes, dataBytes);
    }
  }
  return groups.slice(0, -2);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

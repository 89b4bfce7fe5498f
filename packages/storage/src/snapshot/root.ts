/**
 * A snapshot's own manifest, its root: what the state is of, and per file of the receiver's new folder its
 * length and the digests of its pieces. A file header, the meta, the files (kind u8, number u32, length
 * u53), then 16 bytes a piece, then the CRC-32 of everything before.
 */
import { assert, ByteReader, ByteWriter, type Crc32, type GroupId, must } from "@kqueuey/base";
import { decodeMeta, encodeMeta } from "../checkpoint/manifest.ts";
import {
  checkFileHeader,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  numberedName,
} from "../file-header.ts";
import type { CheckpointMeta } from "../store-types.ts";
import { PIECE_BYTES_MAX } from "./types.ts";

/** Bytes of a digest that count. */
export const DIGEST_BYTES = 16;

export type SnapshotFileKind = "manifest" | "pages" | "bodies";
const KINDS: readonly SnapshotFileKind[] = ["manifest", "pages", "bodies"];

export interface SnapshotFile {
  readonly kind: SnapshotFileKind;
  /** 0 for the manifest. */
  readonly number: number;
  readonly length: number;
}

export interface SnapshotRoot {
  readonly meta: CheckpointMeta;
  readonly files: readonly SnapshotFile[];
  /** 16 bytes a piece, file after file. */
  readonly digests: Uint8Array;
}

/** Where a piece lies. */
export interface PiecePlace {
  readonly file: SnapshotFile;
  readonly position: number;
  readonly length: number;
}

export function piecesOf(length: number): number {
  return Math.ceil(length / PIECE_BYTES_MAX);
}

export function snapshotFileName(file: SnapshotFile): string {
  return file.kind === "manifest" ? "manifest" : numberedName(file.kind, file.number);
}

/** The pieces of a snapshot in their order. */
export class PieceList {
  readonly #root: SnapshotRoot;
  /** Number of the first piece of each file, and one past the last piece at the end. */
  readonly #firsts: number[] = [0];

  constructor(root: SnapshotRoot) {
    this.#root = root;
    let count = 0;
    for (const file of root.files) {
      count += piecesOf(file.length);
      this.#firsts.push(count);
    }
  }

  get count(): number {
    return must(this.#firsts.at(-1), "the end of the pieces");
  }

  get bytes(): number {
    return this.#root.files.reduce((sum, file) => sum + file.length, 0);
  }

  place(number: number): PiecePlace {
    assert(number >= 0 && number < this.count, "a piece of the snapshot");
    let at = 0;
    while (must(this.#firsts[at + 1], "the end of the pieces") <= number) at += 1;
    const file = must(this.#root.files[at], "a file of the snapshot");
    const position = (number - must(this.#firsts[at], "a first piece")) * PIECE_BYTES_MAX;
    return { file, position, length: Math.min(PIECE_BYTES_MAX, file.length - position) };
  }

  digest(number: number): Uint8Array {
    return this.#root.digests.subarray(number * DIGEST_BYTES, (number + 1) * DIGEST_BYTES);
  }
}

export function encodeRoot(group: GroupId, root: SnapshotRoot, crc32: Crc32): Uint8Array {
  const writer = new ByteWriter(256 + root.digests.length);
  writer.raw(encodeFileHeader({ kind: "snapshot", group, number: 0 }, crc32));
  encodeMeta(writer, root.meta);
  writer.u32(root.files.length);
  for (const file of root.files) {
    writer.u8(KINDS.indexOf(file.kind));
    writer.u32(file.number);
    writer.u53(file.length);
  }
  writer.raw(root.digests);
  writer.u32(crc32(writer.view()));
  return writer.take();
}

/** The root in `bytes`, which may come from anywhere, or what is wrong with it. */
export function decodeRoot(
  bytes: Uint8Array,
  group: GroupId,
  crc32: Crc32,
): SnapshotRoot | { readonly wrong: string } {
  const wrong = checkFileHeader(bytes, { kind: "snapshot", group, number: 0 }, crc32);
  if (wrong !== undefined) return { wrong };
  const end = bytes.length - 4;
  if (end < FILE_HEADER_BYTES) return { wrong: "is cut off" };
  if (new ByteReader(bytes, end).u32() !== crc32(bytes.subarray(0, end))) {
    return { wrong: "is damaged" };
  }
  const reader = new ByteReader(bytes, FILE_HEADER_BYTES, end);
  const meta = decodeMeta(reader);
  const files: SnapshotFile[] = [];
  const names = new Set<string>();
  const count = reader.u32();
  let pieces = 0;
  for (let at = 0; at < count && reader.ok; at++) {
    const kind = KINDS[reader.u8()];
    const number = reader.u32();
    const length = reader.u53();
    if (kind === undefined || length === 0) return { wrong: "names an impossible file" };
    const file = { kind, number, length };
    names.add(snapshotFileName(file));
    files.push(file);
    pieces += piecesOf(length);
  }
  if (!reader.ok || reader.remaining !== pieces * DIGEST_BYTES) return { wrong: "cannot be read" };
  if (names.size !== files.length || !names.has("manifest"))
    return { wrong: "its files are wrong" };
  return { meta, files, digests: new Uint8Array(reader.raw(reader.remaining)) };
}

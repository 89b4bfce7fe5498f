/**
 * The manifest: the one file that says what a checkpoint consists of. It replaces its predecessor by a
 * rename, so there is always exactly one. Written in slices, because a large one takes longer to encode
 * than one turn may last.
 *
 * A file header (its number is the format's business alone: 0), then the head below, then 24 bytes a
 * unit (key u53, file u32, position u32, length u32, CRC-32 u32), machine units first, then the CRC-32
 * of everything before it.
 */
import {
  ByteReader,
  ByteWriter,
  type Crc32,
  type GroupId,
  incarnation,
  logIndex,
  nodeId,
  term,
} from "@kqueuey/base";
import type { HardState } from "@kqueuey/raft";
import { checkFileHeader, encodeFileHeader, FILE_HEADER_BYTES } from "../file-header.ts";
import type { CheckpointMeta } from "../store-types.ts";
import { type UnitDelta, type UnitPlace, type UnitRows, UnitTable } from "./unit-table.ts";

const UNIT_BYTES = 24;
/** Units a slice: about 96 KiB. */
const SLICE_UNITS = 4096;

/** A file that belongs to the checkpoint; what lies behind `bytes` in it is not part of it. */
export interface ManifestFile {
  readonly number: number;
  readonly bytes: number;
}

/** Everything of a manifest but the units. */
export interface ManifestHead {
  /** Counts the manifests of one folder, from 1. */
  readonly sequence: number;
  readonly meta: CheckpointMeta;
  readonly pageFiles: readonly ManifestFile[];
  readonly bodySegments: readonly ManifestFile[];
}

export interface Manifest extends ManifestHead {
  readonly machineUnits: UnitTable;
  readonly mapUnits: UnitTable;
}

/** Rows, and the changes that are not part of them yet. */
export interface UnitView {
  readonly table: UnitRows;
  readonly delta: UnitDelta;
}

/** Units of a view. */
function countUnits(view: UnitView): number {
  let count = view.delta.places.size;
  for (let row = 0; row < view.table.size; row++) {
    if (!view.delta.hides(view.table.keyAt(row))) count += 1;
  }
  return count;
}

/** Yields the manifest's bytes, slice after slice. The views must not change meanwhile. */
export function* encodeManifest(
  group: GroupId,
  content: { readonly head: ManifestHead; readonly units: readonly [UnitView, UnitView] },
  crc32: Crc32,
): Generator<Uint8Array, void> {
  const { head, units } = content;
  const writer = new ByteWriter(64 * 1024);
  writer.raw(encodeFileHeader({ kind: "manifest", group, number: 0 }, crc32));
  encodeHead(writer, head);
  for (const view of units) writer.u32(countUnits(view));
  let crc = 0;
  const slice = (): Uint8Array => {
    const bytes = writer.take();
    crc = crc32(bytes, crc);
    return bytes;
  };
  for (const { table, delta } of units) {
    let pending = 0;
    for (let row = 0; row < table.size; row++) {
      const key = table.keyAt(row);
      if (delta.hides(key)) continue;
      encodeUnit(writer, key, table.placeAt(row));
      if (++pending % SLICE_UNITS === 0) yield slice();
    }
    for (const [key, place] of delta.places) {
      encodeUnit(writer, key, place);
      if (++pending % SLICE_UNITS === 0) yield slice();
    }
  }
  const last = slice();
  const trailer = new ByteWriter(4);
  trailer.u32(crc);
  yield last;
  yield trailer.take();
}

function encodeUnit(writer: ByteWriter, key: number, place: UnitPlace): void {
  writer.u53(key);
  writer.u32(place.file);
  writer.u32(place.position);
  writer.u32(place.length);
  writer.u32(place.crc);
}

function encodeHead(writer: ByteWriter, head: ManifestHead): void {
  writer.u53(head.sequence);
  encodeMeta(writer, head.meta);
  for (const files of [head.pageFiles, head.bodySegments]) {
    writer.u32(files.length);
    for (const file of files) {
      writer.u32(file.number);
      writer.u53(file.bytes);
    }
  }
}

/** Index, term, membership and hard state as bytes. */
export function encodeMeta(writer: ByteWriter, meta: CheckpointMeta): void {
  writer.u53(meta.index);
  writer.u53(meta.term);
  writer.blob(meta.membership);
  const hardState = meta.hardState;
  writer.u8(hardState === undefined ? 0 : 1);
  if (hardState === undefined) return;
  writer.u53(hardState.term);
  writer.u16(hardState.vote);
  writer.u32(hardState.incarnation);
  writer.u53(hardState.commit);
}

/** Reads what `encodeMeta` wrote; the reader fails if it is something else. */
export function decodeMeta(reader: ByteReader): CheckpointMeta {
  const index = logIndex(reader.u53());
  const entryTerm = term(reader.u53());
  const membership = new Uint8Array(reader.blob());
  const hasHardState = reader.u8() !== 0;
  const hardState = hasHardState ? decodeHardState(reader) : undefined;
  return { index, term: entryTerm, membership, hardState };
}

function decodeHardState(reader: ByteReader): HardState {
  const hardTerm = term(reader.u53());
  const vote = reader.u16();
  return {
    term: hardTerm,
    vote: vote === 0 ? 0 : nodeId(vote),
    incarnation: incarnation(reader.u32()),
    commit: logIndex(reader.u53()),
  };
}

/** The manifest in `bytes`, or what is wrong with it. */
export function decodeManifest(
  bytes: Uint8Array,
  group: GroupId,
  crc32: Crc32,
): Manifest | { readonly wrong: string } {
  const wrongHeader = checkFileHeader(bytes, { kind: "manifest", group, number: 0 }, crc32);
  if (wrongHeader !== undefined) return { wrong: wrongHeader };
  const end = bytes.length - 4;
  if (end < FILE_HEADER_BYTES) return { wrong: "is cut off" };
  if (new ByteReader(bytes, end).u32() !== crc32(bytes.subarray(0, end))) {
    return { wrong: "is damaged" };
  }
  const reader = new ByteReader(bytes, FILE_HEADER_BYTES, end);
  const sequence = reader.u53();
  const meta = decodeMeta(reader);
  const pageFiles = decodeFiles(reader);
  const bodySegments = decodeFiles(reader);
  const machineCount = reader.u32();
  const mapCount = reader.u32();
  if (reader.remaining !== (machineCount + mapCount) * UNIT_BYTES) {
    return { wrong: "its lists do not have the length that it states" };
  }
  const machineUnits = decodeUnits(reader, machineCount);
  const mapUnits = decodeUnits(reader, mapCount);
  if (!reader.ok) return { wrong: "cannot be read" };
  const manifest = { sequence, meta, pageFiles, bodySegments, machineUnits, mapUnits };
  const wrong = checkPlaces(manifest);
  return wrong === undefined ? manifest : { wrong };
}

function decodeFiles(reader: ByteReader): ManifestFile[] {
  const files: ManifestFile[] = [];
  const count = reader.u32();
  for (let i = 0; i < count && reader.ok; i++) {
    files.push({ number: reader.u32(), bytes: reader.u53() });
  }
  return files;
}

function decodeUnits(reader: ByteReader, count: number): UnitTable {
  const table = new UnitTable();
  for (let i = 0; i < count && reader.ok; i++) {
    const key = reader.u53();
    if (table.has(key)) reader.fail();
    const file = reader.u32();
    const position = reader.u32();
    const length = reader.u32();
    table.set(key, { file, position, length, crc: reader.u32() });
  }
  return table;
}

/** Every unit must lie inside a page file that the manifest names. */
function checkPlaces(manifest: Manifest): string | undefined {
  const lengths = new Map(manifest.pageFiles.map((file) => [file.number, file.bytes]));
  for (const table of [manifest.machineUnits, manifest.mapUnits]) {
    for (let row = 0; row < table.size; row++) {
      const place = table.placeAt(row);
      const length = lengths.get(place.file);
      if (length === undefined) return `names no file ${place.file}, yet a unit in it`;
      if (place.position < FILE_HEADER_BYTES || place.position + place.length > length) {
        return `places a unit outside file ${place.file}`;
      }
    }
  }
  return undefined;
}

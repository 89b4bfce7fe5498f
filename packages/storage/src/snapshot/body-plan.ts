/**
 * The bodies of a snapshot as the receiver's body segments will hold them, without writing them here:
 * whole entries of the log become blocks of one range, blocks of body segments are taken as they are.
 * About 44 bytes an entry while the snapshot lives.
 */
import { assert, type Crc32, must } from "@kqueuey/base";
import { blockTableBytes, encodeBlockTable } from "../bodies/body-block.ts";
import type { EntryPlace } from "../bodies/entry-map.ts";
import { isBodySegment, type SegmentRef } from "../bodies/segment-ledger.ts";
import type { SegmentSource } from "../bodies/segment-source.ts";
import { FILE_HEADER_BYTES } from "../file-header.ts";
import { damage, type StoreDone } from "../store-types.ts";

/** A new body segment begins when this many bytes are in one. */
const FILE_BYTES = 64 * 1024 * 1024;
/** Bytes of segments further apart than this are read apart. */
const READ_GAP = 16 * 1024;

/** Entries of one body segment of the receiver: rows `from` … `upTo` (exclusive) of the plan. */
export interface PlannedFile {
  readonly number: number;
  readonly fromRow: number;
  uptoRow: number;
  length: number;
}

export class BodyPlan {
  readonly files: PlannedFile[] = [];
  #count = 0;
  #indexes = new Float64Array(256);
  #segments = new Float64Array(256);
  #positions = new Uint32Array(256);
  #lengths = new Uint32Array(256);
  #crcs = new Uint32Array(256);
  #born = new Uint16Array(256);
  /** Where the row's block begins in its new file, and the block's checksum once it was read. */
  #starts = new Uint32Array(256);
  #blockCrcs = new Uint32Array(256);

  get rows(): number {
    return this.#count;
  }

  /** Adds the next entry, indexes ascending. */
  add(index: number, place: EntryPlace, born: number): void {
    if (this.#count === this.#indexes.length) this.#grow();
    const row = this.#count;
    this.#indexes[row] = index;
    this.#segments[row] = place.segment;
    this.#positions[row] = place.position;
    this.#lengths[row] = place.length;
    this.#crcs[row] = place.crc;
    this.#born[row] = born;
    let file = this.files.at(-1);
    if (file === undefined || file.length >= FILE_BYTES) {
      const number = this.files.length + 1;
      file = { number, fromRow: row, uptoRow: row, length: FILE_HEADER_BYTES };
      this.files.push(file);
    }
    this.#starts[row] = file.length;
    file.length += this.blockLength(row);
    file.uptoRow = row + 1;
    this.#count += 1;
  }

  index(row: number): number {
    return this.#indexes[row] ?? 0;
  }
  born(row: number): number {
    return this.#born[row] ?? 0;
  }
  start(row: number): number {
    return this.#starts[row] ?? 0;
  }
  blockCrc(row: number): number {
    return this.#blockCrcs[row] ?? 0;
  }

  /** Length of the row's block in the receiver's file. */
  blockLength(row: number): number {
    return this.#tableLength(row) + (this.#lengths[row] ?? 0);
  }

  /** The bytes `from` … `upTo` (exclusive) of a planned file; `header` is the file's own. */
  read(
    io: { readonly source: SegmentSource; readonly crc32: Crc32; readonly header: Uint8Array },
    range: { readonly file: PlannedFile; readonly from: number; readonly upTo: number },
    done: StoreDone<Uint8Array>,
  ): void {
    const { file, from, upTo } = range;
    const piece = new Uint8Array(upTo - from);
    const put = (bytes: Uint8Array, at: number): void => putInto(piece, bytes, at - from);
    put(io.header, 0);
    const wanted: Stretch[] = [];
    for (let row = this.#rowAt(file, from); row < file.uptoRow && this.start(row) < upTo; row++) {
      const start = this.start(row);
      const tableBytes = this.#tableLength(row);
      if (tableBytes > 0) put(this.#table(row, io.crc32), start);
      const dataStart = start + tableBytes;
      const dataEnd = dataStart + (this.#lengths[row] ?? 0);
      const cutStart = Math.max(dataStart, from);
      const cutEnd = Math.min(dataEnd, upTo);
      if (cutStart >= cutEnd) continue;
      const position = (this.#positions[row] ?? 0) + cutStart - dataStart;
      const segment = this.#segments[row] ?? 0;
      wanted.push({ segment, position, length: cutEnd - cutStart, at: cutStart });
    }
    readStretches(io.source, wanted, put, (failure) => {
      done(failure === undefined ? { ok: true, value: piece } : { ok: false, failure });
    });
  }

  /**
   * Checks what `read` gave while a file is read from its beginning to its end: `state` carries the
   * checksum of the entry that a piece cuts in two. Says what is wrong, or undefined.
   */
  check(
    crc32: Crc32,
    range: { readonly file: PlannedFile; readonly from: number; readonly piece: Uint8Array },
    state: { crc: number; blockCrc: number },
  ): string | undefined {
    const { file, from, piece } = range;
    const upTo = from + piece.length;
    for (let row = this.#rowAt(file, from); row < file.uptoRow && this.start(row) < upTo; row++) {
      const start = this.start(row);
      const dataStart = start + this.#tableLength(row);
      const end = start + this.blockLength(row);
      const block = piece.subarray(Math.max(0, start - from), Math.min(piece.length, end - from));
      const data = piece.subarray(
        Math.max(0, Math.min(dataStart - from, piece.length)),
        Math.min(piece.length, end - from),
      );
      const begins = start >= from;
      state.blockCrc = crc32(block, begins ? 0 : state.blockCrc);
      state.crc = crc32(data, begins ? 0 : state.crc);
      if (end > upTo) break;
      this.#blockCrcs[row] = state.blockCrc;
      if (state.crc !== (this.#crcs[row] ?? 0)) {
        return damage("snapshot", `entry ${this.index(row)} is damaged`).message;
      }
    }
    return undefined;
  }

  /** Segments that the plan reads. */
  segments(): Set<SegmentRef> {
    return new Set(this.#segments.subarray(0, this.#count));
  }

  #tableLength(row: number): number {
    return isBodySegment(this.#segments[row] ?? 0) ? 0 : blockTableBytes(1);
  }

  #table(row: number, crc32: Crc32): Uint8Array {
    const length = this.#lengths[row] ?? 0;
    return encodeBlockTable(this.index(row), [{ offset: 0, length }], crc32);
  }

  /** The first row of the file whose block ends after `position`. */
  #rowAt(file: PlannedFile, position: number): number {
    let low = file.fromRow;
    let high = file.uptoRow;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.start(middle) + this.blockLength(middle) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    const capacity = this.#indexes.length * 2;
    this.#indexes = copied(this.#indexes, new Float64Array(capacity));
    this.#segments = copied(this.#segments, new Float64Array(capacity));
    this.#positions = copied(this.#positions, new Uint32Array(capacity));
    this.#lengths = copied(this.#lengths, new Uint32Array(capacity));
    this.#crcs = copied(this.#crcs, new Uint32Array(capacity));
    this.#born = copied(this.#born, new Uint16Array(capacity));
    this.#starts = copied(this.#starts, new Uint32Array(capacity));
    this.#blockCrcs = copied(this.#blockCrcs, new Uint32Array(capacity));
  }
}

function copied<T extends Float64Array | Uint32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Bytes of a segment and where in a file they go. */
interface Stretch {
  readonly segment: SegmentRef;
  readonly position: number;
  readonly length: number;
  readonly at: number;
}

/** Copies the part of `bytes`, which begin `at` bytes into the piece (maybe before it), that fits. */
function putInto(piece: Uint8Array, bytes: Uint8Array, at: number): void {
  const from = Math.max(0, -at);
  const upTo = Math.min(bytes.length, piece.length - at);
  if (from < upTo) piece.set(bytes.subarray(from, upTo), at + from);
}

/** Reads the stretches one run after another: those that lie together in a segment at once. */
function readStretches(
  source: SegmentSource,
  wanted: readonly Stretch[],
  put: (bytes: Uint8Array, at: number) => void,
  done: (failure: ReturnType<typeof damage> | undefined) => void,
): void {
  let at = 0;
  const next = (): void => {
    const first = wanted[at];
    if (first === undefined) {
      done(undefined);
      return;
    }
    const run = [first];
    let end = first.position + first.length;
    for (let stretch = wanted[at + 1]; stretch !== undefined; stretch = wanted[at + run.length]) {
      const near = stretch.position >= end && stretch.position - end <= READ_GAP;
      if (stretch.segment !== first.segment || !near) break;
      run.push(stretch);
      end = stretch.position + stretch.length;
    }
    at += run.length;
    const { segment, position } = first;
    source.read({ segment, position, length: end - position }, (read) => {
      if (!read.ok) {
        done(read.failure);
        return;
      }
      for (const stretch of run) {
        const from = stretch.position - position;
        put(read.value.subarray(from, from + stretch.length), stretch.at);
      }
      next();
    });
  };
  assert(
    wanted.every((stretch) => stretch.length > 0),
    "stretches are not empty",
  );
  next();
}

/** The planned file with that number. */
export function plannedFile(plan: BodyPlan, number: number): PlannedFile {
  return must(plan.files[number - 1], "a planned body segment");
}

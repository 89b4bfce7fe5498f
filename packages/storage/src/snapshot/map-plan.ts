/**
 * The entry map of a snapshot as a page file of the receiver: made from the body plan whenever a stretch of
 * it is read, so that it costs no memory of its own.
 */
import { type Crc32, must } from "@kqueuey/base";
import { CHUNK_ENTRIES, MapChunk } from "../bodies/map-chunk.ts";
import { encodeUnitRecord, type UnitRecord } from "../checkpoint/pages.ts";
import { UnitTable } from "../checkpoint/unit-table.ts";
import { FILE_HEADER_BYTES } from "../file-header.ts";
import type { BodyPlan } from "./body-plan.ts";

interface PlannedChunk {
  readonly number: number;
  readonly fromRow: number;
  readonly uptoRow: number;
  readonly position: number;
  readonly length: number;
}

export class MapPlan {
  /** Where each chunk's unit is in the page file. */
  readonly table: UnitTable = new UnitTable();
  readonly #bodies: BodyPlan;
  readonly #crc32: Crc32;
  readonly #file: number;
  readonly #chunks: PlannedChunk[] = [];
  #length = FILE_HEADER_BYTES;
  #row = 0;

  /** `file`: the page file's number. The plan of the bodies must be complete and its blocks read. */
  constructor(bodies: BodyPlan, file: number, crc32: Crc32) {
    this.#bodies = bodies;
    this.#file = file;
    this.#crc32 = crc32;
  }

  /** Length of the page file. */
  get length(): number {
    return this.#length;
  }

  /** Lays out up to `limit` chunks; true when all are. */
  layOut(limit: number): boolean {
    for (let turn = 0; turn < limit && this.#row < this.#bodies.rows; turn++) {
      const fromRow = this.#row;
      const number = Math.floor(this.#bodies.index(fromRow) / CHUNK_ENTRIES);
      let row = fromRow;
      while (row < this.#bodies.rows && this.#chunkOf(row) === number) row += 1;
      this.#row = row;
      const position = this.#length;
      const { record } = this.#record({ number, fromRow, uptoRow: row });
      const { length, crc } = record;
      this.#chunks.push({ number, fromRow, uptoRow: row, position, length });
      this.table.set(number, { file: this.#file, position, length, crc });
      this.#length += length;
    }
    return this.#row === this.#bodies.rows;
  }

  /** The bytes `from` … `upTo` (exclusive) of the page file; `header` is the file's own. */
  read(header: Uint8Array, range: { readonly from: number; readonly upTo: number }): Uint8Array {
    const { from, upTo } = range;
    const piece = new Uint8Array(upTo - from);
    const put = (bytes: Uint8Array, at: number): void => {
      const start = Math.max(0, from - at);
      const end = Math.min(bytes.length, upTo - at);
      if (start < end) piece.set(bytes.subarray(start, end), at + start - from);
    };
    put(header, 0);
    for (const chunk of this.#chunks) {
      if (chunk.position + chunk.length <= from) continue;
      if (chunk.position >= upTo) break;
      const { record, bytes } = this.#record(chunk);
      put(record.header, chunk.position);
      put(bytes, chunk.position + record.header.length);
    }
    return piece;
  }

  #chunkOf(row: number): number {
    return Math.floor(this.#bodies.index(row) / CHUNK_ENTRIES);
  }

  #record(chunk: Pick<PlannedChunk, "number" | "fromRow" | "uptoRow">): {
    readonly record: UnitRecord;
    readonly bytes: Uint8Array;
  } {
    const { number, fromRow, uptoRow } = chunk;
    const rows = new MapChunk(number, uptoRow - fromRow);
    const files = this.#bodies.files;
    let file = 0;
    for (let row = fromRow; row < uptoRow; row++) {
      while (must(files[file], "a planned body segment").uptoRow <= row) file += 1;
      const at = rows.insert(this.#bodies.index(row) % CHUNK_ENTRIES);
      rows.setPlace(at, {
        segment: must(files[file], "a planned body segment").number,
        inBodySegment: true,
        position: this.#bodies.start(row),
        length: this.#bodies.blockLength(row),
        kind: 0,
        crc: this.#bodies.blockCrc(row),
      });
      rows.setBorn(at, this.#bodies.born(row));
    }
    const bytes = must(rows.encode(CHUNK_ENTRIES - 1, true), "a chunk with entries");
    return { record: encodeUnitRecord("map", { key: number, bytes }, this.#crc32), bytes };
  }
}

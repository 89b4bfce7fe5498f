/**
 * Where the units of the newest durable checkpoint are: 28 bytes a unit and a look-up by key. A running
 * checkpoint collects its changes beside the table and they become part of it once they are durable.
 */
import { assert, must } from "@kqueuey/base";

/** One unit's place in a page file. */
export interface UnitPlace {
  /** Number of the page file. */
  readonly file: number;
  /** Where its record begins in the file, and the record's length with its header. */
  readonly position: number;
  readonly length: number;
  /** The record's checksum. */
  readonly crc: number;
}

/** Units by row, in no particular order. */
export interface UnitRows {
  readonly size: number;
  keyAt(row: number): number;
  fileAt(row: number): number;
  placeAt(row: number): UnitPlace;
}

export class UnitTable implements UnitRows {
  readonly #rows = new Map<number, number>();
  #keys = new Float64Array(64);
  #files = new Uint32Array(64);
  #positions = new Uint32Array(64);
  #lengths = new Uint32Array(64);
  #crcs = new Uint32Array(64);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  row(key: number): number | undefined {
    return this.#rows.get(key);
  }

  has(key: number): boolean {
    return this.#rows.has(key);
  }

  get(key: number): UnitPlace | undefined {
    const row = this.#rows.get(key);
    return row === undefined ? undefined : this.placeAt(row);
  }

  set(key: number, place: UnitPlace): void {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#count;
      if (row === this.#keys.length) this.#grow();
      this.#count += 1;
      this.#rows.set(key, row);
      this.#keys[row] = key;
    }
    this.#files[row] = place.file;
    this.#positions[row] = place.position;
    this.#lengths[row] = place.length;
    this.#crcs[row] = place.crc;
  }

  /** Forgets a unit; the last row takes its place. */
  delete(key: number): void {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    const last = this.#count - 1;
    this.#rows.delete(key);
    this.#count = last;
    if (row === last) return;
    const moved = must(this.#keys[last], "last row");
    this.#keys[row] = moved;
    this.#files[row] = this.#files[last] ?? 0;
    this.#positions[row] = this.#positions[last] ?? 0;
    this.#lengths[row] = this.#lengths[last] ?? 0;
    this.#crcs[row] = this.#crcs[last] ?? 0;
    this.#rows.set(moved, row);
  }

  /** Rows are 0 … size - 1; a row means the same until the table changes. */
  keyAt(row: number): number {
    assert(row < this.#count, "row of the unit table");
    return this.#keys[row] ?? 0;
  }
  fileAt(row: number): number {
    return this.#files[row] ?? 0;
  }
  lengthAt(row: number): number {
    return this.#lengths[row] ?? 0;
  }
  placeAt(row: number): UnitPlace {
    assert(row < this.#count, "row of the unit table");
    return {
      file: this.#files[row] ?? 0,
      position: this.#positions[row] ?? 0,
      length: this.#lengths[row] ?? 0,
      crc: this.#crcs[row] ?? 0,
    };
  }

  /** The rows as they are now, for a reader that outlives the next change. */
  freeze(): UnitRows {
    const count = this.#count;
    const keys = this.#keys.slice(0, count);
    const files = this.#files.slice(0, count);
    const positions = this.#positions.slice(0, count);
    const lengths = this.#lengths.slice(0, count);
    const crcs = this.#crcs.slice(0, count);
    return {
      size: count,
      keyAt: (row) => keys[row] ?? 0,
      fileAt: (row) => files[row] ?? 0,
      placeAt: (row) => ({
        file: files[row] ?? 0,
        position: positions[row] ?? 0,
        length: lengths[row] ?? 0,
        crc: crcs[row] ?? 0,
      }),
    };
  }

  #grow(): void {
    const capacity = this.#keys.length * 2;
    const keys = new Float64Array(capacity);
    keys.set(this.#keys);
    this.#keys = keys;
    this.#files = grown(this.#files, capacity);
    this.#positions = grown(this.#positions, capacity);
    this.#lengths = grown(this.#lengths, capacity);
    this.#crcs = grown(this.#crcs, capacity);
  }
}

function grown(from: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(capacity);
  to.set(from);
  return to;
}

/** What a running checkpoint changes. */
export class UnitDelta {
  readonly places: Map<number, UnitPlace> = new Map();
  readonly removed: Set<number> = new Set();

  set(key: number, place: UnitPlace): void {
    this.removed.delete(key);
    this.places.set(key, place);
  }

  remove(key: number): void {
    this.places.delete(key);
    this.removed.add(key);
  }

  /** True if the table's own row for `key` no longer stands. */
  hides(key: number): boolean {
    return this.places.has(key) || this.removed.has(key);
  }

  /** Makes the changes part of `table`. */
  applyTo(table: UnitTable): void {
    for (const key of this.removed) table.delete(key);
    for (const [key, place] of this.places) table.set(key, place);
  }
}

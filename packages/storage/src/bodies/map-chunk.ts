/**
 * One stretch of 1,024 indexes of the entry map: packed columns for the entries that are in it, ascending,
 * 23 bytes an entry. A stretch in which every index is present is found by its slot, else by bisection.
 */
import { assert, ByteReader, ByteWriter } from "@kqueuey/base";

/** Indexes a chunk covers. */
export const CHUNK_ENTRIES = 1024;

const IN_BODY_SEGMENT = 1;
const GONE = 2;
const LENGTH_MASK = 0x0fff_ffff;

/** Where an entry's bytes are: the entry's data, or its block in a body segment. */
export interface ChunkPlace {
  readonly segment: number;
  readonly inBodySegment: boolean;
  readonly position: number;
  /** Bytes, up to 2^28 - 1. */
  readonly length: number;
  /** The kind's number, 0 … 15. */
  readonly kind: number;
  /** CRC-32 of the entry's data or of the whole block. */
  readonly crc: number;
}

export class MapChunk {
  /** The chunk covers `number * 1,024` and the 1,023 indexes after it. */
  readonly number: number;
  #slots: Uint16Array;
  #segments: Uint32Array;
  #positions: Uint32Array;
  #lengths: Uint32Array;
  #crcs: Uint32Array;
  #born: Uint16Array;
  #live: Uint16Array;
  #flags: Uint8Array;
  #count = 0;

  constructor(number: number, capacity = 16) {
    this.number = number;
    this.#slots = new Uint16Array(capacity);
    this.#segments = new Uint32Array(capacity);
    this.#positions = new Uint32Array(capacity);
    this.#lengths = new Uint32Array(capacity);
    this.#crcs = new Uint32Array(capacity);
    this.#born = new Uint16Array(capacity);
    this.#live = new Uint16Array(capacity);
    this.#flags = new Uint8Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  /** Memory of the columns. */
  get bytes(): number {
    return this.#slots.length * 23;
  }

  /** The row of `slot`, or -1. */
  find(slot: number): number {
    if (slot < this.#count && this.#slots[slot] === slot) return slot;
    const row = this.lowerBound(slot);
    return row < this.#count && this.#slots[row] === slot ? row : -1;
  }

  /** The first row whose slot is `slot` or more; `count` if there is none. */
  lowerBound(slot: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#slots[middle] ?? 0) < slot) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A row for `slot`, new (nothing born) or as it is. */
  insert(slot: number): number {
    const last = this.#count - 1;
    if (last < 0 || (this.#slots[last] ?? 0) < slot) return this.#open(this.#count, slot);
    const row = this.lowerBound(slot);
    return this.#slots[row] === slot ? row : this.#open(row, slot);
  }

  remove(row: number): void {
    assert(row >= 0 && row < this.#count, "row of the entry map");
    for (const column of this.#columns()) column.copyWithin(row, row + 1, this.#count);
    this.#count -= 1;
    const capacity = this.#slots.length;
    if (capacity > 64 && this.#count * 4 < capacity) this.#resize(capacity >>> 1);
  }

  setPlace(row: number, place: ChunkPlace): void {
    assert(place.length <= LENGTH_MASK, "entry length");
    this.#segments[row] = place.segment;
    this.#positions[row] = place.position;
    this.#lengths[row] = (place.length | (place.kind << 28)) >>> 0;
    this.#crcs[row] = place.crc;
    const flags = (this.#flags[row] ?? 0) & ~IN_BODY_SEGMENT;
    this.#flags[row] = flags | (place.inBodySegment ? IN_BODY_SEGMENT : 0);
  }

  slot(row: number): number {
    return this.#slots[row] ?? 0;
  }
  segment(row: number): number {
    return this.#segments[row] ?? 0;
  }
  inBodySegment(row: number): boolean {
    return ((this.#flags[row] ?? 0) & IN_BODY_SEGMENT) !== 0;
  }
  position(row: number): number {
    return this.#positions[row] ?? 0;
  }
  length(row: number): number {
    return (this.#lengths[row] ?? 0) & LENGTH_MASK;
  }
  kind(row: number): number {
    return (this.#lengths[row] ?? 0) >>> 28;
  }
  crc(row: number): number {
    return this.#crcs[row] ?? 0;
  }
  /** Bodies that the entry brought; 0 for one that matters to the log alone. */
  born(row: number): number {
    return this.#born[row] ?? 0;
  }
  setBorn(row: number, count: number): void {
    assert(count >= 0 && count <= 0xffff, "an entry has at most 65,535 bodies");
    this.#born[row] = count;
  }
  live(row: number): number {
    return this.#live[row] ?? 0;
  }
  setLive(row: number, count: number): void {
    assert(count >= 0 && count <= this.born(row), "no more bodies live than were born");
    this.#live[row] = count;
  }
  /** All its bodies died before the newest checkpoint began: the next manifest leaves it out. */
  isGone(row: number): boolean {
    return ((this.#flags[row] ?? 0) & GONE) !== 0;
  }
  setGone(row: number, gone: boolean): void {
    this.#flags[row] = ((this.#flags[row] ?? 0) & ~GONE) | (gone ? GONE : 0);
  }

  /** True if a row is gone. */
  hasGone(): boolean {
    for (let row = 0; row < this.#count; row++) if (this.isGone(row)) return true;
    return false;
  }

  /**
   * The rows that a checkpoint keeps, as bytes: those with bodies at or below slot `last`, and of those
   * that are gone none unless `keepGone`. Undefined if there is none.
   */
  encode(last: number, keepGone: boolean): Uint8Array | undefined {
    const writer = new ByteWriter(4 + this.#count * 21);
    writer.u16(0);
    let kept = 0;
    for (let row = 0; row < this.#count && this.slot(row) <= last; row++) {
      if (this.born(row) === 0 || (this.isGone(row) && !keepGone)) continue;
      kept += 1;
      writer.u16(this.slot(row));
      writer.u8(this.inBodySegment(row) ? IN_BODY_SEGMENT : 0);
      writer.u32(this.segment(row));
      writer.u32(this.position(row));
      writer.u32(this.#lengths[row] ?? 0);
      writer.u32(this.crc(row));
      writer.u16(this.born(row));
    }
    if (kept === 0) return undefined;
    writer.setU16(0, kept);
    return writer.view();
  }

  /** Reads what `encode` wrote; undefined if it is something else. All bodies count as dead. */
  static decode(number: number, bytes: Uint8Array): MapChunk | undefined {
    const reader = new ByteReader(bytes);
    const count = reader.u16();
    if (count === 0 || count > CHUNK_ENTRIES) return undefined;
    const chunk = new MapChunk(number, count);
    let previous = -1;
    for (let at = 0; at < count && reader.ok; at++) {
      const slot = reader.u16();
      const inBodySegment = (reader.u8() & IN_BODY_SEGMENT) !== 0;
      if (slot <= previous || slot >= CHUNK_ENTRIES) return undefined;
      previous = slot;
      const row = chunk.insert(slot);
      const segment = reader.u32();
      const position = reader.u32();
      const packed = reader.u32();
      const crc = reader.u32();
      const length = packed & LENGTH_MASK;
      const kind = packed >>> 28;
      chunk.setPlace(row, { segment, inBodySegment, position, length, kind, crc });
      chunk.setBorn(row, reader.u16());
    }
    return reader.ok && reader.remaining === 0 ? chunk : undefined;
  }

  #open(row: number, slot: number): number {
    assert(slot >= 0 && slot < CHUNK_ENTRIES, "slot of the entry map");
    const capacity = this.#slots.length;
    if (this.#count === capacity) this.#resize(Math.min(CHUNK_ENTRIES, capacity * 2));
    for (const column of this.#columns()) {
      column.copyWithin(row + 1, row, this.#count);
      column[row] = 0;
    }
    this.#slots[row] = slot;
    this.#count += 1;
    return row;
  }

  #columns(): readonly (Uint8Array | Uint16Array | Uint32Array)[] {
    return [
      this.#slots,
      this.#segments,
      this.#positions,
      this.#lengths,
      this.#crcs,
      this.#born,
      this.#live,
      this.#flags,
    ];
  }

  #resize(capacity: number): void {
    const count = this.#count;
    const grow = <T extends Uint8Array | Uint16Array | Uint32Array>(from: T, to: T): T => {
      to.set(from.subarray(0, count));
      return to;
    };
    this.#slots = grow(this.#slots, new Uint16Array(capacity));
    this.#segments = grow(this.#segments, new Uint32Array(capacity));
    this.#positions = grow(this.#positions, new Uint32Array(capacity));
    this.#lengths = grow(this.#lengths, new Uint32Array(capacity));
    this.#crcs = grow(this.#crcs, new Uint32Array(capacity));
    this.#born = grow(this.#born, new Uint16Array(capacity));
    this.#live = grow(this.#live, new Uint16Array(capacity));
    this.#flags = grow(this.#flags, new Uint8Array(capacity));
  }
}

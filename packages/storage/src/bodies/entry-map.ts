/**
 * Where each entry of a group's log is, and how many of its bodies are alive: about 23 bytes an entry.
 *
 * An entry is in the map for one of two reasons. It is *in the log* (readable whole, for followers): every
 * index above `logBase`. Or it *has bodies*: some were born in it, and the newest durable checkpoint or
 * the state machine may still refer to one. It leaves when neither holds.
 *
 * An entry whose last body died is not forgotten at once: the newest checkpoint was taken before that
 * death and still refers to it. The next checkpoint that begins leaves it out (`gone`), and once that one
 * is durable the entry is let go. So whatever a durable checkpoint names is there.
 */
import { assert, must } from "@kqueuey/base";
import { CHUNK_ENTRIES, type ChunkPlace, MapChunk } from "./map-chunk.ts";
import {
  bodySegmentRef,
  isBodySegment,
  SegmentLedger,
  type SegmentRef,
  segmentNumber,
} from "./segment-ledger.ts";

/** Where an entry's bytes are. */
export interface EntryPlace {
  readonly segment: SegmentRef;
  readonly position: number;
  /** Length of the entry's data, or of its block in a body segment. */
  readonly length: number;
  readonly kind: number;
  /** CRC-32 of the entry's data or of the whole block. */
  readonly crc: number;
}

/** An entry with bodies, as snapshots and compaction see it. */
export interface BodyEntry {
  readonly index: number;
  readonly place: EntryPlace;
  readonly born: number;
  readonly live: number;
}

export class EntryMap {
  readonly ledger: SegmentLedger = new SegmentLedger();
  readonly #chunks = new Map<number, MapChunk>();
  /** Chunks whose rows with bodies differ from what the newest checkpoint says. */
  readonly #dirty = new Set<number>();
  /** Entries whose last body died, in the order of the deaths. */
  #dead: number[] = [];
  /** How many of them the running checkpoint leaves out, were marked for it, were let go after it. */
  #goneTarget = 0;
  #goneCount = 0;
  #settled = 0;
  #logBase: number;
  #entries = 0;
  #liveBodies = 0;
  #bytes = 0;

  /** Entries above `logBase` are in the log. */
  constructor(logBase: number) {
    this.#logBase = logBase;
  }

  get logBase(): number {
    return this.#logBase;
  }
  get entries(): number {
    return this.#entries;
  }
  get bytes(): number {
    return this.#bytes + this.#dead.length * 8;
  }
  get liveBodies(): number {
    return this.#liveBodies;
  }

  /** Puts an entry of the log at its place. */
  place(index: number, place: EntryPlace): void {
    const chunk = this.#chunkFor(index);
    const before = chunk.count;
    const room = chunk.bytes;
    const row = chunk.insert(index % CHUNK_ENTRIES);
    this.#entries += chunk.count - before;
    this.#bytes += chunk.bytes - room;
    this.#charge(chunk, row, -1);
    chunk.setPlace(row, chunkPlace(place));
    this.#charge(chunk, row, 1);
  }

  /** Where the entry is, or undefined. */
  locate(index: number): EntryPlace | undefined {
    const chunk = this.#chunks.get(Math.floor(index / CHUNK_ENTRIES));
    const row = chunk === undefined ? -1 : chunk.find(index % CHUNK_ENTRIES);
    return chunk === undefined || row < 0 ? undefined : placeOf(chunk, row);
  }

  /** Bodies born in the entry and bodies of it alive; zero for one that is not in the map. */
  counts(index: number): { readonly born: number; readonly live: number } {
    const chunk = this.#chunks.get(Math.floor(index / CHUNK_ENTRIES));
    const row = chunk === undefined ? -1 : chunk.find(index % CHUNK_ENTRIES);
    if (chunk === undefined || row < 0) return { born: 0, live: 0 };
    return { born: chunk.born(row), live: chunk.live(row) };
  }

  /** `count` more bodies live in the entry, which must be placed. */
  born(index: number, count: number): void {
    const { chunk, row } = this.#find(index);
    this.#charge(chunk, row, -1);
    chunk.setBorn(row, chunk.born(row) + count);
    chunk.setLive(row, chunk.live(row) + count);
    this.#liveBodies += count;
    this.#charge(chunk, row, 1);
    this.#dirty.add(chunk.number);
  }

  /** `count` bodies of the entry died. */
  died(index: number, count: number): void {
    const { chunk, row } = this.#find(index);
    const live = chunk.live(row) - count;
    assert(live >= 0, "a body dies once");
    this.#charge(chunk, row, -1);
    chunk.setLive(row, live);
    this.#liveBodies -= count;
    this.#charge(chunk, row, 1);
    if (live === 0 && count > 0) this.#dead.push(index);
  }

  /** After a restore: `count` more living bodies of the entry. False if the map does not know it. */
  addLive(index: number, count: number): boolean {
    const chunk = this.#chunks.get(Math.floor(index / CHUNK_ENTRIES));
    const row = chunk === undefined ? -1 : chunk.find(index % CHUNK_ENTRIES);
    if (chunk === undefined || row < 0) return false;
    this.#charge(chunk, row, -1);
    const live = chunk.live(row) + count;
    if (chunk.born(row) < live) {
      chunk.setBorn(row, live);
      this.#dirty.add(chunk.number);
    }
    this.#liveBodies += count;
    chunk.setLive(row, live);
    this.#charge(chunk, row, 1);
    return true;
  }

  /** After a restore: entries with bodies that nobody reported alive are dead. */
  buryUnreported(): void {
    const known = new Set(this.#dead);
    for (const chunk of this.#chunks.values()) {
      for (let row = 0; row < chunk.count; row++) {
        const index = chunk.number * CHUNK_ENTRIES + chunk.slot(row);
        const dead = chunk.born(row) > 0 && chunk.live(row) === 0;
        if (dead && !known.has(index)) this.#dead.push(index);
      }
    }
  }

  /**
   * The entry's bodies are now in a block of a body segment. Its old place is not read any more. False
   * if the entry was let go meanwhile, or is not where it was copied from.
   */
  move(index: number, from: SegmentRef, to: EntryPlace & { readonly bodies: number }): boolean {
    const chunk = this.#chunks.get(Math.floor(index / CHUNK_ENTRIES));
    const row = chunk === undefined ? -1 : chunk.find(index % CHUNK_ENTRIES);
    if (chunk === undefined || row < 0 || chunk.born(row) === 0) return false;
    assert(index <= this.#logBase, "only what left the log is moved");
    if (segmentOf(chunk, row) !== from) return false;
    this.#charge(chunk, row, -1);
    // Bodies that died before the copy are not in the block: the living share starts anew.
    chunk.setBorn(row, Math.max(1, to.bodies, chunk.live(row)));
    chunk.setPlace(row, chunkPlace(to));
    this.#charge(chunk, row, 1);
    this.#dirty.add(chunk.number);
    return true;
  }

  /** Entries from `index` on are void; none of them was applied. */
  truncateFrom(index: number): void {
    const first = Math.floor(index / CHUNK_ENTRIES);
    for (const number of [...this.#chunks.keys()]) {
      const chunk = this.#chunks.get(number);
      if (chunk === undefined || number < first) continue;
      for (let row = chunk.count - 1; row >= 0; row--) {
        if (number * CHUNK_ENTRIES + chunk.slot(row) < index) break;
        assert(chunk.born(row) === 0, "an applied entry is never voided");
        this.#remove(chunk, row);
      }
    }
  }

  /** The log now begins after `index`: entries that only it needed leave. Only grows. */
  advanceLog(index: number): void {
    assert(index >= this.#logBase, "the log's beginning only moves forward");
    const first = Math.floor((this.#logBase + 1) / CHUNK_ENTRIES);
    const last = Math.floor(index / CHUNK_ENTRIES);
    this.#logBase = index;
    for (let number = first; number <= last; number++) {
      const chunk = this.#chunks.get(number);
      if (chunk === undefined) continue;
      for (let row = chunk.count - 1; row >= 0; row--) {
        if (number * CHUNK_ENTRIES + chunk.slot(row) > index) continue;
        if (chunk.born(row) === 0) this.#remove(chunk, row);
      }
    }
  }

  /** A checkpoint begins: entries whose bodies are all dead by now will not be in it. */
  beginCheckpoint(): void {
    assert(this.#settled === 0, "the last checkpoint was settled");
    this.#goneTarget = this.#dead.length;
  }

  /** Marks up to `limit` of those entries; true when all are marked and chunks may be written. */
  markGone(limit: number): boolean {
    const end = Math.min(this.#goneTarget, this.#goneCount + limit);
    for (let at = this.#goneCount; at < end; at++) {
      const { chunk, row } = this.#find(must(this.#dead[at], "dead entry"));
      chunk.setGone(row, true);
      this.#dirty.add(chunk.number);
    }
    this.#goneCount = end;
    return end === this.#goneTarget;
  }

  /**
   * That checkpoint is durable: nothing refers to the entries that it left out. Lets go of up to
   * `limit` of them; true when none is left.
   */
  settle(limit: number): boolean {
    const end = Math.min(this.#goneCount, this.#settled + limit);
    for (let at = this.#settled; at < end; at++) {
      const { chunk, row } = this.#find(must(this.#dead[at], "dead entry"));
      const index = chunk.number * CHUNK_ENTRIES + chunk.slot(row);
      this.#charge(chunk, row, -1);
      chunk.setBorn(row, 0);
      chunk.setGone(row, false);
      if (index <= this.#logBase) this.#remove(chunk, row);
    }
    this.#settled = end;
    if (end < this.#goneCount) return false;
    this.#dead = this.#dead.slice(end);
    this.#settled = 0;
    this.#goneCount = 0;
    this.#goneTarget = 0;
    return true;
  }

  /** The chunks that a checkpoint must write anew, which then count as written. */
  takeDirty(): readonly number[] {
    const taken = [...this.#dirty];
    this.#dirty.clear();
    return taken;
  }

  /** Counts a chunk as differing from the newest checkpoint. */
  markDirty(number: number): void {
    this.#dirty.add(number);
  }

  /** Counts every chunk as differing: for a checkpoint that writes all. */
  markAllDirty(): void {
    for (const number of this.#chunks.keys()) this.#dirty.add(number);
  }

  /**
   * The chunk's entries with bodies up to `upTo` as bytes; undefined if there are none. A manifest that
   * is rewritten for an older state keeps those that are gone since.
   */
  encodeChunk(
    number: number,
    range: { readonly upTo: number; readonly keepGone: boolean },
  ): Uint8Array | undefined {
    const chunk = this.#chunks.get(number);
    if (chunk === undefined) return undefined;
    const last = Math.min(CHUNK_ENTRIES - 1, range.upTo - number * CHUNK_ENTRIES);
    const lastRow = chunk.count - 1;
    const incomplete = lastRow >= 0 && chunk.slot(lastRow) > last;
    if (incomplete || (range.keepGone && chunk.hasGone())) this.#dirty.add(number);
    return chunk.encode(last, range.keepGone);
  }

  /** Adds a chunk that a checkpoint holds; false if the bytes are not one. */
  loadChunk(number: number, bytes: Uint8Array): boolean {
    const chunk = MapChunk.decode(number, bytes);
    if (chunk === undefined || this.#chunks.has(number)) return false;
    this.#chunks.set(number, chunk);
    this.#entries += chunk.count;
    this.#bytes += chunk.bytes;
    for (let row = 0; row < chunk.count; row++) this.#charge(chunk, row, 1);
    return true;
  }

  /** Chunk numbers, ascending. */
  chunkNumbers(): number[] {
    return [...this.#chunks.keys()].sort((a, b) => a - b);
  }

  /** Entries with bodies in the chunk, ascending, those whose bodies died since the checkpoint included. */
  *bodyEntries(number: number): Generator<BodyEntry> {
    const chunk = this.#chunks.get(number);
    if (chunk === undefined) return;
    for (let row = 0; row < chunk.count; row++) {
      if (chunk.born(row) === 0) continue;
      const index = number * CHUNK_ENTRIES + chunk.slot(row);
      const place = placeOf(chunk, row);
      yield { index, place, born: chunk.born(row), live: chunk.live(row) };
    }
  }

  #chunkFor(index: number): MapChunk {
    const number = Math.floor(index / CHUNK_ENTRIES);
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = new MapChunk(number);
      this.#chunks.set(number, chunk);
      this.#bytes += chunk.bytes;
    }
    return chunk;
  }

  #find(index: number): { readonly chunk: MapChunk; readonly row: number } {
    const chunk = must(
      this.#chunks.get(Math.floor(index / CHUNK_ENTRIES)),
      "an entry with bodies is in the map",
    );
    const row = chunk.find(index % CHUNK_ENTRIES);
    assert(row >= 0, "an entry with bodies is in the map");
    return { chunk, row };
  }

  #remove(chunk: MapChunk, row: number): void {
    assert(chunk.born(row) === 0, "an entry with bodies stays");
    const room = chunk.bytes;
    chunk.remove(row);
    this.#entries -= 1;
    this.#bytes += chunk.bytes - room;
    if (chunk.count > 0) return;
    this.#bytes -= chunk.bytes;
    this.#chunks.delete(chunk.number);
  }

  /** Adds (1) or takes back (-1) what the row counts for in its segment. */
  #charge(chunk: MapChunk, row: number, sign: 1 | -1): void {
    const born = chunk.born(row);
    if (born === 0) return;
    const share = Math.floor((chunk.length(row) * chunk.live(row)) / born);
    this.ledger.add(segmentOf(chunk, row), sign, sign * share);
  }
}

function segmentOf(chunk: MapChunk, row: number): SegmentRef {
  const segment = chunk.segment(row);
  return chunk.inBodySegment(row) ? bodySegmentRef(segment) : segment;
}

function placeOf(chunk: MapChunk, row: number): EntryPlace {
  return {
    segment: segmentOf(chunk, row),
    position: chunk.position(row),
    length: chunk.length(row),
    kind: chunk.kind(row),
    crc: chunk.crc(row),
  };
}

function chunkPlace(place: EntryPlace): ChunkPlace {
  return {
    segment: segmentNumber(place.segment),
    inBodySegment: isBodySegment(place.segment),
    position: place.position,
    length: place.length,
    kind: place.kind,
    crc: place.crc,
  };
}

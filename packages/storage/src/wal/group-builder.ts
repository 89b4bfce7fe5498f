/**
 * Puts one write group together: records go into the directory, data is only pointed at. The buffer is
 * reused, which is safe because one group is in flight at a time.
 */
import { assert, ByteWriter, type Crc32, type GroupId } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import { BLOCK_BYTES, encodeHeader, groupBytes, HEADER_BYTES, type SegmentSalt } from "./format.ts";
import type { Placements } from "./placements.ts";
import { ENTRY_RECORD_BYTES, encodeEntry } from "./records.ts";
import type { SegmentId } from "./types.ts";

/** More than this many pieces would make the host split the write. */
const CHUNKS_MAX = 512;
const PADDING = new Uint8Array(BLOCK_BYTES);

/** Where a group goes, and what its header says. */
export interface GroupPlace {
  readonly segment: SegmentId;
  readonly segmentBytes: number;
  readonly position: number;
  readonly salt: SegmentSalt;
  readonly head: boolean;
  readonly number: number;
}

interface PlacedEntry {
  readonly entry: Entry;
  readonly crc: number;
  readonly placements: Placements;
}

export class GroupBuilder {
  readonly #crc32: Crc32;
  readonly #buffer = new ByteWriter(64 * 1024);
  readonly #entries: PlacedEntry[] = [];
  #records = 0;
  #dataBytes = 0;
  #bytesMax = 0;

  constructor(crc32: Crc32) {
    this.#crc32 = crc32;
  }

  get records(): number {
    return this.#records;
  }

  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** Begins an empty group that takes at most `bytesMax` bytes of the segment. */
  begin(bytesMax: number): void {
    this.#buffer.truncate(0);
    for (let at = 0; at < HEADER_BYTES; at += 4) this.#buffer.u32(0);
    this.#entries.length = 0;
    this.#records = 0;
    this.#dataBytes = 0;
    this.#bytesMax = bytesMax;
  }

  /** Whether records of `recordBytes` in all still fit. */
  hasRoom(recordBytes: number): boolean {
    return this.#buffer.length + recordBytes + this.#dataBytes <= this.#bytesMax;
  }

  /** Whether the entry still fits; the first one may pass `softMax`. */
  hasRoomFor(entry: Entry, softMax: number): boolean {
    const more = ENTRY_RECORD_BYTES + entry.data.length;
    if (!this.hasRoom(more)) return false;
    if (this.#entries.length === 0) return true;
    if (this.#entries.length >= CHUNKS_MAX) return false;
    return this.#buffer.length + this.#dataBytes + more <= softMax;
  }

  /** Adds one record by its encoder. */
  record(encode: (into: ByteWriter) => void): void {
    encode(this.#buffer);
    this.#records += 1;
  }

  /** Adds an entry; `placements` learns its place in `finish`. */
  entry(group: GroupId, entry: Entry, placements: Placements): void {
    const crc = this.#crc32(entry.data);
    encodeEntry(this.#buffer, {
      group,
      entryKind: entry.kind,
      index: entry.index,
      term: entry.term,
      dataBytes: entry.data.length,
      dataCrc: crc,
    });
    this.#records += 1;
    this.#dataBytes += entry.data.length;
    this.#entries.push({ entry, crc, placements });
  }

  /** The pieces to write at the place, valid until the next `begin`. */
  finish(place: GroupPlace): { readonly chunks: readonly Uint8Array[]; readonly bytes: number } {
    const front = this.#buffer.view();
    const directory = front.subarray(HEADER_BYTES);
    encodeHeader(
      {
        segment: place.segment,
        segmentBytes: place.segmentBytes,
        head: place.head,
        number: place.number,
        durableUpTo: place.number - 1,
        salt: place.salt,
        directoryBytes: directory.length,
        records: this.#records,
        dataBytes: this.#dataBytes,
        directoryCrc: this.#crc32(directory),
      },
      front,
      this.#crc32,
    );
    const chunks: Uint8Array[] = [front];
    let at = place.position + front.length;
    for (const { entry, crc, placements } of this.#entries) {
      const length = entry.data.length;
      placements.push({ segment: place.segment, position: at, length, kind: entry.kind, crc });
      if (length > 0) chunks.push(entry.data);
      at += length;
    }
    const bytes = groupBytes(directory.length, this.#dataBytes);
    const padding = place.position + bytes - at;
    if (padding > 0) chunks.push(PADDING.subarray(0, padding));
    assert(place.position + bytes <= place.segmentBytes, "a group ends inside its segment");
    return { chunks, bytes };
  }
}

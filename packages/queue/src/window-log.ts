/**
 * What a FIFO queue remembers for five minutes: an append-only log of records in chunks, found by key. A
 * record counts until exactly five minutes of cluster time after it was written; its memory goes with its
 * chunk. Two logs of a queue: deduplication ids with the sequence of their first send, and receive attempts
 * with their grant.
 *
 *     16 bytes of key · u48 cluster time · u16 length · that many bytes
 */
import { ByteReader, ByteWriter, must } from "@kqueuey/base";
import {
  KEY_BYTES,
  KEY_WORDS,
  type Key,
  KeyIndex,
  type KeyOwner,
  readKey,
  sameKey,
} from "./key-index.ts";
import { FIFO_WINDOW_MS } from "./limits.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, type UnitLedger, unitKey } from "./units.ts";

const CHUNK_BYTES_MAX = 60 * 1024;
const RECORD_HEADER_BYTES = 24;
/** A place is a chunk's number in the log (16 bits) and an offset in it (16 bits). */
const CHUNKS_MAX = 0xffff;
const FIFO_UNIT_VERSION = 1;

/** What a unit of the FIFO kind holds. */
export const FIFO_UNIT = { groups: 1, deduplications: 2, attempts: 3 } as const;

/** Begins a unit of the FIFO kind. */
export function encodeFifoUnit(writer: ByteWriter, content: number, queueId: number): void {
  writer.u8(FIFO_UNIT_VERSION);
  writer.u8(content);
  writer.u48(queueId);
}

/** Reads what `encodeFifoUnit` wrote; undefined for what is no such unit. */
export function decodeFifoUnit(
  reader: ByteReader,
): { readonly content: number; readonly queueId: number } | undefined {
  const version = reader.u8();
  const content = reader.u8();
  const queueId = reader.u48();
  const ok = reader.ok && version === FIFO_UNIT_VERSION && content >= 1 && content <= 3;
  return ok ? { content, queueId } : undefined;
}

class WindowChunk implements Unit {
  readonly key: number;
  readonly #content: number;
  readonly #queueId: number;
  readonly records: ByteWriter = new ByteWriter(1_024);
  /** Cluster time of the last record. */
  lastAt = 0;
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(number: number, content: number, queueId: number) {
    this.key = unitKey(UNIT_KIND.fifo, number);
    this.#content = content;
    this.#queueId = queueId;
  }

  encode(writer: ByteWriter): void {
    encodeFifoUnit(writer, this.#content, this.#queueId);
    writer.raw(this.records.view());
  }
}

/** What a log needs of its machine. */
export interface WindowHost {
  readonly units: UnitLedger;
  takeUnit(): number;
}

export class WindowLog implements KeyOwner {
  readonly #host: WindowHost;
  readonly #content: number;
  readonly #queueId: number;
  readonly #index: KeyIndex = new KeyIndex(this);
  #chunks: WindowChunk[] = [];
  /** Number, in the log, of the first chunk. */
  #first = 0;
  #bytes = 0;
  readonly #key: Key = new Uint32Array(KEY_WORDS);

  constructor(host: WindowHost, content: number, queueId: number) {
    this.#host = host;
    this.#content = content;
    this.#queueId = queueId;
  }

  /** Bytes of the records. */
  get bytes(): number {
    return this.#bytes;
  }

  get indexBytes(): number {
    return this.#index.bytes;
  }

  /** A reader of what was recorded last under the key, unless that was five minutes ago. */
  find(key: Key, now: number): ByteReader | undefined {
    const place = this.#index.find(key);
    if (place < 0) return undefined;
    const { bytes, at } = this.#at(place);
    const reader = new ByteReader(bytes, at + KEY_BYTES);
    if (reader.u48() + FIFO_WINDOW_MS <= now) return undefined;
    const length = reader.u16();
    return new ByteReader(bytes, reader.position, reader.position + length);
  }

  /** Records something under the key, in the place of what there was. */
  record(key: Key, now: number, content: Uint8Array): void {
    const length = RECORD_HEADER_BYTES + content.length;
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.records.length + length > CHUNK_BYTES_MAX) {
      if (this.#chunks.length === CHUNKS_MAX) this.#dropFirst();
      chunk = new WindowChunk(this.#host.takeUnit(), this.#content, this.#queueId);
      this.#chunks.push(chunk);
      this.#host.units.add(chunk);
    } else {
      this.#host.units.touch(chunk);
    }
    const offset = chunk.records.length;
    for (const word of key) chunk.records.u32(word);
    chunk.records.u48(now);
    chunk.records.u16(content.length);
    chunk.records.raw(content);
    chunk.lastAt = now;
    this.#bytes += length;
    this.#index.set(key, this.#place(this.#chunks.length - 1, offset));
  }

  /** Frees the chunks of which nothing counts any more, and more of them while there are over `bytesMax` bytes. */
  expire(now: number, bytesMax: number = Number.POSITIVE_INFINITY): void {
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return;
      if (chunk.lastAt + FIFO_WINDOW_MS > now && this.#bytes <= bytesMax) return;
      this.#dropFirst();
    }
  }

  /** Frees everything; the log is not used again. */
  close(): void {
    for (const chunk of this.#chunks) this.#host.units.remove(chunk);
    this.#chunks = [];
  }

  units(): readonly Unit[] {
    return this.#chunks;
  }

  holdsKey(place: number, key: Key): boolean {
    const { bytes, at } = this.#at(place);
    readKey(bytes, at, this.#key);
    return sameKey(this.#key, key);
  }

  /** Takes in a chunk's unit behind the last, in ascending order of their numbers; false for what is none. */
  load(number: number, reader: ByteReader): boolean {
    const records = reader.raw(reader.remaining);
    if (records.length > CHUNK_BYTES_MAX || records.length === 0) return false;
    const chunk = new WindowChunk(number, this.#content, this.#queueId);
    const before = this.#chunks.at(-1)?.lastAt ?? 0;
    chunk.records.raw(records);
    chunk.saved = true;
    chunk.lastAt = before;
    this.#chunks.push(chunk);
    const walk = new ByteReader(records);
    const key: Key = new Uint32Array(KEY_WORDS);
    while (walk.remaining > 0) {
      const offset = walk.position;
      walk.skip(KEY_BYTES);
      const at = walk.u48();
      walk.skip(walk.u16());
      if (!walk.ok || at < chunk.lastAt) return false;
      chunk.lastAt = at;
      readKey(records, offset, key);
      this.#index.set(key, this.#place(this.#chunks.length - 1, offset));
    }
    this.#bytes += records.length;
    return this.#chunks.length <= CHUNKS_MAX;
  }

  /** What is wrong with the records, in words; undefined when nothing is. */
  check(now: number, check: (reader: ByteReader) => string | undefined): string | undefined {
    for (const chunk of this.#chunks) {
      if (chunk.lastAt > now) return "remembers something of the future";
      const reader = new ByteReader(chunk.records.view());
      while (reader.remaining > 0) {
        reader.skip(KEY_BYTES + 6);
        const end = reader.u16() + reader.position;
        const content = new ByteReader(chunk.records.view(), reader.position, end);
        const found = check(content);
        if (found !== undefined) return found;
        reader.skip(end - reader.position);
      }
    }
    return undefined;
  }

  #dropFirst(): void {
    const chunk = must(this.#chunks.shift(), "a log with chunks");
    const bytes = chunk.records.view();
    const base = (this.#first & 0xffff) * 0x1_0000;
    const reader = new ByteReader(bytes);
    while (reader.remaining > 0) {
      const offset = reader.position;
      readKey(bytes, offset, this.#key);
      this.#index.remove(this.#key, base + offset);
      reader.skip(KEY_BYTES + 6);
      reader.skip(reader.u16());
    }
    this.#bytes -= bytes.length;
    this.#first += 1;
    this.#host.units.remove(chunk);
  }

  #place(chunk: number, offset: number): number {
    return ((this.#first + chunk) & 0xffff) * 0x1_0000 + offset;
  }

  #at(place: number): { readonly bytes: Uint8Array; readonly at: number } {
    const chunk = (Math.floor(place / 0x1_0000) - this.#first) & 0xffff;
    const bytes = must(this.#chunks[chunk], "the chunk of a record").records.view();
    return { bytes, at: place % 0x1_0000 };
  }
}

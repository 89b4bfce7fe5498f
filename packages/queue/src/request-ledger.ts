/**
 * How retries are recognised. Request ids of 16 bytes of hash are remembered in two append-only
 * generations: the current takes records for 60 s (or until it is full), then becomes the previous,
 * and the one before is forgotten at once. So an id is remembered for at least the length of one
 * generation. Ids of sessions are remembered per session, within a window behind its highest sequence.
 *
 * A record is: 16 bytes of hash · u16 length · that many bytes, which its command wrote (replay.ts).
 */
import { ByteReader, ByteWriter, must } from "@kqueuey/base";
import { REQUEST_HASH } from "./command.ts";
import type { SessionId } from "./ids.ts";
import {
  IDEMPOTENCY_BYTES_MAX,
  IDEMPOTENCY_WINDOW_MS,
  SESSION_WINDOW,
  SESSIONS_MAX,
} from "./limits.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, type UnitLedger, unitKey } from "./units.ts";

const CHUNK_BYTES_MAX = 60 * 1024;
const RECORD_HEADER_BYTES = 18;
const REQUESTS_UNIT_VERSION = 1;
const SESSION_UNIT_VERSION = 1;
const TABLE_SLOTS_MIN = 256;

/** Records of one generation, up to 60 KiB of them. */
class Chunk implements Unit {
  readonly number: number;
  readonly key: number;
  readonly records: ByteWriter = new ByteWriter(1_024);
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(number: number) {
    this.number = number;
    this.key = unitKey(UNIT_KIND.requests, number);
  }

  encode(writer: ByteWriter): void {
    writer.u8(REQUESTS_UNIT_VERSION);
    writer.raw(this.records.view());
  }
}

/** One generation: its chunks, and a table that finds a record by its hash. */
class Generation {
  startedAt: number;
  chunks: Chunk[] = [];
  bytes = 0;
  #records = 0;
  /** Pairs: chunk << 16 | offset, plus 1 (0: free); first 32 bits of the hash. */
  #table: Uint32Array = new Uint32Array(TABLE_SLOTS_MIN * 2);

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  /** The record's bytes, valid until the next record; undefined when there is none. */
  find(hash: Uint8Array): Uint8Array | undefined {
    if (this.#records === 0) return undefined;
    const word = firstWord(hash);
    const mask = this.#table.length / 2 - 1;
    for (let slot = word & mask; ; slot = (slot + 1) & mask) {
      const reference = this.#table[slot * 2] ?? 0;
      if (reference === 0) return undefined;
      if (this.#table[slot * 2 + 1] !== word) continue;
      const record = this.#recordAt(reference - 1, hash);
      if (record !== undefined) return record;
    }
  }

  /** Notes that a record is at `offset` of the `chunk`-th chunk. */
  index(chunk: number, offset: number, word: number): void {
    this.#records += 1;
    if (this.#records * 2 > this.#table.length / 2) this.#grow();
    this.#put(chunk * 0x1_0000 + offset + 1, word);
  }

  #put(reference: number, word: number): void {
    const mask = this.#table.length / 2 - 1;
    let slot = word & mask;
    while (this.#table[slot * 2] !== 0) slot = (slot + 1) & mask;
    this.#table[slot * 2] = reference;
    this.#table[slot * 2 + 1] = word;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      const reference = old[at] ?? 0;
      if (reference !== 0) this.#put(reference, old[at + 1] ?? 0);
    }
  }

  #recordAt(reference: number, hash: Uint8Array): Uint8Array | undefined {
    const bytes = must(this.chunks[reference >>> 16], "chunk of a record").records.view();
    const at = reference & 0xffff;
    for (let i = 0; i < 16; i++) if (bytes[at + i] !== hash[i]) return undefined;
    const length = (bytes[at + 16] ?? 0) | ((bytes[at + 17] ?? 0) << 8);
    return bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length);
  }
}

/** A session's outcomes within its window. */
class Session implements Unit {
  readonly id: SessionId;
  readonly key: number;
  highest = 0;
  /** Index of the entry that used it last. */
  usedAt = 0;
  readonly outcomes: Map<number, Uint8Array> = new Map();
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(id: SessionId) {
    this.id = id;
    this.key = unitKey(UNIT_KIND.session, id);
  }

  encode(writer: ByteWriter): void {
    writer.u8(SESSION_UNIT_VERSION);
    writer.u53(this.highest);
    writer.u53(this.usedAt);
    const kept = [...this.outcomes.keys()]
      .filter((sequence) => sequence > this.highest - SESSION_WINDOW)
      .sort((a, b) => a - b);
    writer.u16(kept.length);
    for (const sequence of kept) {
      writer.u53(sequence);
      writer.blob(must(this.outcomes.get(sequence), "outcome of a session"));
    }
  }
}

/** What is known of a request id: the record of its first execution, nothing, or that it is too old to say. */
export type RequestFind = Uint8Array | undefined | "expired";

export class RequestLedger {
  readonly #units: UnitLedger;
  readonly #takeUnit: () => number;
  #current = new Generation(0);
  #previous = new Generation(0);
  /** Number of the first chunk that may be the current generation's. */
  #currentFrom = 0;
  readonly #sessions = new Map<number, Session>();
  #nextSession = 1;

  constructor(units: UnitLedger, takeUnit: () => number) {
    this.#units = units;
    this.#takeUnit = takeUnit;
  }

  /** For how long, in ms, an id is remembered at least: less than 60,000 while the cap cuts generations short. */
  get windowMs(): number {
    const span = this.#current.startedAt - this.#previous.startedAt;
    return this.#previous.bytes === 0
      ? IDEMPOTENCY_WINDOW_MS
      : Math.min(span, IDEMPOTENCY_WINDOW_MS);
  }

  /** Bytes of the records of hashed request ids. */
  get bytes(): number {
    return this.#current.bytes + this.#previous.bytes;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** At every entry: turns the generations over when the current one is old enough. */
  advance(now: number): void {
    if (now - this.#current.startedAt >= IDEMPOTENCY_WINDOW_MS) this.#rotate(now);
  }

  /** Looks up the request id whose tag and content `id` holds (tag not none). */
  find(id: Uint8Array): RequestFind {
    if (id[0] === REQUEST_HASH) {
      const hash = id.subarray(1);
      return this.#current.find(hash) ?? this.#previous.find(hash);
    }
    const reader = new ByteReader(id, 1);
    const session = this.#sessions.get(reader.u53());
    const sequence = reader.u53();
    if (session === undefined || sequence <= session.highest - SESSION_WINDOW) return "expired";
    return session.outcomes.get(sequence);
  }

  /** Remembers what was executed under `id`, which `find` did not know. */
  record(id: Uint8Array, outcome: Uint8Array, at: { index: number; now: number }): void {
    if (id[0] === REQUEST_HASH) this.#recordHash(id.subarray(1), outcome, at.now);
    else this.#recordSession(id, outcome, at.index);
  }

  #recordHash(hash: Uint8Array, outcome: Uint8Array, now: number): void {
    if (this.#current.bytes >= IDEMPOTENCY_BYTES_MAX) this.#rotate(now);
    const generation = this.#current;
    const length = RECORD_HEADER_BYTES + outcome.length;
    let chunk = generation.chunks.at(-1);
    if (chunk === undefined || chunk.records.length + length > CHUNK_BYTES_MAX) {
      chunk = new Chunk(this.#takeUnit());
      generation.chunks.push(chunk);
      this.#units.add(chunk);
    } else {
      this.#units.touch(chunk);
    }
    const offset = chunk.records.length;
    chunk.records.raw(hash);
    chunk.records.u16(outcome.length);
    chunk.records.raw(outcome);
    generation.bytes += length;
    generation.index(generation.chunks.length - 1, offset, firstWord(hash));
  }

  #recordSession(id: Uint8Array, outcome: Uint8Array, index: number): void {
    const reader = new ByteReader(id, 1);
    const session = this.#sessions.get(reader.u53());
    // The command may have opened so many sessions that its own is gone; then there is nothing to keep.
    if (session === undefined) return;
    const sequence = reader.u53();
    this.#units.touch(session);
    session.usedAt = index;
    session.outcomes.set(sequence, outcome.slice());
    if (sequence > session.highest) session.highest = sequence;
    if (session.outcomes.size < SESSION_WINDOW * 2) return;
    for (const old of session.outcomes.keys()) {
      if (old <= session.highest - SESSION_WINDOW) session.outcomes.delete(old);
    }
  }

  #rotate(now: number): void {
    for (const chunk of this.#previous.chunks) this.#units.remove(chunk);
    this.#previous = this.#current;
    this.#current = new Generation(now);
    this.#currentFrom = this.#takeUnit();
  }

  /** Opens a session, forgetting the one that was unused for longest when there are too many. */
  openSession(index: number): SessionId {
    if (this.#sessions.size >= SESSIONS_MAX) this.#evict();
    const id = this.#nextSession as SessionId;
    this.#nextSession += 1;
    const session = new Session(id);
    session.usedAt = index;
    this.#sessions.set(id, session);
    this.#units.add(session);
    return id;
  }

  #evict(): void {
    let oldest: Session | undefined;
    for (const session of this.#sessions.values()) {
      const older =
        oldest === undefined ||
        session.usedAt < oldest.usedAt ||
        (session.usedAt === oldest.usedAt && session.id < oldest.id);
      if (older) oldest = session;
    }
    if (oldest === undefined) return;
    this.#sessions.delete(oldest.id);
    this.#units.remove(oldest);
  }

  *allUnits(): Iterable<Unit> {
    yield* this.#previous.chunks;
    yield* this.#current.chunks;
    for (const id of [...this.#sessions.keys()].sort((a, b) => a - b)) {
      const session = this.#sessions.get(id);
      if (session !== undefined) yield session;
    }
  }

  /** The ledger's part of the machine's header. */
  encodeHeader(writer: ByteWriter): void {
    writer.u48(this.#previous.startedAt);
    writer.u48(this.#current.startedAt);
    writer.u53(this.#currentFrom);
    writer.u53(this.#nextSession);
  }

  /** Reads what `encodeHeader` wrote, before any chunk. */
  decodeHeader(reader: ByteReader): void {
    this.#previous.startedAt = reader.u48();
    this.#current.startedAt = reader.u48();
    this.#currentFrom = reader.u53();
    this.#nextSession = reader.u53();
    if (this.#nextSession === 0) reader.fail();
  }

  /** Takes in a chunk's unit, after the header, in ascending order of numbers; false for what is none. */
  loadChunk(number: number, bytes: Uint8Array): boolean {
    if (bytes[0] !== REQUESTS_UNIT_VERSION || bytes.length > CHUNK_BYTES_MAX + 1) return false;
    const generation = number >= this.#currentFrom ? this.#current : this.#previous;
    const chunk = new Chunk(number);
    const records = bytes.subarray(1);
    const reader = new ByteReader(records);
    while (reader.remaining > 0 && reader.ok) {
      const offset = reader.position;
      const hash = reader.raw(16);
      reader.skip(reader.u16());
      if (reader.ok) generation.index(generation.chunks.length, offset, firstWord(hash));
    }
    if (!reader.ok) return false;
    chunk.records.raw(records);
    chunk.saved = true;
    generation.chunks.push(chunk);
    generation.bytes += records.length;
    return true;
  }

  /** Takes in a session's unit; false for what is none. */
  loadSession(id: SessionId, bytes: Uint8Array): boolean {
    const reader = new ByteReader(bytes);
    const session = new Session(id);
    if (reader.u8() !== SESSION_UNIT_VERSION) return false;
    session.highest = reader.u53();
    session.usedAt = reader.u53();
    const count = reader.u16();
    if (count > SESSION_WINDOW || this.#sessions.size >= SESSIONS_MAX) return false;
    for (let i = 0; i < count && reader.ok; i++) {
      session.outcomes.set(reader.u53(), reader.blob().slice());
    }
    if (!reader.ok || reader.remaining > 0 || id >= this.#nextSession) return false;
    session.saved = true;
    this.#sessions.set(id, session);
    return true;
  }
}

function firstWord(hash: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = hash;
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

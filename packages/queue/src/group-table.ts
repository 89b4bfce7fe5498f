/**
 * The message groups that a queue has messages of, without an object for any: numbers from 1, and words
 * in chunks of 256. A group is there while it has messages; the lowest free number is given first, so that
 * the numbers follow from the state alone.
 *
 *     0 … 3  key: a piece of the hash of the group's id
 *     4, 5   turn: the order in which groups are served; 0 while the group is not in the round
 *     6, 7   first and last message, as references into the page pool
 *     8      messages, those in the outbox included
 *     9, 10  next and previous group in the round
 *
 * Words behind these are what a standard queue needs to be fair to its groups: see fair.ts. Of the words from 4 on it
 * has use for the count of messages alone.
 *
 * Key and turn are the state; the rest follows from the messages and is rebuilt when a machine is loaded.
 */
import { assert, type ByteReader, type ByteWriter, must } from "@kqueuey/base";
import { KEY_WORDS, type Key, KeyIndex, type KeyOwner } from "./key-index.ts";
import { FIFO_GROUPS_MAX } from "./limits.ts";
import { NO_REFERENCE } from "./page-pool.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, unitKey } from "./units.ts";
import { encodeFifoUnit, FIFO_UNIT, type WindowHost } from "./window-log.ts";

const CHUNK_GROUPS = 256;
/** Words of a group in a FIFO queue; others may have more behind them. */
export const GROUP_WORDS = 11;
const TURN = 4;
const FIRST = 6;
const LAST = 7;
const HELD = 8;
const NEXT = 9;
const PREVIOUS = 10;
const HIGH = 0x1_0000_0000;

class GroupChunk implements Unit {
  readonly key: number;
  /** Group i of the chunk has number `place * 256 + i + 1`. */
  readonly place: number;
  readonly #queueId: number;
  /** Words of a group. */
  readonly stride: number;
  readonly words: Uint32Array;
  /** Bits of the numbers that are taken. */
  readonly taken: Uint32Array = new Uint32Array(CHUNK_GROUPS / 32);
  count = 0;
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(
    number: number,
    of: { readonly place: number; readonly queueId: number; readonly stride: number },
  ) {
    this.key = unitKey(UNIT_KIND.fifo, number);
    this.place = of.place;
    this.#queueId = of.queueId;
    this.stride = of.stride;
    this.words = new Uint32Array(CHUNK_GROUPS * of.stride);
  }

  isTaken(slot: number): boolean {
    return ((this.taken[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0;
  }

  setTaken(slot: number, taken: boolean): void {
    const bit = 1 << (slot & 31);
    const bits = this.taken[slot >>> 5] ?? 0;
    this.taken[slot >>> 5] = taken ? bits | bit : bits & ~bit;
    this.count += taken ? 1 : -1;
  }

  /** The lowest free slot, or -1. */
  free(): number {
    for (let word = 0; word < this.taken.length; word++) {
      const bits = ~(this.taken[word] ?? 0);
      if (bits !== 0) return word * 32 + (31 - Math.clz32(bits & -bits));
    }
    return -1;
  }

  encode(writer: ByteWriter): void {
    encodeFifoUnit(writer, FIFO_UNIT.groups, this.#queueId);
    writer.u32(this.place);
    writer.u16(this.count);
    for (let slot = 0; slot < CHUNK_GROUPS; slot++) {
      if (!this.isTaken(slot)) continue;
      const at = slot * this.stride;
      writer.u16(slot);
      for (let word = 0; word < KEY_WORDS; word++) writer.u32(this.words[at + word] ?? 0);
      writer.u48((this.words[at + TURN] ?? 0) + (this.words[at + TURN + 1] ?? 0) * HIGH);
    }
  }
}

export class GroupTable implements KeyOwner {
  readonly #host: WindowHost;
  readonly #queueId: number;
  readonly #stride: number;
  readonly #chunks: (GroupChunk | undefined)[] = [];
  readonly #index: KeyIndex = new KeyIndex(this);
  /** All chunks before this are full. */
  #roomFrom = 0;
  #count = 0;
  /** The round: groups whose first message can be received, in the order of their turns. */
  #roundFirst = 0;
  #roundLast = 0;
  #inRound = 0;

  constructor(host: WindowHost, queueId: number, stride: number = GROUP_WORDS) {
    this.#host = host;
    this.#queueId = queueId;
    this.#stride = stride;
  }

  get count(): number {
    return this.#count;
  }

  /** Groups in the round. */
  get inRound(): number {
    return this.#inRound;
  }

  /** The group whose turn it is, or 0. */
  get roundFirst(): number {
    return this.#roundFirst;
  }

  get bytes(): number {
    let bytes = this.#index.bytes;
    for (const chunk of this.#chunks) {
      if (chunk !== undefined) bytes += chunk.words.byteLength + chunk.taken.byteLength;
    }
    return bytes;
  }

  /** The number of a key's group; 0 when there is none. */
  find(key: Key): number {
    return this.#index.find(key) + 1;
  }

  /** The number of a key's group, which comes to be if it is not there. */
  open(key: Key): number {
    const found = this.find(key);
    if (found !== 0) return found;
    assert(this.#count < FIFO_GROUPS_MAX, "more groups than numbers");
    const chunk = this.#chunkWithRoom();
    const slot = chunk.free();
    this.#touch(chunk);
    this.#put(chunk, slot, key);
    return chunk.place * CHUNK_GROUPS + slot + 1;
  }

  #put(chunk: GroupChunk, slot: number, key: Key): void {
    chunk.setTaken(slot, true);
    const at = slot * this.#stride;
    for (let word = 0; word < KEY_WORDS; word++) chunk.words[at + word] = key[word] ?? 0;
    chunk.words.fill(0, at + KEY_WORDS, at + this.#stride);
    chunk.words[at + FIRST] = NO_REFERENCE;
    chunk.words[at + LAST] = NO_REFERENCE;
    this.#count += 1;
    this.#index.set(key, chunk.place * CHUNK_GROUPS + slot);
  }

  #chunkWithRoom(): GroupChunk {
    for (;;) {
      const chunk = this.#chunks[this.#roomFrom];
      if (chunk === undefined) {
        const made = this.#newChunk(this.#host.takeUnit(), this.#roomFrom);
        this.#chunks[this.#roomFrom] = made;
        this.#host.units.add(made);
        return made;
      }
      if (chunk.count < CHUNK_GROUPS) return chunk;
      this.#roomFrom += 1;
    }
  }

  #newChunk(number: number, place: number): GroupChunk {
    return new GroupChunk(number, { place, queueId: this.#queueId, stride: this.#stride });
  }

  #close(group: number): void {
    const { chunk, at } = this.#at(group);
    this.#touch(chunk);
    this.#index.remove(this.keyOf(group), group - 1);
    chunk.setTaken(at / this.#stride, false);
    this.#count -= 1;
    if (chunk.place < this.#roomFrom) this.#roomFrom = chunk.place;
    if (chunk.count > 0) return;
    this.#chunks[chunk.place] = undefined;
    this.#host.units.remove(chunk);
  }

  keyOf(group: number): Key {
    const { chunk, at } = this.#at(group);
    return chunk.words.subarray(at, at + KEY_WORDS);
  }

  has(group: number): boolean {
    const chunk = group > 0 ? this.#chunks[(group - 1) >>> 8] : undefined;
    return chunk?.isTaken((group - 1) & (CHUNK_GROUPS - 1)) ?? false;
  }

  first(group: number): number {
    return this.word(group, FIRST);
  }

  setFirst(group: number, reference: number): void {
    this.setWord(group, FIRST, reference);
  }

  last(group: number): number {
    return this.word(group, LAST);
  }

  setLast(group: number, reference: number): void {
    this.setWord(group, LAST, reference);
  }

  held(group: number): number {
    return this.word(group, HELD);
  }

  /** One message more of the group. */
  hold(group: number): void {
    this.setWord(group, HELD, this.held(group) + 1);
  }

  /** One message less: a group without any is no more. */
  letGo(group: number): void {
    const held = this.held(group) - 1;
    this.setWord(group, HELD, held);
    if (held === 0) this.#close(group);
  }

  turn(group: number): number {
    return this.word(group, TURN) + this.word(group, TURN + 1) * HIGH;
  }

  /** To the end of the round. Turns only grow, so the round is in the order of turns. */
  joinRound(group: number, turn: number): void {
    const { chunk, at } = this.#at(group);
    this.#touch(chunk);
    chunk.words[at + TURN] = turn;
    chunk.words[at + TURN + 1] = Math.floor(turn / HIGH);
    this.#append(group);
  }

  #append(group: number): void {
    this.setWord(group, NEXT, 0);
    this.setWord(group, PREVIOUS, this.#roundLast);
    if (this.#roundLast === 0) this.#roundFirst = group;
    else this.setWord(this.#roundLast, NEXT, group);
    this.#roundLast = group;
    this.#inRound += 1;
  }

  leaveRound(group: number): void {
    const { chunk, at } = this.#at(group);
    this.#touch(chunk);
    chunk.words[at + TURN] = 0;
    chunk.words[at + TURN + 1] = 0;
    const next = chunk.words[at + NEXT] ?? 0;
    const previous = chunk.words[at + PREVIOUS] ?? 0;
    if (next === 0) this.#roundLast = previous;
    else this.setWord(next, PREVIOUS, previous);
    if (previous === 0) this.#roundFirst = next;
    else this.setWord(previous, NEXT, next);
    this.#inRound -= 1;
  }

  /** The group after this one in the round, or 0. */
  nextInRound(group: number): number {
    return this.word(group, NEXT);
  }

  /** Every group, by number. */
  *all(): Iterable<number> {
    for (const chunk of this.#chunks) {
      if (chunk === undefined) continue;
      for (let slot = 0; slot < CHUNK_GROUPS; slot++) {
        if (chunk.isTaken(slot)) yield chunk.place * CHUNK_GROUPS + slot + 1;
      }
    }
  }

  /** Frees everything; the table is not used again. */
  drop(): void {
    for (const chunk of this.#chunks) if (chunk !== undefined) this.#host.units.remove(chunk);
  }

  *units(): Iterable<Unit> {
    for (const chunk of this.#chunks) if (chunk !== undefined) yield chunk;
  }

  holdsKey(place: number, key: Key): boolean {
    const { chunk, at } = this.#at(place + 1);
    for (let word = 0; word < KEY_WORDS; word++) {
      if (chunk.words[at + word] !== key[word]) return false;
    }
    return true;
  }

  /** Takes in a chunk's unit; false for what is none. */
  load(number: number, reader: ByteReader): boolean {
    const place = reader.u32();
    const count = reader.u16();
    const fits = place * CHUNK_GROUPS < FIFO_GROUPS_MAX && count > 0 && count <= CHUNK_GROUPS;
    if (!reader.ok || !fits || this.#chunks[place] !== undefined) return false;
    while (this.#chunks.length < place) this.#chunks.push(undefined);
    const chunk = this.#newChunk(number, place);
    chunk.saved = true;
    this.#chunks[place] = chunk;
    const key: Key = new Uint32Array(KEY_WORDS);
    let least = 0;
    for (let i = 0; i < count; i++) {
      const slot = reader.u16();
      for (let word = 0; word < KEY_WORDS; word++) key[word] = reader.u32();
      const turn = reader.u48();
      if (!reader.ok || slot < least || slot >= CHUNK_GROUPS || this.find(key) !== 0) return false;
      least = slot + 1;
      this.#put(chunk, slot, key);
      chunk.words[slot * this.#stride + TURN] = turn;
      chunk.words[slot * this.#stride + TURN + 1] = Math.floor(turn / HIGH);
    }
    return reader.remaining === 0;
  }

  /** Rebuilds the round of the groups that have a turn. */
  link(): void {
    const waiting = [...this.all()].filter((group) => this.turn(group) > 0);
    waiting.sort((a, b) => this.turn(a) - this.turn(b));
    for (const group of waiting) this.#append(group);
  }

  #at(group: number): { readonly chunk: GroupChunk; readonly at: number } {
    const chunk = must(this.#chunks[(group - 1) >>> 8], "the chunk of a group");
    return { chunk, at: ((group - 1) & (CHUNK_GROUPS - 1)) * this.#stride };
  }

  /** A word of a group that is there. */
  word(group: number, word: number): number {
    const { chunk, at } = this.#at(group);
    return chunk.words[at + word] ?? 0;
  }

  /** For words that are no part of the state. */
  setWord(group: number, word: number, value: number): void {
    const { chunk, at } = this.#at(group);
    chunk.words[at + word] = value;
  }

  #touch(chunk: GroupChunk): void {
    if (chunk.mark !== MARK.changed) this.#host.units.touch(chunk);
  }
}

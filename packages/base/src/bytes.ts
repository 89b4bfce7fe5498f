/**
 * Reading and writing binary records. Little-endian throughout. Integers of 48 bits and `u53` cover
 * indexes and times; no BigInt on a hot path. Readers of bytes from outside use `ByteReader`, which
 * remembers an overrun instead of throwing, so that a decoder checks once, at its end.
 */
import { assert } from "./assert.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** Texts up to this long have a length of one byte, and a way of their own when they are ASCII. */
const SHORT_TEXT = 64;

/** Appends to one growing buffer, which it may share with nobody until `take()` or `view()`. */
export class ByteWriter {
  #bytes: Uint8Array;
  /** Made when it is first needed: most records are of bytes and varints. */
  #lazyView: DataView | undefined;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes);
  }

  get #view(): DataView {
    this.#lazyView ??= new DataView(this.#bytes.buffer);
    return this.#lazyView;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that fit before the buffer grows. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Makes room for `more` bytes; doubles, so that appending stays linear. */
  reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    let capacity = Math.max(64, this.#bytes.length * 2);
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#lazyView = undefined;
  }

  u8(value: number): void {
    this.reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  u16(value: number): void {
    this.reserve(2);
    this.#bytes[this.#length] = value;
    this.#bytes[this.#length + 1] = value >>> 8;
    this.#length += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** 6 bytes: 0 … 2^48 - 1. Times in ms and most counters. */
  u48(value: number): void {
    assert(value >= 0 && value < 0x1_0000_0000_0000, "u48 out of range");
    this.reserve(6);
    // It takes the low 32 bits by itself; the remainder of a division costs several times more.
    this.#view.setUint32(this.#length, value, true);
    this.#view.setUint16(this.#length + 4, Math.floor(value / 0x1_0000_0000), true);
    this.#length += 6;
  }

  /** 8 bytes: 0 … 2^53 - 1. Log indexes, sequences, tokens. */
  u53(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "u53 out of range");
    this.reserve(8);
    this.#view.setUint32(this.#length, value, true);
    this.#view.setUint32(this.#length + 4, Math.floor(value / 0x1_0000_0000), true);
    this.#length += 8;
  }

  /** LEB128, 1 to 8 bytes, 0 … 2^53 - 1. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "varint out of range");
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** The bytes as they are, with no length before them. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A varint length, then the bytes. */
  blob(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A varint length in bytes, then the text in UTF-8. */
  text(value: string): void {
    if (value.length > SHORT_TEXT || !this.#shortAscii(value)) this.blob(encodeUtf8(value));
  }

  /** Writes a short ASCII text, if it is one: several times faster than the encoder. */
  #shortAscii(value: string): boolean {
    const length = value.length;
    this.reserve(1 + length);
    const at = this.#length + 1;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      this.#bytes[at + i] = code;
    }
    this.#bytes[at - 1] = length;
    this.#length = at + length;
    return true;
  }

  /** Overwrites 4 bytes at `position`, which must have been written: for lengths known later. */
  setU32(position: number, value: number): void {
    assert(position + 4 <= this.#length, "setU32 past the end");
    this.#view.setUint32(position, value, true);
  }

  /** Overwrites 2 bytes at `position`, which must have been written. */
  setU16(position: number, value: number): void {
    assert(position + 2 <= this.#length, "setU16 past the end");
    this.#view.setUint16(position, value, true);
  }

  /** Forgets everything after `length`. */
  truncate(length: number): void {
    assert(length <= this.#length, "truncate past the end");
    this.#length = length;
  }

  /** What was written from `start` on, sharing memory: valid until the next write. */
  view(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  /** What was written, as bytes of their own; the writer is empty afterwards and keeps its buffer. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }
}

/** Walks over bytes that may be anything. After an overrun every read gives 0 and `ok` is false. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #end: number;
  #position: number;
  #ok = true;

  /** Reads `bytes` from `start` to `end` (exclusive). */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    assert(start >= 0 && start <= end && end <= bytes.length, "reader range");
    this.bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /** False once anything was read past the end, or a varint was too long. */
  get ok(): boolean {
    return this.#ok;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  /** Marks the input as malformed: for decoders that find an impossible value. */
  fail(): void {
    this.#ok = false;
    this.#position = this.#end;
  }

  #advance(count: number): number {
    const at = this.#position;
    if (!this.#ok || count < 0 || at + count > this.#end) {
      this.fail();
      return -1;
    }
    this.#position = at + count;
    return at;
  }

  u8(): number {
    const at = this.#advance(1);
    return at < 0 ? 0 : byteAt(this.bytes, at);
  }

  u16(): number {
    const at = this.#advance(2);
    return at < 0 ? 0 : u16At(this.bytes, at);
  }

  u32(): number {
    const at = this.#advance(4);
    return at < 0 ? 0 : u32At(this.bytes, at);
  }

  /** Reads `count` words into `words` from `start` on; leaves them as they are when so many are not there. */
  u32s(words: Uint32Array, start: number, count: number): void {
    const at = this.#advance(4 * count);
    if (at < 0) return;
    for (let word = 0; word < count; word++) words[start + word] = u32At(this.bytes, at + 4 * word);
  }

  u48(): number {
    const at = this.#advance(6);
    if (at < 0) return 0;
    return u32At(this.bytes, at) + u16At(this.bytes, at + 4) * 0x1_0000_0000;
  }

  u53(): number {
    const at = this.#advance(8);
    if (at < 0) return 0;
    const high = u32At(this.bytes, at + 4);
    if (high >= 0x20_0000) {
      this.fail();
      return 0;
    }
    return u32At(this.bytes, at) + high * 0x1_0000_0000;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail();
        return this.#ok ? value : 0;
      }
      scale *= 0x80;
    }
    this.fail();
    return 0;
  }

  /** `length` bytes, sharing memory with the input. */
  raw(length: number): Uint8Array {
    const at = this.#advance(length);
    return at < 0 ? EMPTY : this.bytes.subarray(at, at + length);
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    this.#advance(length);
  }

  /** A varint length and that many bytes, sharing memory with the input. */
  blob(): Uint8Array {
    return this.raw(this.varint());
  }

  /** A varint length and that many bytes as UTF-8; bytes that are not UTF-8 fail the reader. */
  text(): string {
    const bytes = this.blob();
    const value = decodeUtf8(bytes);
    if (value === undefined) {
      this.fail();
      return "";
    }
    return value;
  }
}

const EMPTY: Uint8Array = new Uint8Array(0);

// Byte by byte: a `DataView` for each of the many small records costs more than it saves.

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function u16At(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
}

function u32At(bytes: Uint8Array, at: number): number {
  return (u16At(bytes, at) | (u16At(bytes, at + 2) << 16)) >>> 0;
}

/** From here on, comparing four bytes at a time pays for the two views. */
const LONG_BYTES = 64;

/** True when both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let at = 0;
  if (a.length >= LONG_BYTES) {
    const one = new DataView(a.buffer, a.byteOffset, a.byteLength);
    const other = new DataView(b.buffer, b.byteOffset, b.byteLength);
    for (; at + 4 <= a.length; at += 4) if (one.getInt32(at) !== other.getInt32(at)) return false;
  }
  for (; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

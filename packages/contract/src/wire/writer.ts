/**
 * Writes protobuf fields into a buffer that becomes one frame. Field numbers of the hot messages are below 16, so
 * that a tag is one byte, but for what few messages have. Frames are cut from one slab: a small frame costs no
 * allocation of its own.
 */

declare const TextEncoder: new () => {
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
};

const encoder = new TextEncoder();
const SLAB_BYTES = 65_536;
/** A frame that may become larger gets memory of its own, which is used again once the frame is out. */
const SHARED_SLAB_MAX: number = SLAB_BYTES / 4;
/** Memory kept for large frames. */
const SPARE_BYTES_MAX: number = 8 * 1024 * 1024;
/** Below this many characters a loop over ASCII beats the encoder's call. */
const ASCII_LOOP_MAX = 64;

/** Wire type 0: varint. */
export const VARINT = 0;
/** Wire type 2: length, then that many bytes. */
export const LENGTH_DELIMITED = 2;

/** Appends fields; `take` cuts off what was written. */
export class WireWriter {
  #bytes: Uint8Array = new Uint8Array(SLAB_BYTES);
  #start = 0;
  #at = 0;
  /** The slab of small frames while a large one is written, and where it is free. */
  #slab: Uint8Array | undefined;
  #slabAt = 0;
  readonly #spare: Uint8Array[] = [];
  #spareBytes = 0;

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** What was written, to be handed to a socket: the writer does not touch it again, unless it is given back. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#at);
    this.#start = this.#at;
    if (this.#slab !== undefined) {
      this.#bytes = this.#slab;
      this.#start = this.#slabAt;
      this.#at = this.#slabAt;
      this.#slab = undefined;
    }
    return taken;
  }

  /** A frame of `take` that nobody reads any more: a large one's memory is used for later ones. */
  giveBack(frame: Uint8Array): void {
    const bytes = frame.buffer.byteLength;
    if (frame.byteOffset > 0 || bytes <= SLAB_BYTES || bytes + this.#spareBytes > SPARE_BYTES_MAX)
      return;
    this.#spare.push(new Uint8Array(frame.buffer));
    this.#spareBytes += bytes;
  }

  /** Forgets what was written since the last `take`. */
  reset(): void {
    this.#at = this.#start;
  }

  /** Makes room for `more` bytes. */
  reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const length = this.#at - this.#start;
    const needed = length + more;
    const large = needed > SHARED_SLAB_MAX;
    const grown = large ? this.#memoryFor(needed) : new Uint8Array(SLAB_BYTES);
    grown.set(this.#bytes.subarray(this.#start, this.#at));
    if (large && this.#slab === undefined) {
      this.#slab = this.#bytes;
      this.#slabAt = this.#start;
    } else if (large) this.giveBack(this.#bytes);
    this.#bytes = grown;
    this.#start = 0;
    this.#at = length;
  }

  #memoryFor(bytes: number): Uint8Array {
    const found = this.#spare.findIndex((spare) => spare.length >= bytes);
    const [spare] = found < 0 ? [] : this.#spare.splice(found, 1);
    if (spare === undefined) return new Uint8Array(powerOfTwo(bytes));
    this.#spareBytes -= spare.length;
    return spare;
  }

  u8(value: number): void {
    this.reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** Little-endian, as the frame header has it. */
  u16(value: number): void {
    this.reserve(2);
    this.#bytes[this.#at++] = value;
    this.#bytes[this.#at++] = value >>> 8;
  }

  /** Little-endian, as the frame header has it. */
  u32(value: number): void {
    this.u16(value);
    this.u16(value >>> 16);
  }

  /** A u16 length and ASCII text of at most 65,535 characters; others become "?". */
  text16(text: string): void {
    this.u16(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      this.u8(code > 0x7f ? 0x3f : code);
    }
  }

  /** 0 … 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest > 0x7fff_ffff) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  /** The bytes alone. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A packed repeated uint32, unless there is none. */
  uint32sField(field: number, values: Uint32Array): void {
    if (values.length === 0) return;
    const mark = this.begin(field, values.length);
    this.reserve(values.length * 5);
    const bytes = this.#bytes;
    let at = this.#at;
    for (const value of values) {
      let rest = value;
      while (rest >= 0x80) {
        bytes[at++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      bytes[at++] = rest;
    }
    this.#at = at;
    this.end(mark);
  }

  /** Begins a bytes field of a known length; exactly so many bytes must follow. */
  lengthField(field: number, length: number): void {
    this.u8((field << 3) | LENGTH_DELIMITED);
    this.varint(length);
    this.reserve(length);
  }

  /** The text alone, as UTF-8. */
  text(text: string): void {
    this.#text(text);
  }

  /** A numeric field, even when 0 (explicit presence). `field` is 1 … 15, `value` 0 … 2^53 - 1. */
  uintField(field: number, value: number): void {
    this.u8((field << 3) | VARINT);
    this.varint(value);
  }

  /** A numeric field unless it is 0 (implicit presence). */
  uintFieldUnlessZero(field: number, value: number): void {
    if (value !== 0) this.uintField(field, value);
  }

  /** A bool field unless it is false (implicit presence). */
  boolFieldUnlessFalse(field: number, value: boolean): void {
    if (value) this.uintField(field, 1);
  }

  /** A bytes field, even when empty. */
  bytesField(field: number, bytes: Uint8Array): void {
    this.u8((field << 3) | LENGTH_DELIMITED);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A string field, even when empty. */
  textField(field: number, text: string): void {
    const mark = this.begin(field, text.length);
    this.#text(text);
    this.end(mark);
  }

  /** A string field unless it is "" (implicit presence). */
  textFieldUnlessEmpty(field: number, text: string): void {
    if (text !== "") this.textField(field, text);
  }

  /**
   * Begins a length-delimited field whose length is not known yet; `lengthGuess` saves moving the bytes when it
   * needs as many varint bytes as the length will. Returns a mark for `end`, valid until then.
   */
  begin(field: number, lengthGuess: number): number {
    this.reserve(7);
    if (field < 16) {
      this.#bytes[this.#at++] = (field << 3) | LENGTH_DELIMITED;
    } else {
      this.#bytes[this.#at++] = ((field << 3) & 0x7f) | LENGTH_DELIMITED | 0x80;
      this.#bytes[this.#at++] = field >>> 4;
    }
    const room = varintLength(lengthGuess);
    this.#at += room;
    return (this.#at - this.#start) * 8 + room;
  }

  /** Ends the field begun last, writing its length. */
  end(mark: number): void {
    // Room first, while the end is known: from here on nothing may move the buffer.
    this.reserve(8);
    const room = mark % 8;
    const from = this.#start + Math.floor(mark / 8);
    const length = this.#at - from;
    const needed = varintLength(length);
    if (needed !== room) {
      this.#bytes.copyWithin(from + needed - room, from, from + length);
    }
    this.#at = from - room;
    this.varint(length);
    this.#at += length;
  }

  #text(text: string): void {
    const length = text.length;
    if (length <= ASCII_LOOP_MAX) {
      this.reserve(length);
      const bytes = this.#bytes;
      let at = this.#at;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        bytes[at++] = code;
      }
      if (i === length) {
        this.#at = at;
        return;
      }
    }
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.reserve(length * 3);
    this.#at += encoder.encodeInto(text, this.#bytes.subarray(this.#at)).written;
  }
}

/** The least power of two above the slab's size that is not below `bytes`. */
function powerOfTwo(bytes: number): number {
  let size = SLAB_BYTES * 2;
  while (size < bytes) size *= 2;
  return size;
}

/** Bytes of a varint for 0 … 2^35 - 1. */
function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/**
 * Reads protobuf fields from bytes that may be anything. What cannot be a message throws
 * MALFORMED_REQUEST and nothing else is ever thrown. Unknown fields are passed over, as protobuf has it;
 * numbers above 2^53 - 1, which JavaScript cannot hold exactly, are refused.
 */
import { KQueueyError } from "../errors.ts";

declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Groups (wire types 3 and 4) nest at most this deep in an unknown field. */
const GROUP_DEPTH_MAX = 32;

/** Walks over one message between two positions; nested messages narrow it with `enter` and `leave`. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #end: number;
  /** Field number of the tag read last. */
  field = 0;
  /** Wire type of the tag read last. */
  wireType = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Reads the next tag into `field` and `wireType`; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#tag();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    return true;
  }

  /** Begins a nested message; returns what `leave` needs. */
  enter(): number {
    const length = this.#length();
    const outer = this.#end;
    this.#end = this.#at + length;
    return outer;
  }

  /** Ends a nested message after its last field was read. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  /** A uint32; as in protobuf, higher bits of a longer varint are dropped. */
  uint32(): number {
    this.#expect(0);
    return this.#varint32();
  }

  /** A uint64 that must be at most 2^53 - 1. */
  uint53(): number {
    this.#expect(0);
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw malformed("a number is above 2^53 - 1");
        return value;
      }
      scale *= 0x80;
    }
    throw malformed("a varint is longer than 10 bytes");
  }

  /** True for a varint with any bit set. */
  bool(): boolean {
    this.#expect(0);
    let bits = 0;
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte();
      bits |= byte & 0x7f;
      if (byte < 0x80) return bits !== 0;
    }
    throw malformed("a varint is longer than 10 bytes");
  }

  /** Values of a repeated uint32, packed or one at a time, after those `before`. */
  uint32s(before: Uint32Array): Uint32Array {
    if (this.wireType !== 2) return appended(before, Uint32Array.of(this.uint32()));
    const end = this.#length() + this.#at;
    const outer = this.#end;
    this.#end = end;
    // Every value ends with a byte below 0x80.
    let count = 0;
    for (let at = this.#at; at < end; at++) if ((this.#bytes[at] ?? 0) < 0x80) count += 1;
    const values = new Uint32Array(count);
    for (let i = 0; this.#at < end; i++) values[i] = this.#varint32();
    this.#end = outer;
    return before.length === 0 ? values : appended(before, values);
  }

  /** The bytes of a bytes field, sharing memory with the input. */
  data(): Uint8Array {
    const length = this.#length();
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  /** A string; bytes that are not UTF-8 are refused. */
  text(): string {
    const length = this.#length();
    const from = this.#at;
    this.#at += length;
    return length === 0 ? "" : decodeUtf8(this.#bytes.subarray(from, this.#at));
  }

  /** A string field's bytes as they are, after the check that they are UTF-8. */
  textAsData(): Uint8Array {
    const bytes = this.data();
    decodeUtf8(bytes);
    return bytes;
  }

  /** Passes over the field whose tag was read last. */
  skip(): void {
    this.#skip(this.wireType, this.field, 0);
  }

  #skip(wireType: number, field: number, depth: number): void {
    switch (wireType) {
      case 0:
        for (let count = 0; this.#byte() >= 0x80; count++) {
          if (count === 9) throw malformed("a varint is longer than 10 bytes");
        }
        return;
      case 1:
        this.#advance(8);
        return;
      case 2: {
        this.#advance(this.#varint32());
        return;
      }
      case 3:
        this.#skipGroup(field, depth);
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw malformed(`wire type ${wireType} is not possible here`);
    }
  }

  #skipGroup(field: number, depth: number): void {
    if (depth === GROUP_DEPTH_MAX) throw malformed("groups are nested too deep");
    while (this.#at < this.#end) {
      const tag = this.#tag();
      if ((tag & 7) === 4) {
        if (tag >>> 3 !== field) throw malformed("a group ends that did not begin");
        return;
      }
      this.#skip(tag & 7, tag >>> 3, depth + 1);
    }
    throw malformed("a group does not end");
  }

  #expect(wireType: number): void {
    if (this.wireType !== wireType) {
      throw malformed(`field ${this.field} has wire type ${this.wireType} instead of ${wireType}`);
    }
  }

  #length(): number {
    this.#expect(2);
    const length = this.#varint32();
    if (length > this.#end - this.#at) throw malformed("a field is longer than its message");
    return length;
  }

  #advance(length: number): void {
    if (length > this.#end - this.#at) throw malformed("a field is longer than its message");
    this.#at += length;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw malformed("the message ends inside a field");
    return this.#bytes[this.#at++] ?? 0;
  }

  /** Unlike other 32-bit numbers, a tag has no bits to drop: what does not fit is no tag. */
  #tag(): number {
    let byte = this.#byte();
    let tag = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = this.#byte();
      if (shift === 28 && byte > 0x0f) throw malformed("a tag is larger than 32 bits");
      tag |= (byte & 0x7f) << shift;
    }
    if (tag >>> 3 === 0) throw malformed("a field has the number 0");
    return tag >>> 0;
  }

  #varint32(): number {
    let byte = this.#byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    for (let count = 5; count < 10; count++) {
      if (this.#byte() < 0x80) return value >>> 0;
    }
    throw malformed("a varint is longer than 10 bytes");
  }
}

function appended(before: Uint32Array, values: Uint32Array): Uint32Array {
  const all = new Uint32Array(before.length + values.length);
  all.set(before);
  all.set(values, before.length);
  return all;
}

/** The one error of the decoders. */
export function malformed(reason: string): KQueueyError {
  return new KQueueyError("MALFORMED_REQUEST", `malformed protobuf message: ${reason}`);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed("a string is not UTF-8");
  }
}

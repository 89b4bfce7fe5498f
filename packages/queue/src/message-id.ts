/** Message ids: derived, not stored. */
import { assert } from "@kqueuey/base";
import type { QueueId, Sequence } from "./ids.ts";

/** Bytes of an id. */
export const MESSAGE_ID_BYTES = 16;

/**
 * The id of the message that queue `queue` took in as its `sequence`-th: a UUID (version 8: vendor-defined) of the
 * 128-bit mix of both under `key` (the cluster secret, 16 bytes or more). One pair gives one id for ever; without the
 * key, ids tell nothing. The mix is HalfSipHash-like (add, rotate, xor on 32-bit lanes, 2 + 8 rounds); ids name
 * messages and grant nothing, so it need not be a cryptographic MAC.
 */
export function messageId(key: Uint8Array, queue: QueueId, sequence: Sequence): string {
  mix(key, queue, sequence);
  const [a = 0, b = 0, c = 0, d = 0] = mixed;
  return (
    `${half(a >>> 16)}${half(a)}-${half(b >>> 16)}-${half(b)}-` +
    `${half(c >>> 16)}-${half(c)}${half(d >>> 16)}${half(d)}`
  );
}

/** The ids of `count` messages with sequences from `first` on: 16 bytes each, one after another. */
export function messageIdRun(
  key: Uint8Array,
  queue: QueueId,
  run: { readonly first: Sequence; readonly count: number },
): Uint8Array {
  const bytes = new Uint8Array(run.count * MESSAGE_ID_BYTES);
  for (let i = 0; i < run.count; i++) {
    writeMessageId(key, queue, { sequence: run.first + i, bytes, at: i * MESSAGE_ID_BYTES });
  }
  return bytes;
}

/** Writes one id's 16 bytes at `to.at`. */
export function writeMessageId(
  key: Uint8Array,
  queue: number,
  to: { readonly sequence: number; readonly bytes: Uint8Array; readonly at: number },
): void {
  mix(key, queue, to.sequence);
  const { bytes } = to;
  let { at } = to;
  for (let w = 0; w < 4; w++) {
    const word = mixed[w] ?? 0;
    bytes[at++] = word >>> 24;
    bytes[at++] = word >>> 16;
    bytes[at++] = word >>> 8;
    bytes[at++] = word;
  }
}

/** The mix made last: text or bytes are made of it before anybody else gets to run. */
const mixed = new Uint32Array(4);
const words = new Uint32Array(5);
/** The key used last, as words: a node has one. */
const keyWords = new Uint32Array(4);
let keyOfWords: Uint8Array | undefined;

function mix(key: Uint8Array, queue: number, sequence: number): void {
  if (key !== keyOfWords) readKey(key);
  let a = (keyWords[0] ?? 0) ^ 0x736f6d65;
  let b = (keyWords[1] ?? 0) ^ 0x646f7261;
  let c = (keyWords[2] ?? 0) ^ 0x6c796765;
  let d = (keyWords[3] ?? 0) ^ 0x74656462;
  words[0] = queue;
  words[1] = Math.floor(queue / 0x1_0000_0000);
  words[2] = sequence;
  words[3] = Math.floor(sequence / 0x1_0000_0000);
  words[4] = 0xff;
  for (let w = 0; w < 5; w++) {
    const word = words[w] ?? 0;
    d ^= word;
    const rounds = w === 4 ? 8 : 2;
    for (let round = 0; round < rounds; round++) {
      a = (a + b) | 0;
      b = ((b << 5) | (b >>> 27)) ^ a;
      a = (a << 16) | (a >>> 16);
      c = (c + d) | 0;
      d = ((d << 8) | (d >>> 24)) ^ c;
      a = (a + d) | 0;
      d = ((d << 7) | (d >>> 25)) ^ a;
      c = (c + b) | 0;
      b = ((b << 13) | (b >>> 19)) ^ c;
      c = (c << 16) | (c >>> 16);
    }
    a ^= word;
  }
  // Version 8 and the variant of RFC 9562 take their six bits.
  mixed[0] = a;
  mixed[1] = (b & 0xffff_0fff) | 0x8000;
  mixed[2] = (c & 0x3fff_ffff) | 0x8000_0000;
  mixed[3] = d;
}

/** The key's bytes are never changed, so the same array is the same key. */
function readKey(key: Uint8Array): void {
  assert(key.length >= 16, "a message id's key has 16 bytes or more");
  for (let w = 0; w < 4; w++) {
    const at = w * 4;
    keyWords[w] =
      (key[at] ?? 0) |
      ((key[at + 1] ?? 0) << 8) |
      ((key[at + 2] ?? 0) << 16) |
      ((key[at + 3] ?? 0) << 24);
  }
  keyOfWords = key;
}

/** The lower 16 bits as four hex digits, from two of the 256 texts below: ids are made for every message. */
function half(word: number): string {
  return (HEX[(word >>> 8) & 0xff] ?? "") + (HEX[word & 0xff] ?? "");
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);

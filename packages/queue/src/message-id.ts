/** Message ids: derived, not stored. */
import { assert } from "@kqueuey/base";
import type { QueueId, Sequence } from "./ids.ts";

/**
 * The id of the message that queue `queue` took in as its `sequence`-th: a UUID (version 8: vendor-defined) of the
 * 128-bit mix of both under `key` (the cluster secret, 16 bytes or more). One pair gives one id for ever; without the
 * key, ids tell nothing. The mix is HalfSipHash-like (add, rotate, xor on 32-bit lanes, 2 + 8 rounds); ids name
 * messages and grant nothing, so it need not be a cryptographic MAC.
 */
export function messageId(key: Uint8Array, queue: QueueId, sequence: Sequence): string {
  assert(key.length >= 16, "a message id's key has 16 bytes or more");
  let a = keyWord(key, 0) ^ 0x736f6d65;
  let b = keyWord(key, 4) ^ 0x646f7261;
  let c = keyWord(key, 8) ^ 0x6c796765;
  let d = keyWord(key, 12) ^ 0x74656462;
  const words = [
    queue >>> 0,
    Math.floor(queue / 0x1_0000_0000),
    sequence >>> 0,
    Math.floor(sequence / 0x1_0000_0000),
    0xff,
  ];
  for (let w = 0; w < words.length; w++) {
    const word = words[w] ?? 0;
    d ^= word;
    const rounds = w === words.length - 1 ? 8 : 2;
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
  const versioned = (b & 0xffff_0fff) | 0x8000;
  const varied = (c & 0x3fff_ffff) | 0x8000_0000;
  return (
    `${half(a >>> 16)}${half(a)}-${half(versioned >>> 16)}-${half(versioned)}-` +
    `${half(varied >>> 16)}-${half(varied)}${half(d >>> 16)}${half(d)}`
  );
}

function keyWord(key: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = key.subarray(at, at + 4);
  return a | (b << 8) | (c << 16) | (d << 24);
}

/** The lower 16 bits as four hex digits, from two of the 256 texts below: ids are made for every message. */
function half(word: number): string {
  return (HEX[(word >>> 8) & 0xff] ?? "") + (HEX[word & 0xff] ?? "");
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);

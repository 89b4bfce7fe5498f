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
  const hex = hexWord(a) + hexWord(b) + hexWord(c) + hexWord(d);
  const variant = "89ab"[(c >>> 28) & 3] ?? "8";
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function keyWord(key: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = key.subarray(at, at + 4);
  return a | (b << 8) | (c << 16) | (d << 24);
}

function hexWord(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

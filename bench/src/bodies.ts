/** Bodies of random bytes: nothing on the way can compress or recognise them. */
import { randomBytes } from "node:crypto";

const POOL_BYTES = 1_048_576;

/** Gives a body at each call. They are parts of one pool, so making one costs nothing. */
export function bodySource(bytes: number): () => Uint8Array {
  const pool = randomBytes(Math.max(POOL_BYTES, 4 * bytes));
  let at = 0;
  return () => {
    at = at + bytes > pool.length - bytes ? (at + 7) % bytes : at + bytes;
    return pool.subarray(at, at + bytes);
  };
}

/** A body that says which it is, in its first four bytes. */
export function numberedBody(number: number, source: () => Uint8Array): Uint8Array {
  const body = Uint8Array.from(source());
  new DataView(body.buffer).setUint32(0, number);
  return body;
}

export function numberOf(body: Uint8Array): number {
  return new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(0);
}

/**
 * A fast 64-bit hash in two 32-bit lanes, for comparing replicas' states and spreading keys. Not for
 * secrets and not for disks (those use CRC-32 and keyed MACs through ports).
 */

/** Feeds numbers and bytes in order; equal feeds give equal digests on every machine. */
export class StateHasher {
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;

  /** Mixes an integer of 0 … 2^53 - 1. */
  number(value: number): void {
    this.#mix(value >>> 0);
    this.#mix(Math.floor(value / 0x1_0000_0000) >>> 0);
  }

  /** Mixes `bytes` and their length. */
  bytes(bytes: Uint8Array): void {
    this.#mix(bytes.length);
    let word = 0;
    for (let i = 0; i < bytes.length; i++) {
      word = (word << 8) | (bytes[i] ?? 0);
      if ((i & 3) === 3) {
        this.#mix(word);
        word = 0;
      }
    }
    if ((bytes.length & 3) !== 0) this.#mix(word);
  }

  /** Sixteen hex digits. The hasher may be fed further. */
  digest(): string {
    const a = finish(this.#a ^ this.#b);
    const b = finish(this.#b + Math.imul(this.#a, 0x85ebca6b));
    return a.toString(16).padStart(8, "0") + b.toString(16).padStart(8, "0");
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#a = (this.#a << 13) | (this.#a >>> 19);
    this.#b = Math.imul(this.#b + word, 0xcc9e2d51) ^ this.#a;
    this.#b = (this.#b << 15) | (this.#b >>> 17);
  }
}

function finish(lane: number): number {
  let h = lane;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

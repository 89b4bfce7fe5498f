/** Reads bytes as decisions: for targets whose input is more than bytes. Past the end every answer is 0. */
export class Decisions {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get empty(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }

  /** 0 … 2^32 - 1. */
  word(): number {
    return this.byte() + this.byte() * 0x100 + this.byte() * 0x1_0000 + this.byte() * 0x100_0000;
  }

  /** 0 … `limit` - 1; 0 when there is nothing to choose from. */
  below(limit: number): number {
    if (limit <= 1) return 0;
    return (limit <= 0x100 ? this.byte() : this.word()) % limit;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  /** Up to `length` bytes. */
  take(length: number): Uint8Array {
    const piece = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    return piece;
  }

  rest(): Uint8Array {
    return this.take(Math.max(0, this.#bytes.length - this.#at));
  }
}

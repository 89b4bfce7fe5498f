/**
 * The appends sent to one follower and not yet acknowledged: a ring of (last index, bytes), bounded by
 * the window in entries, since an append that counts here holds at least one.
 */
import { must } from "@kqueuey/base";

export class Inflights {
  #lastIndexes: number[] = new Array<number>(16).fill(0);
  #sizes: number[] = new Array<number>(16).fill(0);
  #head = 0;
  #count = 0;
  #bytes = 0;

  /** Appends in flight. */
  get count(): number {
    return this.#count;
  }

  /** Entry bytes in flight. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An append whose last entry is `lastIndex` was sent. */
  add(lastIndex: number, bytes: number): void {
    if (this.#count === this.#sizes.length) this.#grow();
    const at = (this.#head + this.#count) % this.#sizes.length;
    this.#lastIndexes[at] = lastIndex;
    this.#sizes[at] = bytes;
    this.#count += 1;
    this.#bytes += bytes;
  }

  /** Everything up to `index` was acknowledged. */
  acknowledge(index: number): void {
    while (this.#count > 0 && must(this.#lastIndexes[this.#head], "ring") <= index) {
      this.#bytes -= must(this.#sizes[this.#head], "ring");
      this.#head = (this.#head + 1) % this.#sizes.length;
      this.#count -= 1;
    }
  }

  #grow(): void {
    const capacity = this.#sizes.length;
    const lastIndexes = new Array<number>(capacity * 2).fill(0);
    const sizes = new Array<number>(capacity * 2).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#head + i) % capacity;
      lastIndexes[i] = must(this.#lastIndexes[at], "ring");
      sizes[i] = must(this.#sizes[at], "ring");
    }
    this.#lastIndexes = lastIndexes;
    this.#sizes = sizes;
    this.#head = 0;
  }
}

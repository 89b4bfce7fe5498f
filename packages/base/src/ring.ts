import { assert } from "./assert.ts";

/** A first-in-first-out queue with a limit: every queue in KQueuey has one. */
export class Ring<T> {
  readonly #capacity: number;
  #items: (T | undefined)[];
  #head = 0;
  #size = 0;

  /** Holds at most `capacity` items; memory grows with what is in it. */
  constructor(capacity: number) {
    assert(Number.isSafeInteger(capacity) && capacity > 0, "ring capacity must be positive");
    this.#capacity = capacity;
    this.#items = new Array<T | undefined>(Math.min(16, capacity));
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size === this.#capacity;
  }

  /** Adds at the back; false, and nothing changed, when full. */
  push(item: T): boolean {
    if (this.#size === this.#capacity) return false;
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) % this.#items.length] = item;
    this.#size += 1;
    return true;
  }

  /** Removes and gives the front, or undefined when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#items.length;
    this.#size -= 1;
    return item;
  }

  /** The item `offset` places behind the front, or undefined. */
  peek(offset = 0): T | undefined {
    if (offset >= this.#size) return undefined;
    return this.#items[(this.#head + offset) % this.#items.length];
  }

  #grow(): void {
    const larger = new Array<T | undefined>(Math.min(this.#capacity, this.#items.length * 2));
    for (let i = 0; i < this.#size; i++) larger[i] = this.peek(i);
    this.#items = larger;
    this.#head = 0;
  }
}

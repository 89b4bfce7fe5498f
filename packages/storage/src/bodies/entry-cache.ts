/**
 * The newest entries of a group's log in memory, without gaps up to its end. They share their bytes with
 * raft and the log's writer; nothing is copied. Only entries that are durable are let go.
 */
import { assert } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";

export class EntryCache {
  readonly #bytesMax: number;
  #entries: (Entry | undefined)[] = [];
  /** Position in `#entries` of the oldest entry still held. */
  #head = 0;
  #bytes = 0;

  /** Holds about `bytesMax` bytes of entry data, more only while that much is not durable. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest entry's index; undefined when empty. */
  get firstIndex(): number | undefined {
    return this.#entries[this.#head]?.index;
  }

  get(index: number): Entry | undefined {
    const first = this.firstIndex;
    if (first === undefined || index < first) return undefined;
    return this.#entries[this.#head + index - first];
  }

  /** Adds the log's next entry. */
  push(entry: Entry): void {
    const last = this.#entries.at(-1);
    const follows = this.#head === this.#entries.length || last?.index === entry.index - 1;
    assert(follows, "cached entries have no gaps");
    this.#entries.push(entry);
    this.#bytes += entry.data.length;
  }

  /** Entries from `index` on are void. */
  truncateFrom(index: number): void {
    while (this.#entries.length > this.#head) {
      const last = this.#entries.at(-1);
      if (last === undefined || last.index < index) return;
      this.#bytes -= last.data.length;
      this.#entries.pop();
    }
  }

  /** Lets go of the oldest entries up to `durable` until the bound holds. */
  evict(durable: number): void {
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#entries[this.#head];
      if (oldest === undefined || oldest.index > durable) break;
      this.#bytes -= oldest.data.length;
      this.#entries[this.#head] = undefined;
      this.#head += 1;
    }
    if (this.#head < 1024 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}

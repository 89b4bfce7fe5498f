/**
 * Finds places by keys of 16 bytes: open addressing over two words an entry. The keys themselves are where
 * the owner keeps them anyway. Keys are pieces of cryptographic hashes, so that their first word spreads.
 */

/** 16 bytes as four words. */
export type Key = Uint32Array;

export const KEY_BYTES = 16;
export const KEY_WORDS = 4;
const SLOTS_MIN = 64;

/** What keeps the keys. */
export interface KeyOwner {
  holdsKey(place: number, key: Key): boolean;
}

export class KeyIndex {
  readonly #owner: KeyOwner;
  /** Pairs: place plus 1 (0: free), first word of its key. */
  #table: Uint32Array = new Uint32Array(SLOTS_MIN * 2);
  #count = 0;

  constructor(owner: KeyOwner) {
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#table.byteLength;
  }

  /** The place of a key, or -1. */
  find(key: Key): number {
    const slot = this.#slotOf(key);
    return (this.#table[slot * 2] ?? 0) - 1;
  }

  /** Notes that the key is at `place` now. */
  set(key: Key, place: number): void {
    const slot = this.#slotOf(key);
    if (this.#table[slot * 2] !== 0) {
      this.#table[slot * 2] = place + 1;
      return;
    }
    this.#table[slot * 2] = place + 1;
    this.#table[slot * 2 + 1] = key[0] ?? 0;
    this.#count += 1;
    if (this.#count * 2 > this.#table.length / 2) this.#grow();
  }

  /** Forgets the key, if it is at `place`. Those behind it move up, so that no search ends too early. */
  remove(key: Key, place: number): void {
    const mask = this.#table.length / 2 - 1;
    let hole = (key[0] ?? 0) & mask;
    for (; this.#table[hole * 2] !== place + 1; hole = (hole + 1) & mask) {
      if (this.#table[hole * 2] === 0) return;
    }
    this.#count -= 1;
    for (let slot = (hole + 1) & mask; this.#table[slot * 2] !== 0; slot = (slot + 1) & mask) {
      const home = (this.#table[slot * 2 + 1] ?? 0) & mask;
      // It stays if its home lies behind the hole, on the way round to where it is.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#table[hole * 2] = this.#table[slot * 2] ?? 0;
      this.#table[hole * 2 + 1] = this.#table[slot * 2 + 1] ?? 0;
      hole = slot;
    }
    this.#table[hole * 2] = 0;
  }

  /** Where the key is in the table, or the free slot where it would be. */
  #slotOf(key: Key): number {
    const word = key[0] ?? 0;
    const mask = this.#table.length / 2 - 1;
    for (let slot = word & mask; ; slot = (slot + 1) & mask) {
      const place = this.#table[slot * 2] ?? 0;
      if (place === 0) return slot;
      if (this.#table[slot * 2 + 1] === word && this.#owner.holdsKey(place - 1, key)) return slot;
    }
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(old.length * 2);
    const mask = this.#table.length / 2 - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] === 0) continue;
      let slot = (old[at + 1] ?? 0) & mask;
      while (this.#table[slot * 2] !== 0) slot = (slot + 1) & mask;
      this.#table[slot * 2] = old[at] ?? 0;
      this.#table[slot * 2 + 1] = old[at + 1] ?? 0;
    }
  }
}

export function sameKey(a: Key, b: Key): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}

/** Reads the key at `at`. */
export function readKey(bytes: Uint8Array, at: number, into: Key): void {
  for (let word = 0; word < KEY_WORDS; word++) {
    const from = at + word * 4;
    into[word] =
      (bytes[from] ?? 0) |
      ((bytes[from + 1] ?? 0) << 8) |
      ((bytes[from + 2] ?? 0) << 16) |
      ((bytes[from + 3] ?? 0) << 24);
  }
}

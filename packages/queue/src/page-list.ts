/**
 * A queue's pages in order of their sequences, with a summary of which have ready messages: finding the
 * first ready one, or the page of a sequence, does not walk over pages.
 */
import { assert, must } from "@kqueuey/base";
import type { Page } from "./page.ts";

export class PageList {
  #pages: Page[] = [];
  /** First sequence of each page: a search stays in one array of numbers. */
  #firsts: number[] = [];
  /** Pages before this are gone; they are cut off when they are most of the array. */
  #head = 0;
  readonly #fresh: Summary = new Summary();
  readonly #redelivered: Summary = new Summary();

  get length(): number {
    return this.#pages.length - this.#head;
  }

  /** Bytes of the list, its search keys and its summaries. */
  get bytes(): number {
    return this.#pages.length * 16 + this.#fresh.bytes + this.#redelivered.bytes;
  }

  /** The `place`-th page. */
  at(place: number): Page | undefined {
    return this.#pages[this.#head + place];
  }

  last(): Page | undefined {
    return this.#pages.length > this.#head ? this.#pages[this.#pages.length - 1] : undefined;
  }

  /** Adds a page behind the last. */
  push(page: Page): void {
    const last = this.last();
    assert(
      last === undefined || last.firstSequence + last.used <= page.firstSequence,
      "pages in order",
    );
    this.#pages.push(page);
    this.#firsts.push(page.firstSequence);
  }

  /** The page whose range holds `sequence`, or undefined. */
  find(sequence: number): Page | undefined {
    const place = this.#search(sequence);
    if (place < this.#head) return undefined;
    const page = must(this.#pages[place], "page of a place");
    return sequence < page.firstSequence + page.used ? page : undefined;
  }

  remove(page: Page): void {
    const place = this.#placeOf(page);
    if (place === this.#head) {
      this.#fresh.clear(place);
      this.#redelivered.clear(place);
      this.#head += 1;
      if (this.#head >= 64 && this.#head * 2 >= this.#pages.length) this.#compact();
      return;
    }
    this.#pages.splice(place, 1);
    this.#firsts.splice(place, 1);
    this.#fresh.remove(place);
    this.#redelivered.remove(place);
  }

  /** Empties the list and gives what was in it. */
  takeAll(): Page[] {
    const pages = this.#pages.slice(this.#head);
    this.#pages = [];
    this.#firsts = [];
    this.#head = 0;
    this.#fresh.reset();
    this.#redelivered.reset();
    return pages;
  }

  /** Notes whether the page has ready messages of a class. */
  setReady(page: Page, redelivered: boolean, ready: boolean): void {
    const summary = redelivered ? this.#redelivered : this.#fresh;
    const place = this.#placeOf(page);
    if (ready) summary.set(place);
    else summary.clear(place);
  }

  /** The first page that has ready messages of a class. */
  firstReady(redelivered: boolean): Page | undefined {
    const place = (redelivered ? this.#redelivered : this.#fresh).first();
    return place < 0 ? undefined : this.#pages[place];
  }

  #placeOf(page: Page): number {
    const place = this.#search(page.firstSequence);
    assert(this.#pages[place] === page, "a page of this queue");
    return place;
  }

  /** The last place whose first sequence is at most `sequence`; head - 1 when there is none. */
  #search(sequence: number): number {
    let low = this.#head;
    let high = this.#firsts.length;
    // The newest page is asked for most.
    if (high > low && (this.#firsts[high - 1] ?? 0) <= sequence) return high - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#firsts[middle] ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #compact(): void {
    this.#pages = this.#pages.slice(this.#head);
    this.#firsts = this.#firsts.slice(this.#head);
    this.#head = 0;
    this.#fresh.reset();
    this.#redelivered.reset();
    this.#pages.forEach((page, place) => {
      if (page.freshCount > 0) this.#fresh.set(place);
      if (page.redeliveredCount > 0) this.#redelivered.set(place);
    });
  }
}

/** A set of small numbers as bits, with a lower bound of its least. */
class Summary {
  #words = new Uint32Array(2);
  /** No word before this has a bit. */
  #hint = 0;

  get bytes(): number {
    return this.#words.byteLength;
  }

  set(place: number): void {
    const word = place >>> 5;
    if (word >= this.#words.length) {
      const grown = new Uint32Array(Math.max(this.#words.length * 2, word + 1));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (place & 31));
    if (word < this.#hint) this.#hint = word;
  }

  clear(place: number): void {
    const word = place >>> 5;
    if (word < this.#words.length) {
      this.#words[word] = (this.#words[word] ?? 0) & ~(1 << (place & 31));
    }
  }

  /** The least, or -1. */
  first(): number {
    const words = this.#words;
    for (let word = this.#hint; word < words.length; word++) {
      const bits = words[word] ?? 0;
      if (bits !== 0) {
        this.#hint = word;
        return word * 32 + (31 - Math.clz32(bits & -bits));
      }
    }
    this.#hint = words.length;
    return -1;
  }

  /** Takes `place` out and moves all above it down by one. */
  remove(place: number): void {
    const words = this.#words;
    const first = place >>> 5;
    if (first >= words.length) return;
    const below = (1 << (place & 31)) - 1;
    for (let word = first; word < words.length; word++) {
      const keep = word === first ? below : 0;
      const bits = words[word] ?? 0;
      const carry = ((words[word + 1] ?? 0) & 1) << 31;
      words[word] = (bits & keep) | ((bits >>> 1) & ~keep) | carry;
    }
    if (this.#hint > 0) this.#hint -= 1;
  }

  reset(): void {
    this.#words = new Uint32Array(2);
    this.#hint = 0;
  }
}

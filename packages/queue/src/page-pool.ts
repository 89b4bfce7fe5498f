/** All pages of a machine, by number, and the memory of freed ones for the next. */
import { assert, must } from "@kqueuey/base";
import { LEASE_WORDS } from "./lease-plane.ts";
import type { PageMemory, PageStart } from "./page.ts";
import { BASE_WORDS, PAGE_SLOTS_MAX, PAGE_SLOTS_MIN, Page } from "./page.ts";

/** Freed planes kept for each size of page. */
const KEPT_MAX = 64;
const SIZES = 6;
/** No message. */
export const NO_REFERENCE = 0xffff_ffff;

interface Kept {
  readonly memory: PageMemory[];
  readonly planes: Uint32Array[];
}

export class PagePool {
  readonly #pages: (Page | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  readonly #kept: readonly Kept[] = Array.from({ length: SIZES }, () => ({
    memory: [],
    planes: [],
  }));

  allocate(start: PageStart): Page {
    const { size } = start;
    assert(size >= PAGE_SLOTS_MIN && size <= PAGE_SLOTS_MAX, "size of a page");
    const index = this.#freeIndexes.pop() ?? this.#pages.length;
    assert(index < 0x7f_ffff, "more pages than references can name");
    const memory = this.#keptFor(size).memory.pop() ?? {
      base: new Uint32Array(size * BASE_WORDS),
      ready: new Uint32Array(2 * Math.ceil(size / 32)),
    };
    const page = new Page(index, start, memory);
    this.#pages[index] = page;
    return page;
  }

  /** Gives the page its lease plane, if it has none; what is in it is meaningless until written. */
  needLease(page: Page): void {
    if (page.lease !== undefined) return;
    page.lease = this.#keptFor(page.size).planes.pop() ?? new Uint32Array(page.size * LEASE_WORDS);
  }

  /** The page is no more; nothing may refer to it. Its ready bitmaps must be empty or doomed. */
  free(page: Page): void {
    assert(this.#pages[page.index] === page, "a page is freed once");
    this.#pages[page.index] = undefined;
    this.#freeIndexes.push(page.index);
    const kept = this.#keptFor(page.size);
    if (kept.memory.length < KEPT_MAX) {
      page.ready.fill(0);
      kept.memory.push({ base: page.base, ready: page.ready });
    }
    if (page.lease !== undefined && kept.planes.length < KEPT_MAX) kept.planes.push(page.lease);
  }

  /** The page of a reference: page number * 512 + slot. */
  pageOf(reference: number): Page {
    return must(this.#pages[reference >>> 9], "a reference into a freed page");
  }

  /** Every page, in no particular order. */
  *all(): Iterable<Page> {
    for (const page of this.#pages) if (page !== undefined) yield page;
  }

  /** Bytes of the table of pages, as far as it is filled. */
  get tableBytes(): number {
    return (this.#pages.length + this.#freeIndexes.length) * 8;
  }

  /** Bytes kept of freed pages. */
  get spareBytes(): number {
    let bytes = 0;
    for (const { memory, planes } of this.#kept) {
      for (const { base, ready } of memory) bytes += base.byteLength + ready.byteLength;
      for (const plane of planes) bytes += plane.byteLength;
    }
    return bytes;
  }

  #keptFor(size: number): Kept {
    return must(this.#kept[31 - Math.clz32(size) - 4], "size of a page");
  }
}

/** The reference to a slot. */
export function referenceTo(page: Page, slot: number): number {
  return page.index * PAGE_SLOTS_MAX + slot;
}

/** The slot of a reference. */
export function slotOf(reference: number): number {
  return reference & (PAGE_SLOTS_MAX - 1);
}

/**
 * One file of the simulated disk: what a reader sees now (`current`, the page cache) and what would be
 * there after the power went off (`durable`). Pages are never changed in place, so the two, and images
 * of the disk, share them; a page that is absent holds zeroes.
 */
import { assert, type Prng } from "@kqueuey/base";

const PAGE_BYTES = 4096;
/** Sectors are written whole or not at all; anything larger may tear. */
const SECTOR_BYTES = 512;

/** What a sync promises: the pages and the length as they were when it was asked for. */
export interface DirtyPages {
  readonly pages: ReadonlyMap<number, Uint8Array | undefined>;
  readonly bytes: number;
}

/** Which unsynced sectors survive a loss of power. */
type Survival = "none" | "all" | "prefix" | "any";

export class SimulatedFile {
  readonly kind = "file";
  #current = new Map<number, Uint8Array>();
  #durable = new Map<number, Uint8Array>();
  #bytes = 0;
  #durableBytes = 0;
  /** Pages that the next sync makes durable. */
  readonly #dirty = new Set<number>();
  /** Pages that a failed sync marked clean: no later sync writes them (as Linux does). */
  readonly #abandoned = new Set<number>();

  /** A file of its own with what a reader of this one sees, durable. */
  copy(): SimulatedFile {
    const copy = new SimulatedFile();
    copy.#current = new Map(this.#current);
    copy.#durable = new Map(this.#current);
    copy.#bytes = this.#bytes;
    copy.#durableBytes = this.#bytes;
    return copy;
  }

  /** Length in bytes as a reader sees it. */
  get bytes(): number {
    return this.#bytes;
  }

  read(position: number, length: number): Uint8Array {
    const end = Math.min(position + length, this.#bytes);
    const result = new Uint8Array(Math.max(0, end - position));
    for (let at = position; at < end; ) {
      const page = Math.floor(at / PAGE_BYTES);
      const upTo = Math.min(end, (page + 1) * PAGE_BYTES);
      const bytes = this.#current.get(page);
      if (bytes !== undefined) {
        const start = page * PAGE_BYTES;
        result.set(bytes.subarray(at - start, upTo - start), at - position);
      }
      at = upTo;
    }
    return result;
  }

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (bytes.length > 0 && end > this.#bytes) this.#bytes = end;
    for (let at = position; at < end; ) {
      const page = Math.floor(at / PAGE_BYTES);
      const start = page * PAGE_BYTES;
      const upTo = Math.min(end, start + PAGE_BYTES);
      const part = bytes.subarray(at - position, upTo - position);
      this.#set(
        page,
        part.length === PAGE_BYTES ? part.slice() : this.#changed(page, part, at - start),
      );
      at = upTo;
    }
  }

  /** The page with `part` at `offset` in it, as a page of its own. */
  #changed(page: number, part: Uint8Array, offset: number): Uint8Array {
    const changed = new Uint8Array(PAGE_BYTES);
    const before = this.#current.get(page);
    if (before !== undefined) changed.set(before);
    changed.set(part, offset);
    return changed;
  }

  /** Zeroes from the beginning up to `bytes`. */
  zero(bytes: number): void {
    const whole = Math.floor(bytes / PAGE_BYTES);
    for (const page of [...this.#current.keys()]) if (page < whole) this.#set(page, undefined);
    if (bytes % PAGE_BYTES > 0 && this.#current.has(whole)) {
      this.write(whole * PAGE_BYTES, new Uint8Array(bytes % PAGE_BYTES));
    }
    this.#bytes = Math.max(this.#bytes, bytes);
  }

  /** The file is at least so long; what is new in it reads as zeroes. */
  extend(bytes: number): void {
    this.#bytes = Math.max(this.#bytes, bytes);
  }

  truncate(bytes: number): void {
    if (bytes >= this.#bytes) return;
    const keep = Math.ceil(bytes / PAGE_BYTES);
    for (const page of [...this.#current.keys()]) if (page >= keep) this.#set(page, undefined);
    const last = this.#current.get(keep - 1);
    if (last !== undefined && bytes % PAGE_BYTES > 0) {
      const changed = new Uint8Array(PAGE_BYTES);
      changed.set(last.subarray(0, bytes % PAGE_BYTES));
      this.#set(keep - 1, changed);
    }
    this.#bytes = bytes;
  }

  /** What is unsynced now. */
  dirtyPages(): DirtyPages {
    const pages = new Map<number, Uint8Array | undefined>();
    for (const page of this.#dirty) pages.set(page, this.#current.get(page));
    return { pages, bytes: this.#bytes };
  }

  /** What is unsynced now of so many bytes from `position` on: all that a synchronous write of them promises. */
  dirtyPagesOf(position: number, length: number): DirtyPages {
    const pages = new Map<number, Uint8Array | undefined>();
    const last = Math.floor((position + length - 1) / PAGE_BYTES);
    for (let page = Math.floor(position / PAGE_BYTES); page <= last; page++) {
      if (this.#dirty.has(page)) pages.set(page, this.#current.get(page));
    }
    return { pages, bytes: this.#bytes };
  }

  /** A sync of `synced` succeeded. Pages changed since it was asked for stay dirty. */
  makeDurable(synced: DirtyPages): void {
    for (const [page, bytes] of synced.pages) {
      if (bytes === undefined) this.#durable.delete(page);
      else this.#durable.set(page, bytes);
      if (this.#current.get(page) === bytes) this.#dirty.delete(page);
    }
    this.#durableBytes = synced.bytes;
  }

  /** A sync of `synced` failed: its pages count as clean, readers see them, the disk has them not. */
  abandon(synced: DirtyPages): void {
    for (const page of synced.pages.keys()) {
      this.#dirty.delete(page);
      this.#abandoned.add(page);
    }
  }

  /** A write that was under way when its process died: any of its sectors are there, the others not. */
  writePart(position: number, bytes: Uint8Array, random: Prng): void {
    const survival = drawSurvival(random);
    const cut = random.between(0, bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const boundary = Math.floor((position + at) / SECTOR_BYTES + 1) * SECTOR_BYTES;
      const upTo = Math.min(bytes.length, boundary - position);
      if (survives(survival, at < cut, random)) this.write(position + at, bytes.subarray(at, upTo));
      at = upTo;
    }
  }

  /** The power goes off: of what was not synced, any sectors survive. */
  losePower(random: Prng): void {
    const survival = drawSurvival(random);
    const unsynced = [...new Set([...this.#dirty, ...this.#abandoned])].sort((a, b) => a - b);
    const cut = random.between(0, unsynced.length);
    for (const [ordinal, page] of unsynced.entries()) {
      const before = this.#durable.get(page) ?? ZEROES;
      const after = this.#current.get(page) ?? ZEROES;
      const mixed = new Uint8Array(before);
      for (let at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) {
        const abandoned = this.#abandoned.has(page) && !this.#dirty.has(page);
        if (abandoned || !survives(survival, ordinal < cut, random)) continue;
        mixed.set(after.subarray(at, at + SECTOR_BYTES), at);
      }
      this.#durable.set(page, mixed);
    }
    if (this.#bytes !== this.#durableBytes) {
      const keep = survival === "all" || (survival !== "none" && random.chance(1, 2));
      if (keep) this.#durableBytes = this.#bytes;
    }
    this.#current = new Map(this.#durable);
    this.#bytes = this.#durableBytes;
    this.#dirty.clear();
    this.#abandoned.clear();
    this.#dropBeyondEnd();
  }

  /** Puts bytes on the medium itself: durable and seen at once, whatever else is unsynced. */
  overwrite(position: number, bytes: Uint8Array): void {
    const end = Math.min(position + bytes.length, this.#bytes);
    for (let at = position; at < end; ) {
      const page = Math.floor(at / PAGE_BYTES);
      const start = page * PAGE_BYTES;
      const upTo = Math.min(end, start + PAGE_BYTES);
      const part = bytes.subarray(at - position, upTo - position);
      for (const pages of [this.#current, this.#durable]) {
        const changed = new Uint8Array(pages.get(page) ?? ZEROES);
        changed.set(part, at - start);
        pages.set(page, changed);
      }
      at = upTo;
    }
  }

  /** Changes bytes on the medium itself, as decay does: durable and seen at once. */
  corrupt(change: (bytes: Uint8Array) => Uint8Array): void {
    const changed = change(this.read(0, this.#bytes));
    this.#current.clear();
    this.#bytes = 0;
    this.write(0, changed);
    this.#durable = new Map(this.#current);
    this.#durableBytes = this.#bytes;
    this.#dirty.clear();
  }

  #set(page: number, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#current.delete(page);
    else this.#current.set(page, bytes);
    this.#dirty.add(page);
    this.#abandoned.delete(page);
  }

  /** A length that shrank takes the rest of its last page with it. */
  #dropBeyondEnd(): void {
    const keep = Math.ceil(this.#bytes / PAGE_BYTES);
    for (const page of [...this.#current.keys()]) if (page >= keep) this.#current.delete(page);
    const last = this.#current.get(keep - 1);
    if (last !== undefined && this.#bytes % PAGE_BYTES > 0) {
      const cut = new Uint8Array(PAGE_BYTES);
      cut.set(last.subarray(0, this.#bytes % PAGE_BYTES));
      this.#current.set(keep - 1, cut);
    }
    this.#durable = new Map(this.#current);
    assert(this.#dirty.size === 0, "a crashed file has nothing dirty");
  }
}

const ZEROES = new Uint8Array(PAGE_BYTES);

function drawSurvival(random: Prng): Survival {
  return random.pick(["none", "all", "prefix", "any"]);
}

function survives(survival: Survival, beforeCut: boolean, random: Prng): boolean {
  switch (survival) {
    case "none":
      return false;
    case "all":
      return true;
    case "prefix":
      return beforeCut;
    case "any":
      return random.chance(1, 2);
  }
}

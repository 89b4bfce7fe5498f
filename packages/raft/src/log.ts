/**
 * The log as one node sees it: where it begins, where it ends, the term of every entry, and the newest
 * entries themselves. Older entries live in storage; their terms are kept as runs, of which there is
 * one an election, so that the consistency check (paper §5.3) never needs the disk.
 *
 *     base          tailFirst                 last
 *      | terms only   |  terms and entries      |
 */
import { assert, must } from "@kqueuey/base";
import type { Entry, TermRun } from "./types.ts";

/** What an entry weighs besides its data, in the sums that bound memory and windows. */
const ENTRY_OVERHEAD_BYTES = 32;

/** The weight of an entry, in bytes. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES;
}

export class RaftLog {
  #baseIndex: number;
  #baseTerm: number;
  #lastIndex: number;
  // Parallel arrays: run i holds the entries from #runFrom[i] up to the next run, all of #runTerm[i].
  readonly #runFrom: number[] = [];
  readonly #runTerm: number[] = [];
  // The tail is #tail[#head …]; the front is dropped by moving #head and copied away now and then.
  #tail: Entry[] = [];
  #head = 0;
  #tailBytes = 0;

  /** An existing log after (base.index, base.term). */
  constructor(
    base: { readonly index: number; readonly term: number },
    runs: readonly TermRun[],
    last: { readonly index: number; readonly tail: readonly Entry[] },
  ) {
    this.#baseIndex = base.index;
    this.#baseTerm = base.term;
    this.#lastIndex = last.index;
    assert(last.index >= base.index, "the log ends before its base");
    for (const run of runs) {
      assert(run.from > (this.#runFrom.at(-1) ?? base.index), "term runs ascend by index");
      assert(run.term >= (this.#runTerm.at(-1) ?? base.term), "term runs ascend by term");
      this.#runFrom.push(run.from);
      this.#runTerm.push(run.term);
    }
    assert((this.#runFrom[0] ?? last.index + 1) === base.index + 1, "term runs cover the log");
    let expected = last.index - last.tail.length + 1;
    assert(expected > base.index, "the tail is part of the log");
    for (const entry of last.tail) {
      assert(entry.index === expected, "the tail is contiguous");
      assert(entry.term === this.termAt(expected), "the tail agrees with the term runs");
      this.#tail.push(entry);
      this.#tailBytes += entryBytes(entry);
      expected += 1;
    }
  }

  get baseIndex(): number {
    return this.#baseIndex;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#runTerm.at(-1) ?? this.#baseTerm;
  }

  /** The first index whose entry is in memory; lastIndex + 1 when none is. */
  get tailFirst(): number {
    return this.#lastIndex - (this.#tail.length - this.#head) + 1;
  }

  get tailBytes(): number {
    return this.#tailBytes;
  }

  /** The term of the entry at `index`; undefined before the base and after the end. */
  termAt(index: number): number | undefined {
    if (index < this.#baseIndex || index > this.#lastIndex) return undefined;
    if (index === this.#baseIndex) return this.#baseTerm;
    return this.#runTerm[this.#runAt(index)];
  }

  /** True when the log holds the entry (index, term), or began with it. */
  matches(index: number, term: number): boolean {
    return this.termAt(index) === term;
  }

  /** True when a log that ends with (index, term) is at least as up to date as this one (paper §5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const own = this.lastTerm;
    return term > own || (term === own && index >= this.#lastIndex);
  }

  /**
   * The highest index at or below `index` whose term is at most `term`; the base when there is none.
   * Skips whole terms, so follower and leader together find the point where their logs part in a round
   * trip for each term that differs, not for each entry.
   */
  lastWithTermAtMost(index: number, term: number): number {
    if (index >= this.#lastIndex && this.lastTerm <= term) return this.#lastIndex;
    let at = Math.min(index, this.#lastIndex);
    while (at > this.#baseIndex) {
      const run = this.#runAt(at);
      if (must(this.#runTerm[run], "run") <= term) return at;
      at = must(this.#runFrom[run], "run") - 1;
    }
    return this.#baseIndex;
  }

  /** The entry at `index`, which must be in memory. */
  entry(index: number): Entry {
    const first = this.tailFirst;
    assert(index >= first && index <= this.#lastIndex, "entry is not in memory");
    return must(this.#tail[this.#head + index - first], "tail hole");
  }

  /** Entries in memory from `from` to `upTo`, cut before `bytesMax`, but at least one. */
  slice(from: number, upTo: number, bytesMax: number): Entry[] {
    const first = this.tailFirst;
    assert(from >= first && from <= upTo && upTo <= this.#lastIndex, "slice is not in memory");
    const begin = this.#head + from - first;
    const limit = this.#head + upTo - first;
    let end = begin;
    let bytes = 0;
    for (; end <= limit; end++) {
      bytes += entryBytes(must(this.#tail[end], "tail hole"));
      if (bytes > bytesMax && end > begin) break;
    }
    return this.#tail.slice(begin, end);
  }

  /** Adds the next entry. */
  append(entry: Entry): void {
    assert(entry.index === this.#lastIndex + 1, "append leaves a gap");
    assert(entry.term >= this.lastTerm, "terms never fall along the log");
    if (this.#runTerm.length === 0 || entry.term !== this.lastTerm) {
      this.#runFrom.push(entry.index);
      this.#runTerm.push(entry.term);
    }
    this.#tail.push(entry);
    this.#tailBytes += entryBytes(entry);
    this.#lastIndex = entry.index;
  }

  /** Drops the entries from `index` on. */
  truncateFrom(index: number): void {
    assert(index > this.#baseIndex && index <= this.#lastIndex, "truncation outside the log");
    while (this.#tail.length > this.#head && this.#lastIndex >= index) {
      this.#tailBytes -= entryBytes(must(this.#tail.pop(), "tail hole"));
      this.#lastIndex -= 1;
    }
    if (this.#tail.length === this.#head) this.#dropTail();
    this.#lastIndex = index - 1;
    while ((this.#runFrom.at(-1) ?? 0) >= index) {
      this.#runFrom.pop();
      this.#runTerm.pop();
    }
  }

  /** Forgets the oldest entries in memory, none above `upTo`, until at most `bytesMax` are left. */
  trim(upTo: number, bytesMax: number): void {
    if (this.#tailBytes <= bytesMax) return;
    let first = this.tailFirst;
    while (first <= upTo && this.#tailBytes > bytesMax) {
      this.#dropFirst();
      first += 1;
    }
    this.#compactTail();
  }

  /** The log now begins after `upTo`, which it holds. */
  compact(upTo: number): void {
    const term = must(this.termAt(upTo), "compaction outside the log");
    this.#baseIndex = upTo;
    this.#baseTerm = term;
    let gone = 0;
    while (
      gone < this.#runFrom.length &&
      (this.#runFrom[gone + 1] ?? this.#lastIndex + 1) <= upTo + 1
    ) {
      gone += 1;
    }
    this.#runFrom.splice(0, gone);
    this.#runTerm.splice(0, gone);
    const from = this.#runFrom[0];
    if (from !== undefined && from <= upTo) this.#runFrom[0] = upTo + 1;
    while (this.#tail.length > this.#head && this.tailFirst <= upTo) this.#dropFirst();
    this.#compactTail();
  }

  /** Throws everything away: the log is empty and begins after (index, term). */
  reset(index: number, term: number): void {
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#lastIndex = index;
    this.#runFrom.length = 0;
    this.#runTerm.length = 0;
    this.#dropTail();
  }

  #runAt(index: number): number {
    let low = 0;
    let high = this.#runFrom.length - 1;
    // Nearly every question is about the newest term.
    if (index >= (this.#runFrom[high] ?? 0)) return high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (must(this.#runFrom[middle], "run") <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #dropFirst(): void {
    this.#tailBytes -= entryBytes(must(this.#tail[this.#head], "tail hole"));
    this.#head += 1;
  }

  #dropTail(): void {
    this.#tail = [];
    this.#head = 0;
    this.#tailBytes = 0;
  }

  /** Copies the tail when at least half of its array is dropped, so that dropping stays linear. */
  #compactTail(): void {
    if (this.#head < 64 || this.#head * 2 < this.#tail.length) {
      if (this.#head === this.#tail.length) this.#dropTail();
      return;
    }
    this.#tail = this.#tail.slice(this.#head);
    this.#head = 0;
  }
}

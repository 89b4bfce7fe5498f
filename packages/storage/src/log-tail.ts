/**
 * A group's log as its store sees it: what was handed to the node's log and what of that is durable, the
 * newest entries in memory, the places of the others, the terms of all.
 */
import {
  assert,
  type Crc32,
  type GroupId,
  type LogIndex,
  logIndex,
  must,
  type Term,
} from "@kqueuey/base";
import type { Entry, HardState } from "@kqueuey/raft";
import type { EntryCache } from "./bodies/entry-cache.ts";
import type { EntryMap, EntryPlace } from "./bodies/entry-map.ts";
import { IN_MEMORY, isBodySegment } from "./bodies/segment-ledger.ts";
import type { SegmentSource } from "./bodies/segment-source.ts";
import {
  type Appended,
  type AppendRequest,
  damage,
  type StoreDone,
  type StoreFailure,
} from "./store-types.ts";
import { entryKindCode, entryKindOf, type Placements } from "./wal/placements.ts";
import type { LogPoint, TermRun, Wal } from "./wal/types.ts";

export interface LogTailPorts {
  readonly wal: Wal;
  readonly group: GroupId;
  readonly crc32: Crc32;
  readonly map: EntryMap;
  readonly cache: EntryCache;
  readonly source: SegmentSource;
  readonly failed: (failure: StoreFailure) => void;
}

export interface LogStart {
  readonly base: LogPoint;
  readonly last: LogPoint;
  readonly termRuns: readonly TermRun[];
  readonly hardState: HardState | undefined;
}

/** An append that is not durable yet. */
interface Waiting {
  readonly request: AppendRequest;
  readonly appended: Appended;
  readonly done: StoreDone<Appended>;
  /** Entries above this were voided by a later append. */
  validUpTo: number;
  handedOver: boolean;
}

export class LogTail {
  readonly #ports: LogTailPorts;
  #base: LogPoint;
  #last: LogPoint;
  #durable: LogIndex;
  #hardState: HardState | undefined;
  #termRuns: TermRun[];
  /** In order; those handed to the log come first. */
  #waiting: Waiting[] = [];
  #closed = false;

  constructor(ports: LogTailPorts, start: LogStart) {
    this.#ports = ports;
    this.#base = start.base;
    this.#last = start.last;
    this.#durable = start.last.index;
    this.#hardState = start.hardState;
    this.#termRuns = [...start.termRuns];
  }

  get base(): LogPoint {
    return this.#base;
  }
  get last(): LogPoint {
    return this.#last;
  }
  get durableIndex(): LogIndex {
    return this.#durable;
  }
  /** The newest hard state that is durable. */
  get hardState(): HardState | undefined {
    return this.#hardState;
  }
  /** Appends that are not durable. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The term of an entry of the log or of its base; undefined outside. */
  termAt(index: number): Term | undefined {
    if (index === this.#base.index) return this.#base.term;
    if (index < this.#base.index || index > this.#last.index) return undefined;
    let low = 0;
    let high = this.#termRuns.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (must(this.#termRuns[middle], "term run").from <= index) low = middle + 1;
      else high = middle;
    }
    return must(this.#termRuns[low - 1], "every entry has a term").term;
  }

  append(request: AppendRequest, done: StoreDone<Appended>): void {
    const first = request.entries[0];
    assert(first !== undefined || request.hardState !== undefined, "an append appends something");
    if (first !== undefined) {
      assert(first.index > this.#base.index, "an append goes behind the log's beginning");
      assert(first.index <= this.#last.index + 1, "an append leaves no gap");
      if (first.index <= this.#last.index) this.#voidFrom(first.index);
      for (const entry of request.entries) this.#take(entry);
    }
    const { index, term } = this.#last;
    const waiting: Waiting = {
      request,
      appended: { index, term },
      done,
      validUpTo: Number.MAX_SAFE_INTEGER,
      handedOver: false,
    };
    this.#waiting.push(waiting);
    this.flush();
  }

  /** Hands waiting appends to the log as far as it takes them. */
  flush(): void {
    if (this.#closed) return;
    for (const waiting of this.#waiting) {
      if (waiting.handedOver) continue;
      const { hardState, entries } = waiting.request;
      const admission = this.#ports.wal.append(
        this.#ports.group,
        { hardState, entries },
        (result) => {
          if (result.ok) this.#appended(waiting, result.value.placements);
          else this.#failed(waiting, { ...result.failure });
        },
      );
      if (admission === "full") return;
      waiting.handedOver = true;
      if (admission === "accepted") continue;
      this.#ports.failed({ code: "io", message: "the log is dead" });
      return;
    }
  }

  /** Entries up to `index` are no longer part of the log. */
  advance(index: LogIndex): void {
    const term = must(this.termAt(index), "the log's new beginning has a term");
    this.#base = { index, term };
    this.#ports.map.advanceLog(index);
    let covered = 0;
    while ((this.#termRuns[covered + 1]?.from ?? Number.MAX_SAFE_INTEGER) <= index + 1)
      covered += 1;
    if (covered > 0) this.#termRuns = this.#termRuns.slice(covered);
  }

  /** As `GroupStore.readEntries`. */
  readEntries(
    range: { readonly from: LogIndex; readonly upTo: LogIndex; readonly bytesMax: number },
    done: StoreDone<readonly Entry[] | "compacted">,
  ): void {
    if (range.from <= this.#base.index) {
      done({ ok: true, value: "compacted" });
      return;
    }
    assert(range.from <= this.#last.index, "entries are read inside the log");
    const upTo = Math.min(range.upTo, this.#last.index);
    if (this.#ports.cache.get(range.from) !== undefined) {
      done({ ok: true, value: this.#fromMemory(range.from, upTo, range.bytesMax) });
      return;
    }
    this.#fromDisk({ ...range, upTo }, done);
  }

  /** Waiting appends get no answer from the log any more. */
  close(failure: StoreFailure): void {
    this.#closed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done({ ok: false, failure });
  }

  #voidFrom(index: LogIndex): void {
    const { map, cache } = this.#ports;
    const before = logIndex(index - 1);
    const term = must(this.termAt(before), "an append continues the log");
    cache.truncateFrom(index);
    map.truncateFrom(index);
    for (const waiting of this.#waiting) {
      waiting.validUpTo = Math.min(waiting.validUpTo, before);
    }
    while ((this.#termRuns.at(-1)?.from ?? 0) >= index) this.#termRuns.pop();
    this.#last = { index: before, term };
    if (this.#durable > before) this.#durable = before;
  }

  #take(entry: Entry): void {
    assert(entry.index === this.#last.index + 1, "entries are consecutive");
    assert(entry.term >= this.#last.term, "terms never fall");
    const lastRun = this.#termRuns.at(-1);
    if (lastRun === undefined || lastRun.term !== entry.term) {
      this.#termRuns.push({ from: entry.index, term: entry.term });
    }
    this.#ports.cache.push(entry);
    // A leader may apply what a majority has before its own disk does: the entry is known from now on.
    const kind = entryKindCode(entry.kind);
    const length = entry.data.length;
    this.#ports.map.place(entry.index, { segment: IN_MEMORY, position: 0, length, kind, crc: 0 });
    this.#last = { index: entry.index, term: entry.term };
  }

  #appended(waiting: Waiting, placements: Placements): void {
    if (this.#closed) return;
    assert(this.#waiting[0] === waiting, "appends complete in order");
    this.#waiting.shift();
    const { entries, hardState } = waiting.request;
    assert(placements.count === entries.length, "every entry was placed");
    for (let at = 0; at < entries.length; at++) {
      const { index } = must(entries[at], "entry");
      if (index > waiting.validUpTo) break;
      this.#ports.map.place(index, placeFrom(placements, at));
      this.#durable = index;
    }
    if (hardState !== undefined) this.#hardState = hardState;
    this.#ports.cache.evict(this.#durable);
    this.flush();
    waiting.done({ ok: true, value: waiting.appended });
  }

  #failed(waiting: Waiting, failure: StoreFailure): void {
    if (this.#closed) return;
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    waiting.done({ ok: false, failure });
    if (failure.code !== "closed") this.#ports.failed(failure);
  }

  #fromMemory(from: number, upTo: number, bytesMax: number): Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= upTo; index++) {
      const entry = must(this.#ports.cache.get(index), "the cache has no gaps");
      bytes += entry.data.length;
      if (entries.length > 0 && bytes > bytesMax) break;
      entries.push(entry);
    }
    return entries;
  }

  /** One read of what lies together in one segment. */
  #fromDisk(
    range: { readonly from: number; readonly upTo: number; readonly bytesMax: number },
    done: StoreDone<readonly Entry[] | "compacted">,
  ): void {
    const { from, upTo, bytesMax } = range;
    const { map, cache, source, crc32 } = this.#ports;
    const first = must(map.locate(from), "an entry of the log has a place");
    assert(!isBodySegment(first.segment), "an entry of the log is in the log");
    const found: { index: number; term: Term; place: EntryPlace }[] = [];
    let end = first.position;
    for (let index = from; index <= upTo && cache.get(index) === undefined; index++) {
      const place = must(map.locate(index), "an entry of the log has a place");
      if (place.segment !== first.segment || place.position < end) break;
      const span = place.position + place.length - first.position;
      if (found.length > 0 && span > bytesMax) break;
      found.push({ index, term: must(this.termAt(index), "an entry has a term"), place });
      end = place.position + place.length;
    }
    const position = first.position;
    source.read({ segment: first.segment, position, length: end - position }, (read) => {
      if (!read.ok) {
        done(read);
        return;
      }
      const entries: Entry[] = [];
      for (const { index, term, place } of found) {
        const at = place.position - position;
        const data = read.value.subarray(at, at + place.length);
        const kind = entryKindOf(place.kind);
        if (kind === undefined || crc32(data) !== place.crc) {
          const what = `entry ${index} at ${place.position} is damaged`;
          done({ ok: false, failure: damage(`log segment ${place.segment}`, what) });
          return;
        }
        entries.push({ term, index: logIndex(index), kind, data });
      }
      done({ ok: true, value: entries });
    });
  }
}

/** The place of the run's entry `at`. */
export function placeFrom(placements: Placements, at: number): EntryPlace {
  return {
    segment: placements.segment(at),
    position: placements.position(at),
    length: placements.length(at),
    kind: entryKindCode(placements.kind(at)),
    crc: placements.crc(at),
  };
}

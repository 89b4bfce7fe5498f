/**
 * What was handed to the driver for writing and what of it is on disk. The leader counts itself, a
 * follower acknowledges, and a vote leaves only for what is on disk here.
 *
 * A write says nothing about entries that were replaced while it was under way, not even when the same
 * (index, term) came back later: the disk may hold the replacement when the machine stops. So each
 * write remembers up to where it still speaks for the log, and truncation lowers that.
 */
import { assert, must } from "@kqueuey/base";
import type { HardState } from "./types.ts";

interface Write {
  readonly id: number;
  /** The log is durable up to here once this write is. */
  speaksFor: number;
  readonly hardState: HardState;
  readonly sinceMs: number;
}

/** True when both ask for the same write: the commit hint does not count. */
export function sameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.incarnation === b.incarnation;
}

export class Unstable {
  #handedTo: number;
  #durableTo: number;
  #handed: HardState;
  #durable: HardState;
  #lastWriteId = 0;
  // As many as the driver has writes in flight: a handful.
  readonly #writes: Write[] = [];

  /** Everything that recovery found was made durable before this node started. */
  constructor(lastIndex: number, hardState: HardState) {
    this.#handedTo = lastIndex;
    this.#durableTo = lastIndex;
    this.#handed = hardState;
    this.#durable = hardState;
  }

  /** Entries up to here were handed out for writing. */
  get handedTo(): number {
    return this.#handedTo;
  }

  /** Entries up to here are on disk. */
  get durableTo(): number {
    return this.#durableTo;
  }

  /** The hard state last handed out for writing. */
  get handedHardState(): HardState {
    return this.#handed;
  }

  /** The hard state known to be on disk. */
  get durableHardState(): HardState {
    return this.#durable;
  }

  /** The id that the next write will have. */
  get nextWriteId(): number {
    return this.#lastWriteId + 1;
  }

  /** The id of the newest write handed out; 0 when there was none. */
  get lastWriteId(): number {
    return this.#lastWriteId;
  }

  /** When the oldest write in flight was handed out; undefined when none is. */
  get waitingSinceMs(): number | undefined {
    return this.#writes[0]?.sinceMs;
  }

  /** The entries from `index` on were replaced: nothing written so far speaks for them. */
  truncatedFrom(index: number): void {
    const kept = index - 1;
    this.#handedTo = Math.min(this.#handedTo, kept);
    this.#durableTo = Math.min(this.#durableTo, kept);
    for (const write of this.#writes) write.speaksFor = Math.min(write.speaksFor, kept);
  }

  /** A durable snapshot at `index` replaced the log. */
  resetTo(index: number): void {
    this.#handedTo = index;
    this.#durableTo = index;
    for (const write of this.#writes) write.speaksFor = 0;
  }

  /** Everything up to `lastIndex`, and `hardState`, goes to the disk now. Gives the write's id. */
  handOut(lastIndex: number, hardState: HardState, nowMs: number): number {
    assert(lastIndex >= this.#handedTo, "a write covers what was handed out before");
    this.#handedTo = lastIndex;
    this.#handed = hardState;
    this.#lastWriteId += 1;
    this.#writes.push({ id: this.#lastWriteId, speaksFor: lastIndex, hardState, sinceMs: nowMs });
    return this.#lastWriteId;
  }

  /** Write `id`, and so every earlier one, is on disk. Ids already reported are ignored. */
  persisted(id: number): void {
    assert(id <= this.#lastWriteId, "a write that was never handed out is durable");
    while ((this.#writes[0]?.id ?? id + 1) <= id) {
      const write = must(this.#writes.shift(), "write");
      this.#durableTo = Math.max(this.#durableTo, write.speaksFor);
      this.#durable = write.hardState;
    }
  }
}

/**
 * What the log knows of one Raft group: hard state, the extent of its log, the terms in it. The writer
 * keeps one for each group to write heads; recovery rebuilds them from the records in order.
 */
import { assert, logIndex, must, term } from "@kqueuey/base";
import type { HardState } from "@kqueuey/raft";
import type { LogPoint, SnapshotMarker, TermRun } from "./types.ts";

export const LOG_START: LogPoint = { index: logIndex(0), term: term(0) };

export class GroupLog {
  hardState: HardState | undefined;
  #marker: SnapshotMarker | undefined;
  #compacted: LogPoint = LOG_START;
  #last: LogPoint = LOG_START;
  /** Terms of `compacted.index + 1 … last.index`. */
  #runs: TermRun[] = [];

  get marker(): SnapshotMarker | undefined {
    return this.#marker;
  }

  /** The log begins after it. */
  get compacted(): LogPoint {
    return this.#compacted;
  }

  get last(): LogPoint {
    return this.#last;
  }

  get termRuns(): readonly TermRun[] {
    return this.#runs;
  }

  /** The entry after the last one was appended. */
  append(point: LogPoint): void {
    assert(point.index === this.#last.index + 1, "log entries are consecutive");
    assert(point.term >= this.#last.term, "terms in a log never fall");
    if (this.#runs.at(-1)?.term !== point.term) {
      this.#runs.push({ from: point.index, term: point.term });
    }
    // Not the entry itself: its data would stay in memory with it.
    this.#last = { index: point.index, term: point.term };
  }

  /** Entries from `from` on are void; `from` is above what is compacted. */
  truncate(from: number): void {
    if (from > this.#last.index) return;
    assert(from > this.#compacted.index, "a truncation stays above what is compacted");
    while ((this.#runs.at(-1)?.from ?? 0) >= from) this.#runs.pop();
    const index = logIndex(from - 1);
    this.#last = { index, term: this.#runs.at(-1)?.term ?? this.#compacted.term };
  }

  /** The log becomes empty and begins after `point`. */
  reset(point: LogPoint): void {
    this.#compacted = { index: point.index, term: point.term };
    this.#last = this.#compacted;
    this.#runs = [];
  }

  /** A snapshot took the log's place. */
  install(marker: SnapshotMarker): void {
    this.#marker = marker;
    this.reset({ index: marker.index, term: marker.term });
  }

  /** The log begins after `index`, which is in it, or was compacted before. */
  compact(index: number): void {
    if (index <= this.#compacted.index) return;
    this.compactTo({ index: logIndex(index), term: this.termAt(index) });
  }

  /** The log begins after `point`, which is in it or beyond its end. No-op if it begins later already. */
  compactTo(point: LogPoint): void {
    if (point.index < this.#compacted.index) return;
    if (point.index >= this.#last.index) {
      this.reset(point);
      return;
    }
    if (point.index === this.#compacted.index) {
      this.#compacted = point;
      return;
    }
    let first = 0;
    while ((this.#runs[first + 1]?.from ?? Number.POSITIVE_INFINITY) <= point.index + 1) first += 1;
    const run = must(this.#runs[first], "a log has terms");
    this.#runs = [
      { from: logIndex(point.index + 1), term: run.term },
      ...this.#runs.slice(first + 1),
    ];
    this.#compacted = point;
  }

  /** The term of an entry of `compacted.index … last.index`. */
  termAt(index: number): LogPoint["term"] {
    assert(
      index >= this.#compacted.index && index <= this.#last.index,
      "the index is not in the log",
    );
    if (index === this.#compacted.index) return this.#compacted.term;
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (must(this.#runs[middle], "a run").from <= index) low = middle;
      else high = middle - 1;
    }
    return must(this.#runs[low], "a log has terms").term;
  }
}

/**
 * Committed entries on their way into the machine, one by one in their order: those that raft still had in
 * memory, and those that are read from the store when it is their turn.
 */
import type { LogIndex } from "@kqueuey/base";
import { assert, logIndex } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import type { GroupStore, StoreFailure } from "@kqueuey/storage";

const READ_BYTES_MAX: number = 4 * 1024 * 1024;

export interface CommittedOutside {
  readonly store: Pick<GroupStore, "readEntries">;
  later(task: () => void): void;
  failed(failure: StoreFailure): void;
}

/** As raft says it: without entries, they are in the store alone. */
interface Range {
  readonly from: LogIndex;
  readonly upTo: LogIndex;
  readonly entries: readonly Entry[];
}

export class Committed {
  readonly #outside: CommittedOutside;
  readonly #ranges: Range[] = [];
  /** Entries of the first range that were handed out. */
  #taken = 0;
  #reading = false;

  constructor(outside: CommittedOutside) {
    this.#outside = outside;
  }

  add(range: Range): void {
    this.#ranges.push(range);
  }

  /** A snapshot takes the place of all that was to come. */
  clear(): void {
    this.#ranges.length = 0;
    this.#taken = 0;
  }

  /** The next entry, which is then the caller's to apply; undefined when none is here yet. */
  next(): Entry | undefined {
    const range = this.#ranges[0];
    if (range === undefined) return undefined;
    const entry = range.entries[this.#taken];
    if (entry === undefined) {
      this.#read(range);
      return undefined;
    }
    this.#taken += 1;
    if (this.#taken < range.entries.length) return entry;
    this.#taken = 0;
    if (entry.index === range.upTo) this.#ranges.shift();
    else this.#ranges[0] = { from: logIndex(entry.index + 1), upTo: range.upTo, entries: [] };
    return entry;
  }

  #read(range: Range): void {
    if (this.#reading) return;
    this.#reading = true;
    const { from, upTo } = range;
    this.#outside.store.readEntries({ from, upTo, bytesMax: READ_BYTES_MAX }, (result) =>
      this.#outside.later(() => {
        this.#reading = false;
        if (!result.ok) {
          this.#outside.failed(result.failure);
          return;
        }
        const first = this.#ranges[0];
        // A snapshot came in between.
        if (first === undefined || first.from !== from || first.entries.length > 0) return;
        assert(result.value !== "compacted", "committed entries are kept until they are applied");
        this.#ranges[0] = { ...first, entries: result.value };
      }),
    );
  }
}

/**
 * What the leader has proposed and not yet applied: the open entry that commands are copied into, and
 * the entries in flight with who waits for which of their commands.
 */
import type { LogIndex, Term } from "@kqueuey/base";
import { assert, clusterTime, wallTime } from "@kqueuey/base";
import type { EntryStamp, Outcome } from "@kqueuey/queue";
import { EntryBuilder } from "@kqueuey/queue";

/** Somebody who waits for one command's outcome. Exactly one of the two is called, once. */
export interface Pending {
  settled(outcome: Outcome): void;
  /** Leadership went before the command was applied here: it may or may not take effect. */
  lost(): void;
}

interface InFlight {
  readonly term: Term;
  readonly bytes: number;
  readonly pending: readonly (Pending | undefined)[];
}

/** An entry that is full, waiting for raft to take it. */
export interface Closed {
  readonly data: Uint8Array;
  readonly pending: readonly (Pending | undefined)[];
}

const ENTRY_BYTES_FULL: number = 256 * 1024;
/** An entry is applied in one turn of the event loop, so this bounds the turn. */
const ENTRY_OPERATIONS_FULL = 1_024;

/** For entries that are thrown away. */
const NO_STAMP: EntryStamp = { clusterTimeMs: clusterTime(0), wallTimeMs: wallTime(0) };

export class Proposals {
  readonly #builder = new EntryBuilder();
  #open: (Pending | undefined)[] = [];
  readonly #inFlight = new Map<LogIndex, InFlight>();
  #inFlightBytes = 0;

  /** Bytes of commands taken and not yet applied. */
  get bytes(): number {
    return this.#builder.bytes + this.#inFlightBytes;
  }

  /** The open entry holds so much that it is to be closed although a write is in flight. */
  get isFull(): boolean {
    const { bytes, operations } = this.#builder;
    return bytes >= ENTRY_BYTES_FULL || operations >= ENTRY_OPERATIONS_FULL;
  }

  /** True while commands wait in the open entry. */
  get hasOpen(): boolean {
    return !this.#builder.empty;
  }

  /** Entries proposed and not yet applied. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Copies a validated command into the open entry; false when it has no room left: flush first. */
  add(command: Uint8Array, operations: number, pending: Pending | undefined): boolean {
    const ordinal = this.#builder.append(command, operations);
    if (ordinal === undefined) return false;
    assert(ordinal === this.#open.length, "ordinals count up");
    this.#open.push(pending);
    return true;
  }

  /** Closes the open entry (which may be empty: a time entry) for `proposed` or `refused`. */
  close(stamp: EntryStamp): Closed {
    const pending = this.#open;
    this.#open = [];
    return { data: this.#builder.finish(stamp), pending };
  }

  /** Raft took the closed entry at `index`. */
  proposed(closed: Closed, index: LogIndex, term: Term): void {
    const bytes = closed.data.length;
    this.#inFlight.set(index, { term, bytes, pending: closed.pending });
    this.#inFlightBytes += bytes;
  }

  /** Raft did not take it: nobody's command will happen. */
  refused(closed: Closed): void {
    for (const each of closed.pending) each?.lost();
  }

  /** Who waits for the entry that was committed at `index`; those of another entry are told that theirs is lost. */
  take(index: LogIndex, term: Term): readonly (Pending | undefined)[] | undefined {
    const found = this.#inFlight.get(index);
    if (found === undefined) return undefined;
    this.#inFlight.delete(index);
    this.#inFlightBytes -= found.bytes;
    if (found.term === term) return found.pending;
    for (const each of found.pending) each?.lost();
    return undefined;
  }

  /** Leadership is gone: everybody is told. */
  loseAll(): void {
    const lost = [...this.#inFlight.values()].map((each) => each.pending);
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    if (!this.#builder.empty) lost.push(this.close(NO_STAMP).pending);
    for (const pending of lost) for (const each of pending) each?.lost();
  }
}

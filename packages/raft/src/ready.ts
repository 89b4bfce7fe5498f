/**
 * What Raft wants done. The driver takes one `Ready` after each event (or a few) and works through it
 * in the order of the fields; nothing in it may be skipped, and Raft forgets it once handed over.
 */
import type { LogIndex, NodeId, Term } from "@kqueuey/base";
import type { RaftMessage } from "./message.ts";
import type { Entry, HardState } from "./types.ts";

/** A group's view of one node's part in it. */
export type RoleKind = "follower" | "pre-candidate" | "candidate" | "leader";

/** What clients and operators care about; never persisted. */
export interface SoftState {
  readonly role: RoleKind;
  /** The leader of `term` as far as this node knows; 0 for unknown. */
  readonly leader: NodeId | 0;
  readonly term: Term;
}

/** Newly committed entries, to be applied in order, each exactly once in this process. */
export interface CommittedRange {
  readonly from: LogIndex;
  /** Inclusive. */
  readonly upTo: LogIndex;
  /** All of the range, or empty: then the driver reads it from storage (only after a restart). */
  readonly entries: readonly Entry[];
}

/** A read that may be answered once the state machine has applied `index` (dissertation §6.4). */
export interface ReadState {
  readonly context: number;
  readonly index: LogIndex;
}

/** Entries that a follower needs and memory no longer holds. Answer with `entriesRead(request, …)`. */
export interface EntriesRequest {
  readonly to: NodeId;
  /** The leader's term when it asked: an answer in another term is ignored. */
  readonly term: Term;
  readonly from: LogIndex;
  /** Inclusive. */
  readonly upTo: LogIndex;
  /** Stop before more data bytes than this, but read at least one entry. */
  readonly bytesMax: number;
}

/** `to` needs entries that the log no longer has. Answer with `snapshotSent`. */
export interface SnapshotRequest {
  readonly to: NodeId;
  /** A snapshot of this index or later will do. */
  readonly indexMin: LogIndex;
}

export interface Ready {
  /**
   * When defined, `hardState` and `entries` are to be written, hard state first, in one durable write
   * after all earlier ones; then call `persisted(writeId)`. Ascending, 1 or more.
   */
  readonly writeId: number | undefined;
  readonly hardState: HardState | undefined;
  /** `entries[0].index` at or below the last index written so far voids the older suffix from there. */
  readonly entries: readonly Entry[];
  /** To be sent now, before waiting for the write. What depends on a write appears only after it. */
  readonly messages: readonly RaftMessage[];
  readonly committed: CommittedRange | undefined;
  readonly readStates: readonly ReadState[];
  readonly readEntries: readonly EntriesRequest[];
  readonly sendSnapshots: readonly SnapshotRequest[];
  /**
   * Defined when it changed. When the role was leader and no longer is, or the term changed, pending
   * reads and proposals of the old term get no further answer: the driver fails the reads, and the
   * proposals when an entry of another term is applied at their index.
   */
  readonly softState: SoftState | undefined;
}

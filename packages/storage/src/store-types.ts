/**
 * The words that the parts of a group's store share, and what a replica says to it. Every request has
 * one completion, called once. Indexes are log indexes; lengths and positions are bytes.
 */
import type { Crc32, GroupId, LogIndex, Random, Term } from "@kqueuey/base";
import type { Entry, HardState } from "@kqueuey/raft";
import type { Disk, DiskError } from "./disk.ts";
import type { LogPoint, TermRun } from "./wal/types.ts";

/** A digest of at least 16 bytes that nobody meets by accident; the first 16 are used. */
export type Digest = (bytes: Uint8Array) => Uint8Array;

/** What the store needs of its host. */
export interface StoragePorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  /** Names pieces of snapshots, so that a transfer goes on from whichever leader. */
  readonly digest: Digest;
  /** Steps the boot counter and salts the log's segments. */
  readonly random: Random;
}

/**
 * How a body record is framed inside an entry. The queue owns the layout; the store asks for its
 * length and whether it is whole.
 */
export interface BodyFraming {
  /** Bytes at the record's start that are enough to know its length, 1 … 64. */
  readonly prefixBytes: number;
  /** The record's whole length in bytes, given at least its prefix; 0 if no record begins like this. */
  recordLength(prefix: Uint8Array): number;
  /** Whether the whole record is what its writer wrote: checks the record's own checksum. */
  verify(record: Uint8Array, crc32: Crc32): boolean;
}

/** Why a request failed, and what that means for the node. */
export interface StoreFailure {
  /**
   * - `no-space`: nothing was lost; it is tried again, or may be asked again.
   * - `damaged`: bytes on disk are not those written. The node must go to probation. Whoever asked has nothing
   *   to do: the store leaves word for the next start, and only then says `onFailure`.
   * - `io`: the disk refused. The process must stop; nothing is retried in place.
   * - `closed`: the store was closed, or the request was given up by its owner.
   */
  readonly code: "no-space" | "damaged" | "io" | "closed";
  /** What and where, for the log. */
  readonly message: string;
}

export type StoreResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: StoreFailure };

export type StoreDone<T> = (result: StoreResult<T>) => void;

/** A message's body: the entry that carried it and where in the entry's data its record begins. */
export interface BodyRef {
  readonly entry: LogIndex;
  readonly offset: number;
}

/** What to make durable, in this order: hard state, then entries. */
export interface AppendRequest {
  readonly hardState: HardState | undefined;
  /** Consecutive. A first index at or below the last one voids the old suffix. */
  readonly entries: readonly Entry[];
}

/** What a finished append made durable. */
export interface Appended {
  /** Last entry of the log when the append was accepted; 0 for an empty log. */
  readonly index: LogIndex;
  readonly term: Term;
}

/** What a group's disk held when the node started. */
export interface GroupRecovered {
  readonly group: GroupId;
  /** The newest durable one; undefined if the group never wrote any. */
  readonly hardState: HardState | undefined;
  /** The state to load before the log is applied from `index + 1`; undefined: begin from nothing. */
  readonly checkpoint: CheckpointMeta | undefined;
  /** The log begins after `base`; entries at or below the checkpoint may be in it, for followers. */
  readonly base: LogPoint;
  /** Equal to `base` when the log is empty. */
  readonly last: LogPoint;
  /** Runs covering `base.index + 1 … last.index`, ascending. */
  readonly termRuns: readonly TermRun[];
  /** The entries of kind `membership` above the checkpoint, ascending. */
  readonly membershipEntries: readonly Entry[];
  /** Damage found: nothing of this group may vote; what is readable is still offered. */
  readonly damage: StoreFailure | undefined;
}

/** What a checkpoint or a snapshot says about itself. */
export interface CheckpointMeta {
  /** The last entry whose effects are in it, and that entry's term. */
  readonly index: LogIndex;
  readonly term: Term;
  /** Raft membership as of `index`, opaque to the store. */
  readonly membership: Uint8Array;
  /** Hard state known durable when it was taken; undefined in snapshots that came from elsewhere. */
  readonly hardState: HardState | undefined;
}

/** One unit of the state machine's state. */
export interface CheckpointUnit {
  /** Stable name of the unit, 0 … 2^53 - 1. */
  readonly key: number;
  readonly bytes: Uint8Array;
}

/** The state machine as a checkpoint sees it: units that change, copied while it goes on working. */
export interface CheckpointSource {
  /** Fixes the state to copy. `changed`: since the last checkpoint that ended well. `full`: all. */
  beginCheckpoint(mode: "changed" | "full"): void;
  /** About `bytesMax` bytes of units, at least one unless done. The bytes are the caller's. */
  nextCheckpointUnits(bytesMax: number): {
    readonly units: readonly CheckpointUnit[];
    /** Units that are gone since the last checkpoint. */
    readonly removed: readonly number[];
    readonly done: boolean;
  };
  /** Not ok: everything that this checkpoint copied counts as changed again. */
  endCheckpoint(ok: boolean): void;
}

/** Where the bodies of a range of entries that are still referenced begin: asked by the compactor. */
export interface LiveBodies {
  /** Visits every live body whose entry is in `from … upTo`, in any order, each once or more. */
  visitLiveBodies(
    range: { readonly from: LogIndex; readonly upTo: LogIndex },
    visit: (entry: LogIndex, offset: number) => void,
  ): void;
}

/** A result that failed on the disk, in the store's words. */
export function diskFailure(error: DiskError, path: string): StoreFailure {
  const code = error.code === "no-space" ? "no-space" : "io";
  return { code, message: `${path}: ${error.code}: ${error.message}` };
}

/** A failure that names the damaged file and what was wrong with it. */
export function damage(path: string, what: string): StoreFailure {
  return { code: "damaged", message: `${path}: ${what}` };
}

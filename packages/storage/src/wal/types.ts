/**
 * The write-ahead log as its users see it. One log a node, shared by all Raft groups on it.
 *
 * - Appends become durable in the order in which they were made; what arrives while a write is in flight
 *   is the next write group.
 * - Bodies stay where the log wrote them, so a finished append says where each entry's data lies.
 * - A segment goes back to the log (`reclaim`) when its owner needs neither its entries nor its bodies.
 * - A failed write or sync is final: every waiter is told, nothing is tried again, the process stops.
 */
import type { Brand, Crc32, GroupId, LogIndex, MonotonicMs, Random, Term } from "@kqueuey/base";
import type { Entry, HardState } from "@kqueuey/raft";
import type { Disk, DiskError } from "../disk.ts";
import type { Placements } from "./placements.ts";

/** A segment of the log: 1 … 2^32 - 1, only growing, never given to other bytes. It is also its epoch. */
export type SegmentId = Brand<number, "SegmentId">;

export interface WalPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  /** Salts segments, so that no message body can be taken for a write group. */
  readonly random: Random;
  /** Told once when the log dies, before or after the appends that wait for it. */
  readonly failed?: (failure: WalFailure) => void;
}

export interface WalConfig {
  /** The log's folder in the data directory. Default "wal". */
  readonly directory: string;
  /** Length of a new segment file, a multiple of 4 KiB, 64 KiB … 1 GiB. Default 64 MiB. */
  readonly segmentBytes: number;
  /** Segments made before they are needed. Default 2. */
  readonly aheadSegments: number;
  /** Reclaimed segments kept for reuse on top of those; the rest is removed. Default 2. */
  readonly spareSegments: number;
  /** A write group takes no further entry past this many bytes. Default 4 MiB. */
  readonly groupBytesMax: number;
  /** `append` answers "full" while this many bytes wait for the disk. Default 64 MiB. */
  readonly queuedBytesMax: number;
  /** An unconfirmed last write is confirmed by an empty group after this long. Default 50. */
  readonly idleMs: number;
  /** How long after a full disk the next try to make a segment. Default 1,000. */
  readonly spaceRetryMs: number;
  /** `dsync`: one O_DSYNC write a group. `fdatasync`: a write, then a sync. Measured at start. */
  readonly syncMode: SyncMode;
  /** Segment files open at a time, the active one not counted. Default 64. */
  readonly openFilesMax: number;
}

export type SyncMode = "dsync" | "fdatasync";

/** A point of a log: an entry's index and its term. */
export interface LogPoint {
  readonly index: LogIndex;
  readonly term: Term;
}

/** A stretch of the log with one term: entries from `from` up to the next run have `term`. */
export interface TermRun {
  readonly from: LogIndex;
  readonly term: Term;
}

/** A snapshot that was installed: the group's state lives in `directory`, its log begins after the point. */
export interface SnapshotMarker extends LogPoint {
  /** Path of the folder in the data directory, up to 1,024 bytes of UTF-8. */
  readonly directory: string;
}

/** What to make durable for one group, in this order; whatever is absent stays as it is. */
export interface WalAppend {
  readonly hardState?: HardState | undefined;
  /** A snapshot's folder is complete and synced: the log becomes empty and begins after it. */
  readonly snapshotMarker?: SnapshotMarker | undefined;
  /** The log becomes empty and begins after this point, without a new folder. */
  readonly resetTo?: LogPoint | undefined;
  /** Entries from this index on are void. */
  readonly truncateFrom?: LogIndex | undefined;
  /**
   * Consecutive, following the log's last entry; a first index at or below it voids the old suffix.
   * Their data is written by reference and must not change before the completion. One entry's data
   * is at most half a segment.
   */
  readonly entries?: readonly Entry[] | undefined;
}

/** A finished append. */
export interface WalAppended {
  /** Where the data of the append's entries lies, in their order. */
  readonly placements: Placements;
}

/** Why the log can't go on, or can't now. */
export interface WalFailure {
  /**
   * - `io`: a write, sync or another request failed: the log is dead, the process must stop.
   * - `no-space`: only from `openWal`: not even one segment could be made.
   * - `closed`: the log was closed before the append was written.
   */
  readonly code: "io" | "no-space" | "closed";
  readonly message: string;
  readonly cause?: DiskError;
}

export type WalResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: WalFailure };

export type WalDone<T> = (result: WalResult<T>) => void;

/** `full`: too much waits for the disk; nothing was taken. `failed`: the log is dead. */
export type WalAdmission = "accepted" | "full" | "failed";

/** What a segment holds. */
export interface SegmentInfo {
  readonly id: SegmentId;
  /** `active` is being written, `sealed` only read, `reclaiming` waits for its readers. */
  readonly state: "active" | "sealed" | "reclaiming";
  /** Length of the file in bytes. */
  readonly bytes: number;
  /** Bytes of entry data written into it, truncated ones included. */
  readonly dataBytes: number;
  /** Readers that hold it. */
  readonly pins: number;
  /** Per group the highest entry index in it that is still part of the group's log. */
  readonly lastIndexes: ReadonlyMap<GroupId, LogIndex>;
}

export interface WalStats {
  readonly state: "open" | "failed" | "closed";
  /**
   * `full`: a segment could not be made. The log goes on with what it has; refuse what grows the
   * data, go on with what shrinks it. Recovers by itself.
   */
  readonly space: "ample" | "full";
  /** Bytes of appends that are accepted and not yet durable. */
  readonly queuedBytes: number;
  /** Write groups written since the log was opened, and bytes of their entries. */
  readonly groupsWritten: number;
  readonly dataBytesWritten: number;
  /** Bytes sent to the disk, padding included. */
  readonly bytesWritten: number;
  readonly syncs: number;
  readonly segments: number;
  readonly aheadSegments: number;
  /** Bytes of all segment files, prepared ones included. */
  readonly diskBytes: number;
  /** Since when the write in flight is under way, by `tick`'s clock; undefined when idle. */
  readonly writingSinceMs: MonotonicMs | undefined;
}

/** A range of one segment's bytes. */
export interface SegmentRange {
  readonly segment: SegmentId;
  readonly position: number;
  readonly length: number;
}

export interface Wal {
  /** Queues an append. `done` is called once if it was accepted, in order of the appends, never from inside. */
  append(group: GroupId, request: WalAppend, done: WalDone<WalAppended>): WalAdmission;
  /** Time passes: confirms an idle log's last write, tries again to find space. Every 10 to 50 ms. */
  tick(nowMs: MonotonicMs): void;

  /** Bytes of a segment that were reported durable; holds the segment meanwhile. It must not be reclaimed. */
  read(range: SegmentRange, done: WalDone<Uint8Array>): void;
  /** Holds a segment's file until `unpin`. It must not be reclaimed. */
  pin(segment: SegmentId): void;
  unpin(segment: SegmentId): void;
  /** False once it was given to `reclaim`, or was never there. */
  has(segment: SegmentId): boolean;

  /** Segments in use, ascending, those given to `reclaim` no longer counted when their file is free. */
  segments(): readonly SegmentInfo[];
  /** A durable checkpoint holds everything of `group` up to `index`. Only grows. */
  cover(group: GroupId, index: LogIndex): void;
  /** Sealed segments whose every log entry is covered. Bodies in them are their owners' business. */
  coveredSegments(): readonly SegmentId[];
  /**
   * Gives a sealed segment back: nobody reads it from now on, except those who hold it. Each group's
   * log then begins after the segment's last entry of the group, so raft must have compacted that far.
   */
  reclaim(segment: SegmentId): void;

  /** The group's log begins after this point (0, 0 at first); older entries may be in segments for their bodies. */
  compacted(group: GroupId): LogPoint;
  stats(): WalStats;
  /** Waits for what was accepted, then closes every file. Later appends fail. */
  close(done: WalDone<undefined>): void;
}

/** A stretch of entries whose data is in the log. Runs of a group ascend and do not overlap. */
export interface PlacementRun {
  readonly from: LogIndex;
  readonly placements: Placements;
}

/** What the log held of one group. */
export interface RecoveredGroup {
  readonly group: GroupId;
  /** The newest one; undefined if none was ever written. */
  readonly hardState: HardState | undefined;
  /** The newest installed snapshot, if any. */
  readonly snapshotMarker: SnapshotMarker | undefined;
  /** The log begins after it. */
  readonly compacted: LogPoint;
  /** Equal to `compacted` when the log is empty. */
  readonly last: LogPoint;
  /** Runs covering `compacted.index + 1 … last.index`, ascending; empty for an empty log. */
  readonly termRuns: readonly TermRun[];
  /**
   * Every entry with data in a live segment; none from before an installed snapshot. Up to `compacted`
   * only those that the state still refers to, and that no body segment has, mean anything: an older,
   * overwritten entry of the same index may stand there.
   */
  readonly placements: readonly PlacementRun[];
}

export interface WalRecovered {
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
  /** Nothing was ever written about any group. */
  readonly fresh: boolean;
  /** A write that a crash tore was cut; none of it had been reported durable. */
  readonly tornTail: boolean;
}

/** Where the log's bytes are not those that were written. */
export interface WalDamage {
  readonly segment: SegmentId;
  readonly position: number;
  /** For the log: what was expected and what was there. */
  readonly message: string;
}

/**
 * - `open`: the log can be used, and what it recovered is durable.
 * - `damaged`: nothing was changed on the disk. `recovered` is what stands before the damage: a hint
 *   for the hard state, nothing to vote on. Go on with `quarantineWal`, then open again, in probation.
 * - `newer-format`: written by a later version; nothing was changed.
 */
export type OpenWalResult =
  | { readonly kind: "open"; readonly wal: Wal; readonly recovered: WalRecovered }
  | { readonly kind: "damaged"; readonly damage: WalDamage; readonly recovered: WalRecovered }
  | { readonly kind: "newer-format"; readonly message: string }
  | { readonly kind: "failed"; readonly failure: WalFailure };

/** Moves a damaged log's folder aside (`<directory>.damaged-1`, …), so that a new one can begin. */
export type QuarantineWal = (
  ports: WalPorts,
  config: Partial<WalConfig>,
  done: WalDone<undefined>,
) => void;

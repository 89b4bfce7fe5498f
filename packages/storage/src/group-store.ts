/**
 * One Raft group's durable side on one node: its part of the log, the bodies in it, its checkpoint and
 * its snapshots. The replica talks to this and to nothing below it.
 *
 * Duties of the replica, in order: `loadCheckpoint` into an empty machine if there is one; report every
 * live body with `setLive`; `finishRestore`; from then on report births before deaths with
 * `bodiesBorn` and `bodiesDied`, call `checkpoint` now and then, and `pump` in turns that have time left.
 */
import type { GroupId, LogIndex } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import type { SnapshotInstaller, SnapshotSender } from "./snapshot/types.ts";
import type {
  Appended,
  AppendRequest,
  BodyRef,
  CheckpointMeta,
  CheckpointSource,
  CheckpointUnit,
  GroupRecovered,
  LiveBodies,
  StoreDone,
  StoreFailure,
} from "./store-types.ts";

/** Numbers about one group's store, for metrics and for deciding when to checkpoint. */
export interface GroupStoreStats {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly durableIndex: LogIndex;
  /** 0 before the first checkpoint. */
  readonly checkpointIndex: LogIndex;
  /** Data of entries above the checkpoint: what a restart would replay. */
  readonly uncheckpointedBytes: number;
  /** Entries with a place in the map, and the map's memory. */
  readonly mapEntries: number;
  readonly mapBytes: number;
  readonly cacheBytes: number;
  readonly liveBodies: number;
  readonly bodySegments: number;
  readonly bodySegmentBytes: number;
  readonly checkpointRunning: boolean;
  /** Set while background work waits for the disk to have space again. */
  readonly noSpace: boolean;
}

export interface GroupStore {
  readonly group: GroupId;
  /** What the disk held at start. */
  readonly recovered: GroupRecovered;

  /**
   * Makes hard state and entries durable. The store keeps the entries' data (shared, not copied), so it
   * must not change afterwards. Appends complete in order.
   */
  append(request: AppendRequest, done: StoreDone<Appended>): void;

  /**
   * Entries `from … upTo` as far as `bytesMax` goes, at least one: for followers that are behind, and
   * for applying after a restart. "compacted" if `from` is below the log's beginning. From memory it
   * completes before it returns.
   */
  readEntries(
    range: { readonly from: LogIndex; readonly upTo: LogIndex; readonly bytesMax: number },
    done: StoreDone<readonly Entry[] | "compacted">,
  ): void;

  /**
   * The body records of `refs`, in their order, each checked. They share memory with the log: copy
   * or send, do not keep. When all are in memory it completes **before it returns**.
   */
  readBodies(refs: readonly BodyRef[], done: StoreDone<readonly Uint8Array[]>): void;

  /**
   * After loading a checkpoint, before anything else is applied: `count` bodies of `entry` are alive
   * (0 … 65,535 in all). May be called more than once for an entry: the counts add up.
   */
  setLive(entry: LogIndex, count: number): void;
  /** Every live body was reported: nothing is reclaimed before this. `live` answers the compactor. */
  finishRestore(live: LiveBodies): void;
  /** Applying `entry` made `count` bodies in it live. */
  bodiesBorn(entry: LogIndex, count: number): void;
  /** `count` bodies of `entry` will never be read again. */
  bodiesDied(entry: LogIndex, count: number): void;

  /**
   * Begins to copy the machine's state, which has just applied `meta.index`; false while one is
   * running. Goes on in `pump`; counts once the log is durable at `meta.index`.
   */
  checkpoint(
    source: CheckpointSource,
    meta: Pick<CheckpointMeta, "index" | "term" | "membership">,
    done: StoreDone<CheckpointMeta>,
  ): boolean;
  /** Copies at most about `bytesMax` bytes of a running checkpoint; true if it wants to be called again. */
  pump(bytesMax: number): boolean;
  /** The newest durable checkpoint, if any. */
  latestCheckpoint(): CheckpointMeta | undefined;
  /**
   * Gives every unit of the newest checkpoint to `visit`, checked, in no particular order. If it fails
   * the caller throws away what it loaded.
   */
  loadCheckpoint(visit: (unit: CheckpointUnit) => void, done: StoreDone<CheckpointMeta>): void;
  /** The checkpoint's bytes are those written and yet no state: to be treated as damage met while running. */
  reportDamage(failure: StoreFailure): void;

  /** Followers need the log from `index` on; held back only as far as the configured bytes allow. */
  setNeededFrom(index: LogIndex): void;
  /** The log's first readable index: call `raft.compact` with the one before when it moves. */
  firstIndex(): LogIndex;

  /** Prepares the newest checkpoint and the live bodies below it for a follower. */
  createSnapshot(done: StoreDone<SnapshotSender>): void;
  /** Begins, or goes on with, receiving the snapshot that `manifest` describes. */
  beginInstall(manifest: Uint8Array, done: StoreDone<SnapshotInstaller>): void;

  stats(): GroupStoreStats;
}

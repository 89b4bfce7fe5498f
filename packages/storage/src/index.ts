/**
 * What a node keeps on disk: one log for all its groups, and per group the bodies in it, checkpoints
 * and snapshots, over the `Disk` port. Synchronous: requests go down, completions come back.
 */
export type {
  DirectoryEntry,
  Disk,
  DiskDone,
  DiskError,
  DiskResult,
  FileHandle,
  OpenOptions,
} from "./disk.ts";
export { assertDiskPath } from "./disk.ts";
export type { GroupStoreLimits } from "./group-ports.ts";
export type { GroupStore, GroupStoreStats } from "./group-store.ts";
export type { OpenRefusal } from "./node-meta.ts";
export type { NodeStorage, NodeStorageConfig, OpenNodeResult } from "./node-storage.ts";
export { openNodeStorage } from "./node-storage.ts";
export type { SnapshotInstaller, SnapshotSender } from "./snapshot/types.ts";
export { PIECE_BYTES_MAX } from "./snapshot/types.ts";
export type {
  Appended,
  AppendRequest,
  BodyFraming,
  BodyRef,
  CheckpointMeta,
  CheckpointSource,
  CheckpointUnit,
  Digest,
  GroupRecovered,
  LiveBodies,
  StoragePorts,
  StoreDone,
  StoreFailure,
  StoreResult,
} from "./store-types.ts";
export { decodeHeader, groupBytes, HEADER_BYTES } from "./wal/format.ts";
export { openWal, quarantineWal } from "./wal/open.ts";
export type { Placement } from "./wal/placements.ts";
export { Placements } from "./wal/placements.ts";
export type {
  LogPoint,
  OpenWalResult,
  PlacementRun,
  RecoveredGroup,
  SegmentId,
  SegmentInfo,
  SnapshotMarker,
  SyncMode,
  TermRun,
  Wal,
  WalAppend,
  WalAppended,
  WalConfig,
  WalDone,
  WalFailure,
  WalPorts,
  WalRecovered,
  WalStats,
} from "./wal/types.ts";

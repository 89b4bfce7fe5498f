/** What one group's store is made with: the host's ports, the node's log, bounds, and whom to tell. */
import type { Crc32, GroupId } from "@kqueuey/base";
import type { Disk } from "./disk.ts";
import type { SpaceReserve } from "./files.ts";
import type { BodyFraming, Digest, StoreFailure } from "./store-types.ts";
import type { Wal } from "./wal/types.ts";

/** Bounds of one group's store; all have defaults. */
export interface GroupStoreLimits {
  /** Recent entries kept in memory, in bytes of data. Default 64 MiB. */
  readonly cacheBytesMax: number;
  /** Log kept for followers below the checkpoint, in bytes of data. Default 256 MiB. */
  readonly retainedBytesMax: number;
  /** Checkpoint, compaction and snapshot preparation of all groups together. Default 64 MiB. */
  readonly backgroundBytesPerSecond: number;
  /** A snapshot that nobody read from for this long is let go. Default 60,000. */
  readonly snapshotIdleMs: number;
  /** A body segment takes no further entry past this. Default 64 MiB. */
  readonly bodySegmentBytes: number;
  /** Given up when the disk is full, so that what frees space can go on. Default 16 MiB. */
  readonly reserveBytes: number;
  /**
   * Bodies are copied out of a mostly dead segment of the log once it lost little in this long: before that it may be
   * about to go by itself. 0: at once. Default 2,000.
   */
  readonly sparseLastsMs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: GroupStoreLimits = {
  cacheBytesMax: 64 * MIB,
  retainedBytesMax: 256 * MIB,
  backgroundBytesPerSecond: 64 * MIB,
  snapshotIdleMs: 60_000,
  bodySegmentBytes: 64 * MIB,
  reserveBytes: 16 * MIB,
  sparseLastsMs: 2_000,
};

export interface GroupPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly digest: Digest;
  readonly wal: Wal;
  readonly group: GroupId;
  readonly framing: BodyFraming;
  readonly limits: GroupStoreLimits;
  readonly reserve: SpaceReserve;
  /** Background work that all groups share. */
  readonly pacer: Pacer;
  readonly failed: (failure: StoreFailure) => void;
}

/** Shares out a number of bytes a second. What is spent may exceed it; then it waits longer. */
export class Pacer {
  readonly #bytesPerSecond: number;
  #available: number;
  #atMs: number | undefined;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#available = this.#burst;
  }

  /** A tenth of a second's bytes may be spent at once. */
  get #burst(): number {
    return this.#bytesPerSecond / 10;
  }

  tick(nowMs: number): void {
    const passed = this.#atMs === undefined ? 0 : Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    const earned = (this.#bytesPerSecond * passed) / 1000;
    this.#available = Math.min(this.#burst, this.#available + earned);
  }

  /** Whether work may be done now. */
  get open(): boolean {
    return this.#available > 0;
  }

  spend(bytes: number): void {
    this.#available -= bytes;
  }
}

/** What a transfer of a group's whole state looks like from outside. */
import type { CheckpointMeta, StoreDone } from "../store-types.ts";

/** Largest piece of a snapshot, in bytes. */
export const PIECE_BYTES_MAX: number = 1024 * 1024;

/**
 * A group's state at one index as a list of immutable pieces. What it is made of stays on disk until
 * `release`, or until nothing was read from it for the configured time.
 */
export interface SnapshotSender {
  readonly meta: CheckpointMeta;
  /** Names the snapshot: 16 bytes over everything that is in it. */
  readonly id: Uint8Array;
  /** Says what the pieces are; about 16 bytes a piece. Sent before any piece. */
  readonly manifest: Uint8Array;
  readonly pieceCount: number;
  /** All pieces together, in bytes. */
  readonly bytes: number;
  /**
   * Reads piece `number`, 0 … pieceCount - 1: 1 … PIECE_BYTES_MAX bytes, checked against its digest. May
   * complete before it returns. `closed` when the snapshot was let go: begin again with a new one.
   */
  readPiece(number: number, done: StoreDone<Uint8Array>): void;
  release(): void;
}

/** Takes a snapshot's pieces in any order and survives restarts with those that it has. */
export interface SnapshotInstaller {
  readonly meta: CheckpointMeta;
  readonly id: Uint8Array;
  readonly pieceCount: number;
  /** Pieces still to come. */
  readonly missingCount: number;
  /** The first piece at or after `from` that is not here; undefined if there is none. */
  nextMissing(from: number): number | undefined;
  /**
   * Writes one piece. A piece that is here already is fine; one that is not what the manifest says is
   * refused with `accepted: false` and nothing changed. The caller keeps the bytes until `done`, which may
   * be called before it returns.
   */
  accept(number: number, bytes: Uint8Array, done: StoreDone<{ readonly accepted: boolean }>): void;
  /**
   * With nothing missing: makes the snapshot durable, writes it into the log and makes it this group's
   * state. Afterwards load it with `GroupStore.loadCheckpoint`.
   */
  install(done: StoreDone<CheckpointMeta>): void;
  /** Gives up and removes what was received. */
  abort(): void;
}

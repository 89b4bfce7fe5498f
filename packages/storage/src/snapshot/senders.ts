/**
 * The snapshots that a group offers: at most one prepared at a time, shared by all who need one, kept
 * while somebody reads it and for a while after, so that a broken transfer goes on with the same pieces.
 */
import type { GroupPorts } from "../group-ports.ts";
import type { StoreDone, StoreFailure } from "../store-types.ts";
import { PreparedSnapshot, type SnapshotState } from "./prepared.ts";
import type { SnapshotSender } from "./types.ts";

/** Requests that may wait for one preparation. */
const WAITING_MAX = 64;

export class SnapshotSenders {
  readonly #ports: GroupPorts;
  readonly #failed: (failure: StoreFailure) => void;
  #prepared: PreparedSnapshot | undefined;
  #waiting: StoreDone<SnapshotSender>[] = [];
  #readers = 0;
  #usedAtMs = 0;
  #nowMs = 0;

  constructor(ports: GroupPorts, failed: (failure: StoreFailure) => void) {
    this.#ports = ports;
    this.#failed = failed;
  }

  /** A snapshot is deciding which entries it needs: none may be let go. */
  get planning(): boolean {
    return this.#prepared?.planning === true;
  }

  /** Whoever installs the snapshot that is offered needs the log from here on. */
  get neededFrom(): number {
    return this.#prepared === undefined ? Number.MAX_SAFE_INTEGER : this.#prepared.meta.index + 1;
  }

  /** Offers a snapshot after which the log, which begins after `logBase`, goes on. */
  create(state: SnapshotState, logBase: number, done: StoreDone<SnapshotSender>): void {
    const meta = state.generation.meta;
    if (meta === undefined || this.#waiting.length === WAITING_MAX) {
      const message = meta === undefined ? "there is no checkpoint yet" : "too many wait";
      done({ ok: false, failure: { code: "closed", message } });
      return;
    }
    this.#usedAtMs = this.#nowMs;
    if (this.#prepared !== undefined && this.#prepared.meta.index < logBase) this.#drop();
    if (this.#prepared?.ready === true) {
      done({ ok: true, value: this.#sender(this.#prepared) });
      return;
    }
    this.#waiting.push(done);
    if (this.#prepared !== undefined) return;
    const prepared = new PreparedSnapshot(this.#ports, state, (failure) =>
      this.#finished(prepared, failure),
    );
    this.#prepared = prepared;
    prepared.pump();
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    if (!prepared.ready) {
      this.#usedAtMs = nowMs;
      prepared.pump();
    } else if (nowMs - this.#usedAtMs > this.#ports.limits.snapshotIdleMs && this.#readers === 0) {
      this.#drop();
    }
  }

  /** Lets go of what is offered. */
  stop(): void {
    this.#drop();
  }

  #finished(prepared: PreparedSnapshot, failure: StoreFailure | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (failure !== undefined) {
      this.#prepared = undefined;
      for (const done of waiting) done({ ok: false, failure });
      this.#failed(failure);
      return;
    }
    for (const done of waiting) done({ ok: true, value: this.#sender(prepared) });
  }

  /** Ends the snapshot offered: its readers are told with their next request. */
  #drop(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#prepared?.release();
    this.#prepared = undefined;
    const failure: StoreFailure = { code: "closed", message: "the snapshot was let go" };
    for (const done of waiting) done({ ok: false, failure });
  }

  #sender(prepared: PreparedSnapshot): SnapshotSender {
    const { bytes, id, list } = prepared.root;
    let released = false;
    return {
      meta: prepared.meta,
      id,
      manifest: bytes,
      pieceCount: list.count,
      bytes: list.bytes,
      readPiece: (number, done) => {
        if (released || this.#prepared !== prepared) {
          const failure: StoreFailure = { code: "closed", message: "the snapshot was let go" };
          done({ ok: false, failure });
          return;
        }
        this.#readPiece(prepared, number, done);
      },
      release: () => {
        if (released) return;
        released = true;
        this.#usedAtMs = this.#nowMs;
      },
    };
  }

  #readPiece(prepared: PreparedSnapshot, number: number, done: StoreDone<Uint8Array>): void {
    this.#usedAtMs = this.#nowMs;
    this.#readers += 1;
    prepared.readPiece(number, (read) => {
      this.#readers -= 1;
      if (!read.ok && this.#prepared === prepared) this.#failed(read.failure);
      done(read);
    });
  }
}

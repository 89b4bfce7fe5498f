/**
 * The follower's side of a snapshot transfer: asks for the pieces it lacks, a few at a time, and
 * installs them when all are here. What was received survives a broken connection and a restart.
 */
import type { LogIndex, MonotonicMs, NodeId, Term } from "@kqueuey/base";
import { equalBytes } from "@kqueuey/base";
import type { CheckpointMeta, GroupStore, SnapshotInstaller, StoreFailure } from "@kqueuey/storage";
import type { SnapshotMessage } from "./wire/snapshot-message.ts";

/** Pieces asked for and not yet here. */
const WINDOW_PIECES = 4;
/** A piece that did not come for this long is asked for again. */
const PATIENCE_MS = 2_000;

export interface SnapshotReceivingOutside {
  readonly store: Pick<GroupStore, "beginInstall">;
  send(to: NodeId, message: SnapshotMessage): void;
  later(task: () => void): void;
  /** About to replace the state: false when raft is past it by now. */
  begin(meta: CheckpointMeta): boolean;
  /** Whether everything up to `index` is known here to be committed. */
  isPast(index: LogIndex): boolean;
  /** After `begin`: it did not come to that. */
  aborted(): void;
  /** The snapshot is this group's durable state now; load it. */
  installed(meta: CheckpointMeta): void;
  failed(failure: StoreFailure): void;
}

interface Transfer {
  readonly from: NodeId;
  readonly manifest: Uint8Array;
  readonly installer: SnapshotInstaller;
  /** Piece -> when it was asked for. */
  readonly asked: Map<number, MonotonicMs>;
  nextPiece: number;
  installing: boolean;
}

export class SnapshotReceiving {
  readonly #outside: SnapshotReceivingOutside;
  #transfer: Transfer | undefined;
  #opening = false;

  constructor(outside: SnapshotReceivingOutside) {
    this.#outside = outside;
  }

  /** True from an offer until the state was replaced or the transfer given up. */
  get busy(): boolean {
    return this.#opening || this.#transfer !== undefined;
  }

  /** The leader speaks. `currentTerm` and `appliedIndex` guard against offers that came late. */
  onMessage(
    from: NodeId,
    message: SnapshotMessage,
    now: { readonly ms: MonotonicMs; readonly term: Term; readonly applied: number },
  ): void {
    switch (message.kind) {
      case "offer":
        if (message.term >= now.term) this.#offered(from, message.manifest, now);
        return;
      case "piece":
        this.#arrived(message, now.ms);
        return;
      case "gone":
        if (this.#isCurrent(message.id)) this.#transfer = undefined;
        return;
      case "want":
      case "done":
        return;
    }
  }

  tick(nowMs: MonotonicMs): void {
    const transfer = this.#transfer;
    if (transfer === undefined || transfer.installing) return;
    for (const [piece, askedMs] of transfer.asked) {
      if (nowMs - askedMs > PATIENCE_MS) this.#want(transfer, piece, nowMs);
    }
    this.#ask(transfer, nowMs);
  }

  #offered(
    from: NodeId,
    manifest: Uint8Array,
    now: { readonly ms: MonotonicMs; readonly applied: number },
  ): void {
    if (this.#opening || this.#transfer?.installing === true) return;
    // The same again: pieces that are late are asked for again as it is.
    if (this.#transfer?.from === from && equalBytes(this.#transfer.manifest, manifest)) return;
    this.#opening = true;
    this.#transfer = undefined;
    const own = manifest.slice();
    this.#outside.store.beginInstall(own, (result) => {
      this.#outside.later(() => {
        this.#opening = false;
        if (!result.ok) {
          this.#outside.failed(result.failure);
          return;
        }
        const installer = result.value;
        if (installer.meta.index <= now.applied) {
          // We have it, though the answer that said so got lost. Told anything else, the leader offers it again, and
          // again, since its log begins later.
          installer.abort();
          this.#outside.send(from, { kind: "done", id: installer.id, installed: true });
          return;
        }
        const transfer: Transfer = {
          from,
          manifest: own,
          installer,
          asked: new Map(),
          nextPiece: 0,
          installing: false,
        };
        this.#transfer = transfer;
        this.#ask(transfer, now.ms);
      });
    });
  }

  #arrived(
    message: { readonly id: Uint8Array; readonly piece: number; readonly bytes: Uint8Array },
    nowMs: MonotonicMs,
  ): void {
    const transfer = this.#transfer;
    if (transfer === undefined || !this.#isCurrent(message.id)) return;
    if (!transfer.asked.has(message.piece)) return;
    const { piece } = message;
    transfer.installer.accept(piece, message.bytes, (result) => {
      this.#outside.later(() => {
        if (this.#transfer !== transfer) return;
        if (!result.ok) {
          this.#transfer = undefined;
          this.#outside.failed(result.failure);
          return;
        }
        if (result.value.accepted) transfer.asked.delete(piece);
        else this.#want(transfer, piece, nowMs);
        this.#ask(transfer, nowMs);
      });
    });
  }

  #ask(transfer: Transfer, nowMs: MonotonicMs): void {
    if (transfer.installing) return;
    while (transfer.asked.size < WINDOW_PIECES) {
      const piece = transfer.installer.nextMissing(transfer.nextPiece);
      if (piece === undefined) break;
      transfer.nextPiece = piece + 1;
      this.#want(transfer, piece, nowMs);
    }
    if (transfer.asked.size === 0 && transfer.installer.missingCount === 0) this.#install(transfer);
  }

  #want(transfer: Transfer, piece: number, nowMs: MonotonicMs): void {
    transfer.asked.set(piece, nowMs);
    this.#outside.send(transfer.from, { kind: "want", id: transfer.installer.id, piece });
  }

  #install(transfer: Transfer): void {
    const { installer } = transfer;
    if (!this.#outside.begin(installer.meta)) {
      this.#transfer = undefined;
      installer.abort();
      const installed = this.#outside.isPast(installer.meta.index);
      this.#outside.send(transfer.from, { kind: "done", id: installer.id, installed });
      return;
    }
    transfer.installing = true;
    installer.install((result) => {
      this.#outside.later(() => {
        this.#transfer = undefined;
        if (!result.ok) {
          this.#outside.aborted();
          this.#outside.failed(result.failure);
          return;
        }
        this.#outside.installed(result.value);
        this.#outside.send(transfer.from, { kind: "done", id: installer.id, installed: true });
      });
    });
  }

  #isCurrent(id: Uint8Array): boolean {
    return this.#transfer !== undefined && equalBytes(this.#transfer.installer.id, id);
  }
}

/**
 * The leader's side of snapshot transfers: offers its newest checkpoint to a follower that needs
 * entries the log no longer has, and serves the pieces that the follower asks for.
 */
import type { LogIndex, MonotonicMs, NodeId, Term } from "@kqueuey/base";
import { equalBytes, logIndex } from "@kqueuey/base";
import type { GroupStore, SnapshotSender, StoreFailure } from "@kqueuey/storage";
import type { SnapshotMessage } from "./wire/snapshot-message.ts";

/** A follower that asked for nothing for this long has lost the transfer. */
const IDLE_MS = 10_000;
/** One that says nothing for this long is offered the same again: the offer, or its last word, may be lost. */
const OFFER_AGAIN_MS = 1_000;

export interface SnapshotSendingOutside {
  readonly store: Pick<GroupStore, "createSnapshot">;
  send(to: NodeId, message: SnapshotMessage): void;
  /** The transfer ended: raft goes on from `index`, or offers again. */
  ended(to: NodeId, ok: boolean, index: LogIndex): void;
  /** A completion arrived: the engine wants to run. */
  later(task: () => void): void;
  failed(failure: StoreFailure): void;
}

interface Transfer {
  readonly term: Term;
  sender: SnapshotSender | undefined;
  lastAskedMs: MonotonicMs;
  lastOfferedMs: MonotonicMs;
  over: boolean;
}

export class SnapshotSending {
  readonly #outside: SnapshotSendingOutside;
  readonly #transfers = new Map<NodeId, Transfer>();

  constructor(outside: SnapshotSendingOutside) {
    this.#outside = outside;
  }

  /** True while some follower is being sent a snapshot. */
  get busy(): boolean {
    return this.#transfers.size > 0;
  }

  /** Raft wants `to` to get a snapshot. Without a checkpoint yet, it is told "failed" and asks again. */
  start(to: NodeId, term: Term, nowMs: MonotonicMs): void {
    if (this.#transfers.has(to)) return;
    const transfer: Transfer = {
      term,
      sender: undefined,
      lastAskedMs: nowMs,
      lastOfferedMs: nowMs,
      over: false,
    };
    this.#transfers.set(to, transfer);
    this.#outside.store.createSnapshot((result) => {
      this.#outside.later(() => {
        if (!result.ok) {
          this.#outside.failed(result.failure);
          this.#end(to, false);
          return;
        }
        if (transfer.over) {
          result.value.release();
          return;
        }
        transfer.sender = result.value;
        this.#outside.send(to, { kind: "offer", term, manifest: result.value.manifest });
      });
    });
  }

  /** A follower speaks of its transfer. */
  onMessage(from: NodeId, message: SnapshotMessage, nowMs: MonotonicMs): void {
    const transfer = this.#transfers.get(from);
    if (message.kind === "want") {
      const sender = transfer?.sender;
      if (transfer === undefined || sender === undefined || !equalBytes(sender.id, message.id)) {
        this.#outside.send(from, { kind: "gone", id: message.id });
        return;
      }
      transfer.lastAskedMs = nowMs;
      if (message.piece >= sender.pieceCount) return;
      this.#read(from, sender, message.piece);
    } else if (message.kind === "done") {
      if (transfer?.sender !== undefined && equalBytes(transfer.sender.id, message.id)) {
        this.#end(from, message.installed);
      }
    }
  }

  tick(nowMs: MonotonicMs): void {
    for (const [to, transfer] of this.#transfers) {
      const { sender, term } = transfer;
      if (nowMs - transfer.lastAskedMs > IDLE_MS) {
        this.#end(to, false);
      } else if (
        sender !== undefined &&
        nowMs - Math.max(transfer.lastAskedMs, transfer.lastOfferedMs) > OFFER_AGAIN_MS
      ) {
        transfer.lastOfferedMs = nowMs;
        this.#outside.send(to, { kind: "offer", term, manifest: sender.manifest });
      }
    }
  }

  /** Leadership is gone: the next leader offers its own. */
  stopAll(): void {
    for (const to of [...this.#transfers.keys()]) this.#end(to, false);
  }

  #read(to: NodeId, sender: SnapshotSender, piece: number): void {
    sender.readPiece(piece, (result) => {
      this.#outside.later(() => {
        if (this.#transfers.get(to)?.sender !== sender) return;
        if (result.ok) {
          this.#outside.send(to, { kind: "piece", id: sender.id, piece, bytes: result.value });
        } else {
          this.#outside.failed(result.failure);
          this.#end(to, false);
        }
      });
    });
  }

  #end(to: NodeId, ok: boolean): void {
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) return;
    transfer.over = true;
    this.#transfers.delete(to);
    transfer.sender?.release();
    this.#outside.ended(to, ok, transfer.sender?.meta.index ?? logIndex(0));
  }
}

/**
 * Keeps leases: renews them when half of one is gone, and says in time when one cannot be kept. One timer
 * for all; what is due together is renewed in one batch.
 */
import { KQueueyError } from "@kqueuey/contract";
import type { DeliveredMessage } from "./message.ts";
import type { Receipts } from "./receipts.ts";
import type { Timers } from "./transport.ts";

/** A lease is given up this long before its end: a tenth of it, within these bounds. */
const MARGIN_MIN_MS = 50;
const MARGIN_MAX_MS = 5_000;
/** Renewals of leases that fall due within this time go together. */
const TOGETHER_MS = 20;

interface Held {
  readonly message: DeliveredMessage;
  /** What each renewal asks for. */
  readonly leaseMs: number;
  readonly marginMs: number;
  readonly onLost: (error: KQueueyError) => void;
  renewAtMs: number;
  renewing: boolean;
}

/** The leases that one worker or one loop holds. */
export class LeaseKeeper {
  readonly #timers: Timers;
  readonly #receipts: Receipts;
  readonly #held = new Map<DeliveredMessage, Held>();
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = nothing;

  constructor(timers: Timers, receipts: Receipts) {
    this.#timers = timers;
    this.#receipts = receipts;
  }

  /** Leases that are kept. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * Keeps the lease of `message` until `drop`. `leaseMs` undefined: renewals ask for as much as was granted.
   * `onLost` is called at most once, before the lease ends: it is not kept from then on.
   */
  keep(
    message: DeliveredMessage,
    leaseMs: number | undefined,
    onLost: (error: KQueueyError) => void,
  ): void {
    const asked = leaseMs ?? Math.max(1_000, message.leaseMs);
    const marginMs = Math.min(MARGIN_MAX_MS, Math.max(MARGIN_MIN_MS, asked / 10));
    const renewAtMs = message.deadlineMs - asked / 2;
    const held = { message, leaseMs: asked, marginMs, onLost, renewAtMs, renewing: false };
    this.#held.set(message, held);
    this.#wakeBy(dueMs(held));
  }

  /** Whether enough of the lease is left to begin work. */
  isSafe(message: DeliveredMessage): boolean {
    const held = this.#held.get(message);
    return held !== undefined && this.#timers.nowMs() < message.deadlineMs - held.marginMs;
  }

  /** Keeps the lease no longer. False: it was not kept. */
  drop(message: DeliveredMessage): boolean {
    const dropped = this.#held.delete(message);
    if (this.#held.size === 0) this.#stopWaking();
    return dropped;
  }

  /** Keeps nothing any more. */
  close(): void {
    this.#held.clear();
    this.#stopWaking();
  }

  #wakeBy(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return;
    this.#cancelWake();
    this.#wakeAtMs = atMs;
    const delayMs = Math.max(0, atMs - this.#timers.nowMs());
    this.#cancelWake = this.#timers.schedule(delayMs, () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.#wake();
    });
  }

  #stopWaking(): void {
    this.#cancelWake();
    this.#cancelWake = nothing;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
  }

  #wake(): void {
    const nowMs = this.#timers.nowMs();
    const lost: Held[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const held of this.#held.values()) {
      if (nowMs >= lostMs(held)) {
        lost.push(held);
        continue;
      }
      if (!held.renewing && nowMs + TOGETHER_MS >= held.renewAtMs) this.#renew(held);
      nextMs = Math.min(nextMs, dueMs(held));
    }
    for (const held of lost) this.#lose(held, "the lease ends soon and could not be renewed");
    if (this.#held.size > 0) this.#wakeBy(nextMs);
  }

  #renew(held: Held): void {
    held.renewing = true;
    const { message, leaseMs } = held;
    this.#receipts.add("extend", {
      receipt: message.receipt,
      ms: leaseMs,
      settle: (outcome, sentMs) => {
        held.renewing = false;
        if (outcome.outcome === "effective") {
          message.extended(leaseMs, sentMs);
          held.renewAtMs = message.deadlineMs - leaseMs / 2;
        } else if (outcome.outcome === "error") {
          // A pause, then once more, until the margin is reached. An error that is final is final there too.
          held.renewAtMs = this.#timers.nowMs() + Math.max(100, leaseMs / 20);
        } else {
          this.#lose(held, `the lease is over: the message is ${outcome.outcome}`);
          return;
        }
        if (this.#held.has(message)) this.#wakeBy(dueMs(held));
      },
    });
  }

  #lose(held: Held, reason: string): void {
    if (!this.drop(held.message)) return;
    const details = { messageId: held.message.id };
    held.onLost(new KQueueyError("RECEIPT_STALE", reason, { details }));
  }
}

function lostMs(held: Held): number {
  return held.message.deadlineMs - held.marginMs;
}

function dueMs(held: Held): number {
  return held.renewing ? lostMs(held) : Math.min(held.renewAtMs, lostMs(held));
}

function nothing(): void {}

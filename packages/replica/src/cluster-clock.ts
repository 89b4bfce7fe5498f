/**
 * Cluster time: ms counted by successive leaders' monotonic clocks. A leader counts on from where it
 * began; everybody else keeps the best lower bound of what the leader's clock shows now.
 *
 * Why the bound holds: a follower pairs a heard value with its own clock sampled *after* the value
 * arrived, so `heard - sampled` is at most the true offset, and the largest such pair is the one that
 * travelled fastest. A frame that lay in a buffer while this process was paused gives a small offset
 * and is outdone by an earlier one. Pairs older than the window are dropped, so that a clock that runs
 * fast cannot push the estimate ahead by more than its drift over the window.
 */
import type { ClusterTimeMs, MonotonicMs, Term } from "@kqueuey/base";
import { clusterTime } from "@kqueuey/base";
import { CLUSTER_TIME_END } from "@kqueuey/queue";

/** How long a pairing of the leader's time with our clock is trusted. */
const PAIRING_WINDOW_MS = 10_000;

/** Where a leader counts from. */
interface Leading {
  readonly cluster: number;
  readonly monotonicMs: number;
}

/** One group's view of cluster time on one node. */
export class ClusterClock {
  /** The largest cluster time seen in the log or counted by ourselves: time never runs back. */
  #floor = 0;
  /** Best `cluster - monotonic` of the current and of the previous half window. */
  #offset: number | undefined;
  #olderOffset: number | undefined;
  #halfBeganMs = 0;
  /** The term whose leader the pairs are about: a newer leader's time replaces them, not mixes with them. */
  #pairedTerm = 0;
  #leadingFrom: Leading | undefined;

  /** An entry with this time is in the log: no later time may be below it. */
  raiseFloor(at: ClusterTimeMs): void {
    if (at > this.#floor && at < CLUSTER_TIME_END) this.#floor = at;
  }

  /** The leader of `term` said that cluster time is `heard`; our clock was read after it arrived. */
  hear(heard: ClusterTimeMs, term: Term, nowMs: MonotonicMs): void {
    // A time that no clock shows is a garbled frame: this node may lead next, and would count on from it.
    if (heard >= CLUSTER_TIME_END) return;
    if (this.#leadingFrom !== undefined || term < this.#pairedTerm) return;
    if (term > this.#pairedTerm) this.#forgetPairs(term, nowMs);
    if (nowMs - this.#halfBeganMs > PAIRING_WINDOW_MS / 2) {
      this.#olderOffset = this.#offset;
      this.#offset = undefined;
      this.#halfBeganMs = nowMs;
    }
    const offset = heard - nowMs;
    if (this.#offset === undefined || offset > this.#offset) this.#offset = offset;
  }

  /** This node leads `term` from now on: counts on from the log's tail or the estimate, whichever is later. */
  startLeading(term: Term, nowMs: MonotonicMs): void {
    if (this.#leadingFrom !== undefined) return;
    this.#leadingFrom = { cluster: this.now(nowMs), monotonicMs: nowMs };
    this.#pairedTerm = term;
  }

  /** Another node may lead: our own count is an estimate like any other until a newer leader is heard. */
  stopLeading(nowMs: MonotonicMs): void {
    const leading = this.#leadingFrom;
    if (leading === undefined) return;
    this.#leadingFrom = undefined;
    this.#forgetPairs(this.#pairedTerm, nowMs);
    this.#offset = leading.cluster - leading.monotonicMs;
  }

  #forgetPairs(term: number, nowMs: MonotonicMs): void {
    this.#pairedTerm = term;
    this.#offset = undefined;
    this.#olderOffset = undefined;
    this.#halfBeganMs = nowMs;
  }

  /** The leader's time, or the best lower bound of it; whole ms, never below what the log holds. */
  now(nowMs: MonotonicMs): ClusterTimeMs {
    const leading = this.#leadingFrom;
    if (leading !== undefined) return this.#count(leading, nowMs);
    const offset = Math.max(this.#offset ?? -Infinity, this.#olderOffset ?? -Infinity);
    if (offset === -Infinity) return clusterTime(this.#floor);
    return clusterTime(Math.max(this.#floor, Math.floor(nowMs + offset)));
  }

  /**
   * The tail of the log is applied while we lead already, and may hold a later time than we began with: we count on
   * from there. Standing still until our count has caught up would be worse than late: followers would pair
   * the moments of the standstill, and run ahead of us by its length when one of them leads.
   */
  #count(leading: Leading, nowMs: MonotonicMs): ClusterTimeMs {
    const counted = Math.floor(leading.cluster + (nowMs - leading.monotonicMs));
    if (counted >= this.#floor) return clusterTime(counted);
    this.#leadingFrom = { cluster: this.#floor, monotonicMs: nowMs };
    return clusterTime(this.#floor);
  }
}

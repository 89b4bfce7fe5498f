/**
 * Each node's own clocks. True virtual time is the world's; a node has a monotonic clock of its own rate and
 * origin, and a wall clock that may be wrong and jump.
 */
import { type MonotonicMs, monotonic, type WallTimeMs, wallTime } from "@kqueuey/base";

/** How one node's clocks differ from true time. */
export interface ClockPlan {
  /** Millionths that the monotonic clock runs too fast; negative: too slow. Promised is 500 at most. */
  readonly driftPpm: number;
  /** What the monotonic clock shows when the world begins, ms. */
  readonly originMs: number;
  /** By how much the wall clock is wrong from the beginning, ms. */
  readonly wallOffsetMs: number;
}

export const TRUE_CLOCK: ClockPlan = { driftPpm: 0, originMs: 0, wallOffsetMs: 0 };

const WALL_EPOCH_MS = 1_700_000_000_000;

export class NodeClocks {
  readonly #plan: ClockPlan;
  readonly #rate: number;
  #wallOffsetMs: number;

  constructor(plan: ClockPlan) {
    this.#plan = plan;
    this.#rate = 1 + plan.driftPpm / 1_000_000;
    this.#wallOffsetMs = plan.wallOffsetMs;
  }

  /** What the monotonic clock shows at true time `trueMs`; never goes back. */
  monotonic(trueMs: number): MonotonicMs {
    return monotonic(this.#plan.originMs + trueMs * this.#rate);
  }

  wall(trueMs: number): WallTimeMs {
    return wallTime(Math.max(0, WALL_EPOCH_MS + Math.floor(trueMs) + this.#wallOffsetMs));
  }

  /** Somebody sets the wall clock. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}

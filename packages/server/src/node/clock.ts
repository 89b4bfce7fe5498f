import { type Clock, monotonic, wallTime } from "@kqueuey/base";

/** The host's clocks: `Date`, which may jump, and the monotonic clock of this process. */
export const nodeClock: Clock = {
  nowMs: () => wallTime(Date.now()),
  monotonicMs: () => monotonic(performance.now()),
};

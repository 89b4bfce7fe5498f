import { expect, test } from "vitest";
import { nodeClock } from "./clock.ts";

test("the monotonic clock never goes back and is not the wall clock", () => {
  const first = nodeClock.monotonicMs();
  const second = nodeClock.monotonicMs();
  expect(second).toBeGreaterThanOrEqual(first);
  expect(nodeClock.nowMs()).toBeGreaterThan(1_700_000_000_000);
  expect(second).toBeLessThan(1_000_000_000);
});

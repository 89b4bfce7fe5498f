import { describe, expect, test, vi } from "vitest";
import { Unstable } from "../src/unstable.ts";
import { SafetyViolation } from "./safety-checker.ts";
import { Schedule, type ScheduleOptions } from "./schedule.ts";

/** The properties that random schedules find broken, with the first seed of each. */
function violations(seedsMax: number, options: Omit<ScheduleOptions, "seed" | "steps">): string[] {
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      new Schedule({ ...options, seed, steps: 1_500 }).run();
    } catch (error) {
      if (error instanceof SafetyViolation) return [`seed ${seed}: ${error.message}`];
    }
  }
  return [];
}

describe("the random schedules catch a planted bug", () => {
  test("a node that forgets its vote when it restarts", () => {
    const found = violations(600, {
      onRestart: (disk) => {
        disk.hardState = { ...disk.hardState, vote: 0 };
      },
    });
    expect(found.join()).toContain("election safety");
  });

  test("a node that acknowledges what is not on its disk yet", () => {
    const lie = vi.spyOn(Unstable.prototype, "durableTo", "get");
    lie.mockImplementation(function (this: Unstable) {
      return this.handedTo;
    });
    const found = violations(600, {});
    lie.mockRestore();
    expect(found.join()).toMatch(/leader completeness|state machine safety/);
  });
});

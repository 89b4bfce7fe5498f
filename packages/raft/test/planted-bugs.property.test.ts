import { describe, expect, test, vi } from "vitest";
import { Unstable } from "../src/unstable.ts";
import { SafetyViolation } from "./safety-checker.ts";
import { Schedule } from "./schedule.ts";

/** The first violation that random schedules find, with its seed; empty when they find none. */
function firstViolation(seedsMax: number): string {
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      new Schedule({ seed, steps: 1_500 }).run();
    } catch (error) {
      if (error instanceof SafetyViolation) return `seed ${seed}: ${error.message}`;
    }
  }
  return "";
}

describe("random schedules catch a planted bug", () => {
  test("a node that acknowledges what is not on its disk yet", () => {
    const lie = vi.spyOn(Unstable.prototype, "durableTo", "get");
    lie.mockImplementation(function (this: Unstable) {
      return this.handedTo;
    });
    const found = firstViolation(300);
    lie.mockRestore();
    expect(found).toMatch(/leader completeness|state machine safety/);
  });
});

import { describe, expect, test } from "vitest";
import { readRegressions } from "./campaign/regressions.ts";
import { execute, runSeed } from "./run.ts";

/** Seeds of the gate: fixed, so that a failure is one of the change and not of luck. `npm run sim` draws new ones. */
const SEEDS = [11, 12, 13, 14];
const FAULTY_MS = 4_000;

describe("a cluster under random faults keeps its promises", () => {
  test.each(SEEDS)("seed %i", (seed) => {
    const result = runSeed({ seed, faultyMs: FAULTY_MS });
    expect(result.violations).toEqual([]);
    expect(result.acknowledged).toBeGreaterThan(0);
  });

  test("the same seed gives the same run", () => {
    const [first, second] = [15, 15].map((seed) => runSeed({ seed, faultyMs: FAULTY_MS }));
    expect(second).toEqual(first);
  });
});

describe("what failed once does not fail again", () => {
  test.each(readRegressions())("$symptom", ({ plan }) => {
    expect(execute(plan).violations).toEqual([]);
  });
});

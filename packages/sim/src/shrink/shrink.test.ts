import { describe, expect, test } from "vitest";
import type { Violation } from "../checkers/checker.ts";
import { type Plan, planOf } from "../plan.ts";
import { minimise } from "./ddmin.ts";
import { failsLike, shrink } from "./shrink.ts";

/** Tells which candidate is the first with which `fails` holds, and counts how many were tried. */
function judge<T>(fails: (candidate: T) => boolean): {
  firstFailing(candidates: readonly T[]): Promise<number | undefined>;
} {
  return {
    firstFailing: async (candidates) => {
      const at = candidates.findIndex(fails);
      return at < 0 ? undefined : at;
    },
  };
}

describe("the fewest items with which a failure comes", () => {
  const items = Array.from({ length: 40 }, (_, i) => i);
  const cases: readonly { readonly name: string; readonly needed: readonly number[] }[] = [
    { name: "none is needed", needed: [] },
    { name: "one", needed: [17] },
    { name: "two far apart", needed: [0, 39] },
    { name: "three", needed: [3, 20, 21] },
    { name: "all", needed: items },
  ];
  test.each(cases)("$name", async ({ needed }) => {
    const { firstFailing } = judge<readonly number[]>((kept) =>
      needed.every((item) => kept.includes(item)),
    );
    expect(await minimise(items, firstFailing)).toEqual(needed);
  });

  test("of an empty list there is nothing to leave out", async () => {
    expect(await minimise([], async () => undefined)).toEqual([]);
  });
});

describe("a plan that fails becomes simpler and still fails", () => {
  const plan = busyPlan();

  test("what the failure does not need goes", async () => {
    const { firstFailing } = judge<Plan>(({ strikes }) =>
      strikes.some((strike) => strike.kind === "power-cut"),
    );
    const least = await shrink(plan, firstFailing);
    expect(least.strikes.map((strike) => strike.kind)).toEqual(["power-cut"]);
    expect(least.nodes).toBe(3);
    expect(least.clocks).toHaveLength(3);
    expect(least.workload.queues).toHaveLength(1);
    expect(least.workload.senders).toBe(1);
    expect(Object.values(least.workload.rates).every((rate) => rate === 0)).toBe(true);
  });

  test("what it needs stays", async () => {
    const { firstFailing } = judge<Plan>(
      ({ nodes, workload, strikes }) =>
        nodes >= 5 && workload.rates.release > 0 && strikes.length >= 2,
    );
    const least = await shrink(plan, firstFailing);
    expect(least.nodes).toBe(5);
    expect(least.strikes).toHaveLength(2);
    expect(Object.values(least.workload.rates).filter((rate) => rate > 0)).toHaveLength(1);
  });

  test("without time the plan stays as it is", async () => {
    expect(await shrink(plan, async () => undefined)).toBe(plan);
  });

  test("strikes hit nodes that are there", async () => {
    const { firstFailing } = judge<Plan>(({ strikes }) =>
      strikes.some((strike) => strike.kind === "wipe"),
    );
    const least = await shrink(plan, firstFailing);
    expect(least.nodes).toBe(3);
    expect(least.strikes).toMatchObject([{ kind: "wipe", victim: 3 }]);
  });
});

test("a failure is the same when the same checker finds the same promise broken", () => {
  const violation = (checker: string, promise: string): Violation => ({
    checker,
    promise,
    what: "it was",
  });
  const failure = violation("leases", "one lease at a time");
  expect(failsLike(failure, [])).toBe(false);
  expect(failsLike(failure, [violation("leases", "not before the deadline")])).toBe(false);
  expect(
    failsLike(failure, [violation("delays", "x"), violation(failure.checker, failure.promise)]),
  ).toBe(true);
});

/** Five nodes or more, all kinds of mischief, many strikes. */
function busyPlan(): Plan {
  const drawn = planOf(1, { faultyMs: 8_000 });
  const clock = { driftPpm: 100, originMs: 5, wallOffsetMs: 0 };
  const { workload } = drawn;
  const rates = { ...workload.rates, release: 500, late: 500, forged: 100 };
  return {
    ...drawn,
    nodes: 7,
    clocks: Array.from({ length: 7 }, () => clock),
    workload: { ...workload, senders: 3, workers: 4, readers: 2, rates },
    strikes: [
      { kind: "pause", atMs: 10, victim: "leader", lastsMs: 100 },
      { kind: "pause", atMs: 20, victim: 7, lastsMs: 100 },
      { kind: "power-cut", atMs: 30, lastsMs: 400 },
      { kind: "wipe", atMs: 40, victim: 6, folder: "", lastsMs: 100 },
      { kind: "crash", atMs: 50, victim: "follower", power: true, effect: 0, lastsMs: 700 },
    ],
  };
}

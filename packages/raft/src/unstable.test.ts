import { incarnation, logIndex, nodeId, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import type { HardState } from "./types.ts";
import { Unstable } from "./unstable.ts";

function hardState(inTerm: number, vote = 0): HardState {
  return {
    term: term(inTerm),
    vote: vote === 0 ? 0 : nodeId(vote),
    incarnation: incarnation(1),
    commit: logIndex(0),
  };
}

describe("writes under way", () => {
  test("make durable what they were handed, in order", () => {
    const unstable = new Unstable(5, hardState(1));
    const first = unstable.handOut(7, hardState(1), 100);
    const second = unstable.handOut(9, hardState(2, 3), 120);
    expect([unstable.durableTo, unstable.waitingSinceMs]).toEqual([5, 100]);
    unstable.persisted(first);
    expect([unstable.durableTo, unstable.waitingSinceMs]).toEqual([7, 120]);
    expect(unstable.durableHardState.term).toBe(1);
    unstable.persisted(second);
    expect([unstable.durableTo, unstable.waitingSinceMs]).toEqual([9, undefined]);
    expect(unstable.durableHardState).toEqual(hardState(2, 3));
    unstable.persisted(first);
    expect(unstable.durableTo).toBe(9);
  });

  test("do not speak for entries that were replaced meanwhile", () => {
    const unstable = new Unstable(5, hardState(1));
    const first = unstable.handOut(8, hardState(1), 0);
    unstable.truncatedFrom(7);
    const second = unstable.handOut(7, hardState(2), 0);
    unstable.persisted(first);
    expect(unstable.durableTo).toBe(6);
    unstable.persisted(second);
    expect(unstable.durableTo).toBe(7);
  });

  test("do not speak for an entry that was replaced and came back, until the last write is done", () => {
    // 1/6 is written, replaced by 2/6, and comes back as 1/6 from a later leader. When only the first write is
    // done, the second may still put 2/6 on the disk: a crash then loses what was acknowledged.
    const unstable = new Unstable(5, hardState(1));
    const first = unstable.handOut(6, hardState(1), 0);
    unstable.truncatedFrom(6);
    const second = unstable.handOut(6, hardState(2), 0);
    unstable.truncatedFrom(6);
    const third = unstable.handOut(6, hardState(3), 0);
    unstable.persisted(first);
    expect(unstable.durableTo).toBe(5);
    unstable.persisted(second);
    expect(unstable.durableTo).toBe(5);
    unstable.persisted(third);
    expect(unstable.durableTo).toBe(6);
  });

  test("of before a snapshot say nothing about the log after it", () => {
    const unstable = new Unstable(5, hardState(1));
    const before = unstable.handOut(50, hardState(1), 0);
    unstable.resetTo(20);
    unstable.persisted(before);
    expect(unstable.durableTo).toBe(20);
  });
});

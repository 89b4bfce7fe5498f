import { incarnation, logIndex, nodeId } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { MatchRecords } from "./match-records.ts";
import type { Identity, RecordedMatch } from "./types.ts";

function record(admission: number, boot: number, match: number): RecordedMatch {
  return { node: nodeId(3), incarnation: incarnation(admission), boot, match: logIndex(match) };
}

function identity(admission: number, boot: number, bootLastIndex: number): Identity {
  return { incarnation: incarnation(admission), boot, bootLastIndex: logIndex(bootLastIndex) };
}

describe("what the log remembers of a member", () => {
  const records = new MatchRecords([record(2, 100, 50)]);

  test.each<[string, Identity, string]>([
    ["the same start", identity(2, 100, 10), "trusted"],
    ["a later start that has everything", identity(2, 101, 50), "trusted"],
    ["a later start that has less: yesterday's disk", identity(2, 101, 49), "amnesiac"],
    ["an earlier start: a late message, or yesterday's disk", identity(2, 99, 80), "stale"],
    ["an admission that ended", identity(1, 200, 80), "stale"],
    ["an admission that the record does not know yet", identity(3, 1, 0), "trusted"],
  ])("%s", (_, speaker, verdict) => {
    expect(records.judge(nodeId(3), speaker)).toBe(verdict);
  });

  test("a node of which nothing is known is trusted", () => {
    expect(records.judge(nodeId(4), identity(1, 1, 0))).toBe("trusted");
  });

  test("matches only grow within an admission and start again with the next", () => {
    const grown = new MatchRecords([record(1, 5, 10)]);
    grown.merge([record(1, 7, 9)]);
    expect(grown.all()).toEqual([record(1, 7, 10)]);
    grown.merge([record(2, 1, 3)]);
    grown.merge([record(1, 9, 90)]);
    expect(grown.all()).toEqual([record(2, 1, 3)]);
  });
});

import { incarnation, nodeId, Prng } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import type { Member } from "../types.ts";
import { drawJoint, jointHolds, jointIndex, jointVote } from "./joint.ts";
import { drawMajority, majorityIndex, majorityVote } from "./majority.ts";

function voters(...ids: number[]): Member[] {
  return ids.map((id) => ({ id: nodeId(id), incarnation: incarnation(1), role: "voter" }));
}

function matchesOf(matches: Readonly<Record<number, number>>): (member: Member) => number {
  return (member) => matches[member.id] ?? 0;
}

function votesOf(
  votes: Readonly<Record<number, boolean>>,
): (member: Member) => boolean | undefined {
  return (member) => votes[member.id];
}

describe("a majority", () => {
  test("has the index that more than half reach", () => {
    const picture = drawMajority(voters(1, 2, 3), matchesOf({ 1: 10, 2: 7, 3: 2 }));
    expect(picture).toBe(
      [
        "n1 |xxxxxxxxxxxxxxxxxxxx| 10",
        "n2 |xxxxxxxxxxxxxx      | 7 <- agreed",
        "n3 |xxxx                | 2",
      ].join("\n"),
    );
  });

  test("of four needs three", () => {
    const picture = drawMajority(voters(1, 2, 3, 4), matchesOf({ 1: 8, 2: 8, 3: 4, 4: 0 }));
    expect(picture).toBe(
      [
        "n1 |xxxxxxxxxxxxxxxxxxxx| 8",
        "n2 |xxxxxxxxxxxxxxxxxxxx| 8",
        "n3 |xxxxxxxxxx          | 4 <- agreed",
        "n4 |                    | 0",
      ].join("\n"),
    );
  });

  test("of one is that one, and of none agrees to everything", () => {
    expect(majorityIndex(voters(1), matchesOf({ 1: 3 }))).toBe(3);
    expect(majorityIndex([], matchesOf({}))).toBe(Number.POSITIVE_INFINITY);
    expect(majorityVote([], votesOf({}))).toBe("won");
    expect(drawMajority([], matchesOf({}))).toBe("(no voters: everything is agreed)");
  });

  test("decides a vote as soon as the missing answers can't change it", () => {
    const five = voters(1, 2, 3, 4, 5);
    expect(majorityVote(five, votesOf({ 1: true, 2: true }))).toBe("pending");
    expect(majorityVote(five, votesOf({ 1: true, 2: true, 3: true }))).toBe("won");
    expect(majorityVote(five, votesOf({ 1: true, 2: false, 3: false }))).toBe("pending");
    expect(majorityVote(five, votesOf({ 1: true, 2: false, 3: false, 4: false }))).toBe("lost");
    expect(majorityVote(voters(1, 2), votesOf({ 1: true, 2: false }))).toBe("lost");
  });

  test("is the middle of the sorted matches", () => {
    const random = new Prng(1);
    for (let round = 0; round < 2_000; round++) {
      const count = random.between(1, 9);
      const matches = Array.from({ length: count }, () => random.between(0, 5));
      const sorted = matches.toSorted((a, b) => b - a);
      const members = voters(...matches.map((_, at) => at + 1));
      const got = majorityIndex(members, (member) => matches[member.id - 1] ?? 0);
      expect(got).toBe(sorted[Math.floor(count / 2)]);
    }
  });
});

describe("joint consensus", () => {
  const sets = { incoming: voters(1, 4, 5), outgoing: voters(1, 2, 3) };

  test("agrees where both halves do", () => {
    const picture = drawJoint(sets, matchesOf({ 1: 10, 2: 10, 3: 0, 4: 5, 5: 1 }));
    expect(picture).toBe(
      [
        "incoming",
        "n1 |xxxxxxxxxxxxxxxxxxxx| 10",
        "n4 |xxxxxxxxxx          | 5 <- agreed",
        "n5 |xx                  | 1",
        "outgoing",
        "n1 |xxxxxxxxxxxxxxxxxxxx| 10 <- agreed",
        "n2 |xxxxxxxxxxxxxxxxxxxx| 10 <- agreed",
        "n3 |                    | 0",
        "agreed 5",
      ].join("\n"),
    );
  });

  test("is won by both halves and lost by one", () => {
    expect(jointVote(sets, votesOf({ 1: true, 4: true }))).toBe("pending");
    expect(jointVote(sets, votesOf({ 1: true, 4: true, 3: true }))).toBe("won");
    expect(jointVote(sets, votesOf({ 4: true, 5: true, 2: false, 3: false }))).toBe("lost");
  });

  test("with an empty half is the other half alone", () => {
    const alone = { incoming: voters(1, 2, 3), outgoing: [] };
    expect(jointIndex(alone, matchesOf({ 1: 3, 2: 2, 3: 1 }))).toBe(2);
    expect(jointHolds(alone, (member) => member.id !== 1)).toBe(true);
    expect(jointHolds(alone, (member) => member.id === 1)).toBe(false);
    expect(drawJoint(alone, matchesOf({ 1: 3, 2: 2, 3: 1 }))).not.toContain("outgoing");
  });
});

import { incarnation, logIndex, nodeId, Prng } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { describeMembership } from "../describe.ts";
import type { MemberChange, MembershipChange } from "../results.ts";
import type { Membership } from "../types.ts";
import {
  applyChange,
  bootstrapMembership,
  findVoter,
  isJoint,
  leaveJoint,
  readmitMember,
} from "./change.ts";
import {
  decodeMembership,
  decodeMembershipAt,
  encodeMembership,
  encodeMembershipAt,
} from "./codec.ts";
import { MembershipLog } from "./membership-log.ts";

const three = bootstrapMembership([1, 2, 3].map(nodeId));

function change(kind: MemberChange["kind"], id: number): MemberChange {
  return { kind, id: nodeId(id) };
}

function outcome(membership: Membership, steps: MembershipChange): string {
  const result = applyChange(membership, steps);
  return result.ok ? describeMembership(result.membership) : result.detail;
}

describe("membership changes", () => {
  test.each<[string, MembershipChange, string]>([
    ["adds a joining node", [change("add", 4)], "(n1@1, n2@1, n3@1, n4@2 joining)"],
    ["adds a learner", [change("add-learner", 4)], "(n1@1, n2@1, n3@1, n4@2 learner)"],
    ["demotes a voter", [change("demote", 3)], "(n1@1, n2@1, n3@1 learner)"],
    ["removes a voter", [change("remove", 3)], "(n1@1, n2@1)"],
    [
      "goes through joint consensus when two voters change",
      [change("remove", 2), change("demote", 3)],
      "(n1@1, n3@1 learner) leaving (n1@1, n2@1, n3@1)",
    ],
    ["refuses to add twice", [change("add", 3)], "node 3 is a member already"],
    ["refuses to remove a stranger", [change("remove", 9)], "node 9 is not a member"],
    ["refuses to promote a voter", [change("promote", 3)], "node 3 is a voter already"],
    ["refuses an empty change", [], "the change is empty"],
    [
      "refuses two steps for one node",
      [change("demote", 3), change("remove", 3)],
      "node 3 is changed twice",
    ],
    [
      "refuses to leave nobody",
      [change("remove", 1), change("remove", 2), change("demote", 3)],
      "no voter would be left",
    ],
  ])("%s", (_, steps, expected) => {
    expect(outcome(three, steps)).toBe(expected);
  });

  test("gives no incarnation twice, not even to a node that left and came back", () => {
    const without = applyChange(three, [change("remove", 3)]);
    if (!without.ok) throw new Error(without.detail);
    const back = applyChange(without.membership, [change("add", 3)]);
    if (!back.ok) throw new Error(back.detail);
    expect(describeMembership(back.membership)).toBe("(n1@1, n2@1, n3@2 joining)");
  });

  test("readmission takes the vote and gives an incarnation above all known ones", () => {
    const once = readmitMember(three, nodeId(3), incarnation(0));
    expect(once && describeMembership(once)).toBe("(n1@1, n2@1, n3@2 joining)");
    const claimed = readmitMember(three, nodeId(3), incarnation(9));
    expect(claimed?.lastIncarnation).toBe(10);
    expect(readmitMember(three, nodeId(3), incarnation(0xffff_ffff))).toBeUndefined();
    const alone = bootstrapMembership([nodeId(1)]);
    expect(readmitMember(alone, nodeId(1), incarnation(0))).toBeUndefined();
  });

  test("every majority before a change meets every majority after it, or the change is joint", () => {
    const random = new Prng(3);
    for (let round = 0; round < 1_000; round++) {
      const size = random.between(1, 6);
      const before = bootstrapMembership(Array.from({ length: size }, (_, at) => nodeId(at + 1)));
      const kinds = ["demote", "remove", "add"] as const;
      const steps = Array.from({ length: random.between(1, 3) }, () =>
        change(random.pick(kinds), random.between(1, 8)),
      );
      const result = applyChange(before, steps);
      if (!result.ok) continue;
      const after = result.membership.members.filter((member) => member.role === "voter");
      const shared = after.filter((member) => findVoter(before, member.id) !== undefined).length;
      const both = size + after.length - shared;
      const smallest = Math.floor(size / 2) + 1 + Math.floor(after.length / 2) + 1;
      expect(isJoint(result.membership) || smallest > both).toBe(true);
      expect(isJoint(leaveJoint(result.membership))).toBe(false);
    }
  });
});

describe("memberships as bytes", () => {
  const joint = applyChange(three, [change("add", 9), change("remove", 1), change("remove", 2)]);
  const membership = joint.ok ? joint.membership : three;

  test("come back as they were", () => {
    expect(decodeMembership(encodeMembership(membership))).toEqual(membership);
    const at = { index: logIndex(77), membership };
    expect(decodeMembershipAt(encodeMembershipAt(at))).toEqual(at);
  });

  test("are nothing when cut, lengthened or of another version", () => {
    const bytes = encodeMembership(membership);
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(decodeMembership(bytes.subarray(0, cut))).toBeUndefined();
    }
    expect(decodeMembership(new Uint8Array([...bytes, 0]))).toBeUndefined();
    expect(decodeMembership(new Uint8Array([2, ...bytes.subarray(1)]))).toBeUndefined();
  });

  test("of any kind never throw", () => {
    const random = new Prng(5);
    for (let round = 0; round < 5_000; round++) {
      const bytes = encodeMembership(membership);
      bytes[random.between(0, bytes.length - 1)] = random.nextU32() & 0xff;
      decodeMembership(bytes);
      decodeMembershipAt(bytes);
    }
  });
});

describe("memberships in the log", () => {
  test("an older one comes back when the log is cut", () => {
    const log = new MembershipLog({ index: logIndex(0), membership: three });
    const next = { ...three, lastIncarnation: incarnation(2) };
    log.push({ index: logIndex(5), membership: next });
    expect(log.latest.membership).toBe(next);
    expect(log.at(4).membership).toBe(three);
    expect(log.truncateFrom(6)).toBe(false);
    expect(log.truncateFrom(5)).toBe(true);
    expect(log.latest.membership).toBe(three);
  });

  test("those that were replaced go when the log is compacted past their successor", () => {
    const log = new MembershipLog({ index: logIndex(0), membership: three });
    const next = { ...three, lastIncarnation: incarnation(2) };
    log.push({ index: logIndex(5), membership: next });
    log.compact(4);
    expect(log.at(4).membership).toBe(three);
    log.compact(5);
    expect(log.at(4).membership).toBe(next);
  });
});

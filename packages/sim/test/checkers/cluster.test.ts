/** The checkers that watch nodes: each lets a true run pass and finds a node that does what it must not. */
import { incarnation, logIndex, nodeId, term } from "@kqueuey/base";
import { type Entry, encodeMembership, type Membership as Group } from "@kqueuey/raft";
import { describe, expect, test } from "vitest";
import { Auditor } from "../../src/auditor/auditor.ts";
import { ClusterTime } from "../../src/checkers/cluster-time.ts";
import { LogMatching } from "../../src/checkers/log-matching.ts";
import { Membership } from "../../src/checkers/membership.ts";
import { OneLeaderPerTerm } from "../../src/checkers/one-leader-per-term.ts";
import { Probation } from "../../src/checkers/probation.ts";
import { StatusWatch } from "../../src/checkers/status-watch.ts";
import { Undisturbed } from "../../src/checkers/undisturbed.ts";
import { History } from "../../src/history/history.ts";
import { creation, entryAt, LogBook, send, statusOf } from "./log-book.ts";

const NOTHING = new History();
const LEADER = { role: "leader", term: term(2) } as const;

describe("one-leader-per-term", () => {
  test("lets pass leaders of terms of their own", () => {
    const book = new LogBook([new OneLeaderPerTerm()]).step(1, 10, LEADER).step(1, 20, LEADER);
    expect(book.step(2, 30, { ...LEADER, term: term(3) }).end(NOTHING)).toEqual([]);
  });

  test("finds two leaders of one", () => {
    const book = new LogBook([new OneLeaderPerTerm()]).step(1, 10, LEADER).step(2, 20, LEADER);
    expect(book.end(NOTHING)).toEqual(["nodes 1 and 2 lead term 2"]);
  });
});

describe("log-matching", () => {
  const [one, two] = [entryAt(1, 0, creation(1, "orders")), entryAt(2, 10, [send("a")])];
  const newBook = (): LogBook => new LogBook([new LogMatching(new Auditor())]);

  test("lets pass nodes that apply one log, and one that begins at a snapshot", () => {
    const book = newBook().applyAt(1, one).applyAt(1, two).applyAt(2, one).applyAt(3, two);
    expect(book.end(NOTHING)).toEqual([]);
  });

  test("finds another entry at an index", () => {
    const other = entryAt(2, 10, [send("b")]);
    const book = newBook().applyAt(1, one).applyAt(1, two).applyAt(2, one).applyAt(2, other);
    expect(book.end(NOTHING)).toEqual([
      "node 2 applied another entry at 2: commands of term 1, not commands of term 1",
    ]);
  });

  test("finds an entry that is applied twice by one process; after a restart it may be", () => {
    const checker = new LogMatching(new Auditor());
    const { machine } = new LogBook([]).view(1).replica;
    checker.applied({ id: nodeId(1) }, one);
    checker.started(nodeId(1));
    checker.applied({ id: nodeId(1) }, one);
    expect(checker.violations).toEqual([]);
    checker.applied({ id: nodeId(1) }, one);
    expect(checker.violations.map((each) => each.what)).toEqual(["node 1 applied index 1 after 1"]);
    expect(machine.appliedIndex).toBe(0);
  });

  test("finds a gap", () => {
    expect(newBook().applyAt(1, two).end(NOTHING)).toEqual([
      "node 1 applied 2 when 1 was the next",
    ]);
  });

  test("finds bytes that are no entry", () => {
    const strange: Entry = { ...one, data: Uint8Array.of(9, 9, 9) };
    const checker = new LogMatching(new Auditor());
    checker.applied({ id: nodeId(1) }, strange);
    expect(checker.violations.map((each) => each.what)).toEqual([
      "index 1: an entry of another version",
    ]);
  });

  test("finds a leader without what was committed before it", () => {
    const book = newBook().applyAt(1, one).applyAt(1, two);
    book.step(2, 10, { ...LEADER, lastIndex: logIndex(2) });
    book.step(3, 20, { ...LEADER, term: term(3), lastIndex: logIndex(1) });
    expect(book.end(NOTHING)).toEqual(["node 3 leads term 3 with 1 entries, 2 were applied"]);
  });
});

describe("probation", () => {
  const newBook = (): LogBook => new LogBook([new StatusWatch(new Probation(), new Auditor())]);
  const out = { probation: true, incarnation: incarnation(0), term: term(2) };

  test("lets pass a node that waits and comes back under a new incarnation", () => {
    const book = newBook().step(1, 10, { incarnation: incarnation(1) });
    book.step(1, 20, out).step(1, 30, { incarnation: incarnation(2), term: term(2) });
    expect(book.end(NOTHING)).toEqual([]);
  });

  test("finds one that campaigns meanwhile", () => {
    const book = newBook().step(1, 20, { ...out, role: "candidate" });
    expect(book.end(NOTHING)).toContain("node 1 is candidate of term 2 in probation");
  });

  test("finds one that votes meanwhile", () => {
    const book = newBook()
      .step(1, 20, out)
      .step(1, 30, { ...out, vote: nodeId(3) });
    expect(book.end(NOTHING)[0]).toBe("node 1 voted for 3 in term 2 in probation");
  });

  test("finds one that comes back as who it was", () => {
    const book = newBook().step(1, 10, { incarnation: incarnation(2) });
    book.step(1, 20, out).step(1, 30, { incarnation: incarnation(2) });
    expect(book.end(NOTHING)[0]).toBe(
      "node 1 left its probation under incarnation 2, it had 2 before",
    );
  });

  test("finds one that forgot its vote", () => {
    const book = newBook()
      .step(1, 10, { vote: nodeId(2) })
      .step(1, 20, { vote: nodeId(3) });
    expect(book.end(NOTHING)[0]).toBe("node 1 voted for 2 in term 1 and forgot it: now 3");
  });

  test("lets pass one that restarts before its vote was on its disk", () => {
    const book = newBook().step(1, 10, { vote: nodeId(2), voteIsDurable: false });
    book.start(1).step(1, 20, { vote: 0 });
    expect(book.end(NOTHING)).toEqual([]);
  });

  test("lets pass one whose disk is that of before, finds one that has all of its log and no vote", () => {
    const restarted = (bootLastIndex: number): readonly string[] => {
      const book = newBook().step(1, 10, { vote: nodeId(2), durable: logIndex(7) });
      book.start(1).step(1, 20, { vote: 0, bootLastIndex: logIndex(bootLastIndex) });
      return book.end(NOTHING);
    };
    expect(restarted(6)).toEqual([]);
    expect(restarted(7)).toEqual(["node 1 voted for 2 in term 1 and forgot it: now 0"]);
  });
});

describe("membership", () => {
  const newBook = (): LogBook => new LogBook([new StatusWatch(new Membership(), new Auditor())]);
  const at = (
    index: number,
  ): { commit: ReturnType<typeof logIndex>; durable: ReturnType<typeof logIndex> } => {
    return { commit: logIndex(index), durable: logIndex(index) };
  };
  const group = (roles: Record<number, "voter" | "learner">, outgoing: number[] = []): Group => {
    const one = incarnation(1);
    return {
      members: Object.entries(roles).map(([id, role]) => ({
        id: nodeId(Number(id)),
        incarnation: one,
        role,
      })),
      outgoing: outgoing.map((id) => ({
        id: nodeId(id),
        incarnation: one,
        role: "voter" as const,
      })),
      lastIncarnation: one,
    };
  };
  /** The others have `durable` each; then node 1 leads and its commit goes from 5 to 9. */
  function commitNine(membership: Group, durable: readonly number[]): string[] {
    const book = newBook();
    durable.forEach((index, i) => {
      book.step(i + 2, 10, { durable: logIndex(index) });
    });
    book.step(1, 20, { ...LEADER, ...at(5), membership });
    return book.step(1, 30, { ...LEADER, ...at(9), membership }).end(NOTHING);
  }

  test("lets pass what is on a majority", () => {
    expect(commitNine(group({ 1: "voter", 2: "voter", 3: "voter" }), [9, 5])).toEqual([]);
  });

  test("finds what is not", () => {
    expect(commitNine(group({ 1: "voter", 2: "voter", 3: "voter" }), [8, 5])[0]).toBe(
      "node 1 of term 2 committed 9; durable are node 1/1: 9, node 2/1: 8, node 3/1: 5",
    );
  });

  test("finds a learner that was counted", () => {
    const membership = group({ 1: "voter", 2: "learner", 3: "voter" });
    expect(commitNine(membership, [9, 5])[0]).toContain("committed 9");
  });

  test("finds a joint membership that one majority decided for", () => {
    const membership = group({ 1: "voter", 2: "voter", 3: "voter" }, [1, 4, 5]);
    expect(commitNine(membership, [9, 9, 5, 5])[0]).toContain("committed 9");
    expect(commitNine(membership, [9, 9, 9, 5])).toEqual([]);
  });

  test("lets pass what was committed under a membership that came and went within one look", () => {
    const [before, between] = [
      group({ 1: "voter", 2: "voter", 3: "voter" }),
      group({ 1: "voter" }),
    ];
    const data = encodeMembership(between);
    const entry: Entry = { index: logIndex(6), term: term(2), kind: "membership", data };
    const checker = new Membership();
    const look = (index: number): void => {
      const status = statusOf({ id: nodeId(1), ...LEADER, ...at(index), membership: before });
      checker.saw({ id: nodeId(1), process: 1, status }, () => []);
    };
    look(5);
    checker.applied({ id: nodeId(1) }, entry);
    look(6);
    expect(checker.violations).toEqual([]);
  });

  test("finds a node under an old incarnation that was counted", () => {
    const book = newBook().step(2, 10, { durable: logIndex(9), incarnation: incarnation(0) });
    book.step(3, 10, { durable: logIndex(5) }).step(1, 20, { ...LEADER, ...at(5) });
    expect(book.step(1, 30, { ...LEADER, ...at(9) }).end(NOTHING)[0]).toContain("committed 9");
  });

  test("finds a change before the last one is committed", () => {
    const [before, after] = [
      group({ 1: "voter", 2: "voter" }),
      group({ 1: "voter", 2: "learner" }),
    ];
    const open = { ...LEADER, ...at(5), membershipCommitted: false };
    const book = newBook().step(1, 10, { ...open, membership: before });
    book.step(1, 20, { ...open, membership: after });
    expect(book.end(NOTHING)[0]).toBe(
      "node 1 of term 2 changes the membership before the last change is committed",
    );
  });

  test("finds two voters exchanged in one step", () => {
    const entry = (index: number, membership: Group): Entry => ({
      index: logIndex(index),
      term: term(1),
      kind: "membership",
      data: encodeMembership(membership),
    });
    const checker = new Membership();
    checker.applied({ id: nodeId(1) }, entry(1, group({ 1: "voter", 2: "voter", 3: "voter" })));
    checker.applied(
      { id: nodeId(1) },
      entry(2, group({ 1: "voter", 4: "voter", 3: "voter" }, [1, 2, 3])),
    );
    checker.applied({ id: nodeId(1) }, entry(3, group({ 1: "voter", 4: "voter", 3: "voter" })));
    expect(checker.violations).toEqual([]);
    checker.applied({ id: nodeId(1) }, entry(4, group({ 1: "voter", 4: "voter", 5: "voter" })));
    expect(checker.violations.map((each) => each.what)).toEqual([
      "index 4 lets 1 voters in and 1 out in one step",
    ]);
  });
});

describe("cluster-time", () => {
  test("lets pass time that stands still, and finds time that runs ahead", () => {
    const newBook = (): LogBook =>
      new LogBook([new ClusterTime()]).step(1, 1_000).apply(500).step(1, 9_000).apply(600);
    expect(newBook().step(1, 9_500).apply(1_100).end(NOTHING)).toEqual([]);
    expect(newBook().step(1, 9_500).apply(9_900).end(NOTHING)).toEqual([
      "entry 3, applied at node 1, is 892 ms ahead of time",
    ]);
  });
});

describe("undisturbed", () => {
  test("lets pass campaigns that others follow, and finds a lonely one that goes on", () => {
    const campaign = (book: LogBook, terms: readonly number[]): string[] => {
      for (const each of terms) book.step(1, each, { role: "candidate", term: term(each) });
      return book.end(NOTHING);
    };
    const newBook = (): LogBook => new LogBook([new Undisturbed()]);
    expect(campaign(newBook(), [1, 2, 3])).toEqual([]);
    expect(campaign(newBook(), [1, 2, 3, 4])).toEqual([
      "node 1 campaigned in 4 terms, the last of them 4, without any other node",
    ]);
  });
});

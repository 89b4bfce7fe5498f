/** Leases whose numbers do not fit where those of most messages do, through checkpoint and restore. */
import { groupId } from "@kqueuey/base";
import { describe, expect, it } from "vitest";
import { queueId } from "../src/index.ts";
import {
  checkpoint,
  Driver,
  restore,
  type TestCommand,
  type TestLease,
  type UnitStore,
  WALL_AHEAD_MS,
  withMoreTokens,
} from "./driver.ts";

const one = { size: 0 };

function filled(count: number): Driver {
  const driver = new Driver();
  driver.run([{ op: "create", queue: 1, attributes: {} }], 1_000);
  driver.run([{ op: "send", queue: 1, messages: Array(count).fill(one) }]);
  return driver;
}

/** Everything about a machine that a client can see of its leases, and the state's hash. */
function seen(driver: Driver, limit: number): unknown {
  const [grant] = driver.run([{ op: "receive", queue: 1, limit, visibilityMs: 1_000 }]);
  return [grant, driver.machine.chainHash, driver.machine.stateHash()];
}

/** A driver that goes on with what a checkpoint of another one restores. */
function twin(driver: Driver): Driver {
  const store: UnitStore = new Map();
  checkpoint(driver.machine, store, { mode: "full" });
  const other = new Driver();
  other.index = driver.index;
  other.timeMs = driver.timeMs;
  const machine = restore(store);
  if (typeof machine === "string") throw new Error(machine);
  other.replace(machine);
  expect(other.machine.stateHash()).toBe(driver.machine.stateHash());
  return other;
}

describe("fencing tokens", () => {
  it.each([0xffff_fffe, 0x1_0000_0000, 0x1_7fff_ffff, 0x7f00_0000_0000])(
    "of one page are exact after the counter went on by %d, across a restore",
    (more) => {
      const driver = filled(40);
      const receive = { op: "receive", queue: 1, limit: 10, visibilityMs: 600_000 } as const;
      driver.run([receive]);
      driver.replace(withMoreTokens(driver.machine, 1, more));
      const [grant] = driver.run([receive]);
      expect(grant?.["tokens"]).toEqual(Array.from({ length: 10 }, (_, i) => more + 11 + i));
      const other = twin(driver);
      const tombstone: TestCommand = {
        op: "tombstone",
        queue: 1,
        leases: [
          // Some of before, some of after, and each with the other's high bits.
          [1, 1],
          [2, more + 2],
          [11, more + 11],
          [12, 12],
          [12, more + 12],
        ],
      };
      const [settled] = driver.run([tombstone]);
      expect(settled?.["results"]).toEqual([0, 2, 0, 2, 0]);
      expect(other.run([tombstone])).toEqual([settled]);
      expect(seen(other, 40)).toEqual(seen(driver, 40));
    },
  );

  it("of zero low bits are tokens, and an undone one is none", () => {
    const driver = filled(3);
    driver.replace(withMoreTokens(driver.machine, 1, 0xffff_ffff));
    const [grant] = driver.run([{ op: "receive", queue: 1, limit: 3 }]);
    expect(grant?.["tokens"]).toEqual([0x1_0000_0000, 0x1_0000_0001, 0x1_0000_0002]);
    driver.run([{ op: "undelivered", queue: 1, leases: [[2, 0x1_0000_0001]] }]);
    const tombstone: TestCommand = {
      op: "tombstone",
      queue: 1,
      leases: [
        [2, 0x1_0000_0001],
        [1, 0x1_0000_0000],
      ],
    };
    const other = twin(driver);
    expect(driver.run([tombstone])[0]?.["results"]).toEqual([2, 0]);
    expect(other.run([tombstone])[0]?.["results"]).toEqual([2, 0]);
  });

  it("far from the numbers of the outbox leave these as they are", () => {
    const deadLetter = { queueId: queueId(9), group: groupId(7), maximumReceives: 1 };
    const driver = new Driver();
    driver.run([{ op: "create", queue: 1, attributes: { deadLetter } }], 1_000);
    driver.run([{ op: "send", queue: 1, messages: Array(8).fill(one) }]);
    driver.replace(withMoreTokens(driver.machine, 1, 0x7000_0000_0000));
    driver.run([{ op: "receive", queue: 1, limit: 6, visibilityMs: 500 }]);
    driver.run([], 2_000);
    const other = twin(driver);
    for (const { machine } of [driver, other]) {
      const outbox = machine.outbox(queueId(1), 10);
      expect(outbox.map((message) => message.outboxSequence)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(outbox[0]).toMatchObject({ targetQueue: 9, targetGroup: 7 });
      expect(machine.checkInvariants()).toBeUndefined();
    }
    driver.run([{ op: "dropOutbox", queue: 1, through: 3, disposition: "returned" }]);
    other.run([{ op: "dropOutbox", queue: 1, through: 3, disposition: "returned" }]);
    expect(seen(other, 8)).toEqual(seen(driver, 8));
  });
});

describe("the time of the first receive", () => {
  const days = 86_400_000;
  it.each([
    ["far back", -60 * days],
    ["to its beginning", -WALL_AHEAD_MS],
    ["far forward", 60 * days],
    ["to its end", 0xffff_ffff_ffff - WALL_AHEAD_MS - 2_000],
  ])("is exact when the wall clock goes %s, across a restore", (_, off) => {
    const driver = filled(30);
    const receive: TestCommand = { op: "receive", queue: 1, limit: 10, visibilityMs: 500 };
    const times: number[] = [];
    for (const wall of [WALL_AHEAD_MS, WALL_AHEAD_MS + off, WALL_AHEAD_MS - 5]) {
      const [grant] = driver.run([receive], 1_000, 2_000 + wall);
      expect(grant?.["firstReceived"]).toEqual(Array(10).fill(2_000 + wall));
      times.push(...Array<number>(10).fill(2_000 + wall));
    }
    driver.run([], 2_000);
    const other = twin(driver);
    const again = { ...receive, limit: 30 } as const;
    const [grant] = driver.run([again]);
    expect(grant?.["firstReceived"]).toEqual(times);
    expect(other.run([again])).toEqual([grant]);
    expect(seen(other, 30)).toEqual(seen(driver, 30));
  });
});

describe("a receive count", () => {
  it("goes past 62 and 255, across restores and undos", () => {
    let driver = filled(1);
    const receive: TestCommand = { op: "receive", queue: 1, limit: 1, visibilityMs: 600_000 };
    const undo = (token: number): TestCommand => {
      return { op: "undelivered", queue: 1, leases: [[1, token]] };
    };
    for (let i = 1; i <= 300; i++) {
      driver.run([{ ...receive, visibilityMs: 0 }]);
      if (i % 10 <= 5 && (i < 60 || i > 70) && (i < 250 || i > 260)) continue;
      driver = twin(driver);
      // Granted and undone, it is at the count before, on either side of an edge.
      const [grant] = driver.run([receive]);
      expect(grant?.["receiveCounts"]).toEqual([i + 1]);
      const token = Number(grant?.["grantFirst"]);
      expect(driver.run([undo(token)])[0]?.["results"]).toEqual([0]);
      expect(driver.machine.checkInvariants()).toBeUndefined();
    }
    const other = twin(driver);
    expect(seen(other, 1)).toEqual(seen(driver, 1));
  });

  it("that is large goes with its message", () => {
    const driver = filled(20);
    for (let i = 0; i < 70; i++) {
      driver.run([{ op: "receive", queue: 1, limit: 20, visibilityMs: 0 }]);
    }
    const tables = driver.machine.memory().tableBytes;
    const [grant] = driver.run([{ op: "receive", queue: 1, limit: 5 }]);
    const sequences = grant?.["sequences"] as number[];
    const tokens = grant?.["tokens"] as number[];
    const leases = sequences.map((sequence, i): TestLease => [sequence, tokens[i] ?? 0]);
    driver.run([{ op: "tombstone", queue: 1, leases }]);
    expect(driver.machine.memory().tableBytes).toBeLessThan(tables);
    expect(driver.machine.checkInvariants()).toBeUndefined();
    driver.run([{ op: "purge", queue: 1 }]);
    while (driver.machine.sweep(1)) driver.countBodies();
    expect(driver.machine.checkInvariants()).toBeUndefined();
  });
});

/** FIFO queues at their limits: very many groups, what they weigh, and what is left of them. */
import { describe, expect, it } from "vitest";
import { queueId, readEntryHeader } from "../src/index.ts";
import {
  checkpoint,
  Driver,
  encodeEntry,
  restore,
  type TestCommand,
  type TestLease,
  type UnitStore,
} from "./driver.ts";

const fifo = { deduplicationScope: "queue", contentBasedDeduplication: false } as const;

/** A FIFO queue with `groups` groups, in each the messages `perGroup`. */
function filled(groups: number, perGroup: number): Driver {
  const driver = new Driver();
  driver.run([{ op: "create", queue: 1, attributes: { fifo } }], 1_000);
  for (let copy = 0; copy < perGroup; copy++) {
    for (let from = 0; from < groups; from += 1_000) {
      const messages = Array.from({ length: Math.min(1_000, groups - from) }, (_, i) => ({
        size: 0,
        group: `${from + i}`,
        deduplicationId: `${from + i}.${copy}`,
      }));
      driver.run([{ op: "sendFifo", queue: 1, messages }]);
    }
  }
  return driver;
}

function receive(driver: Driver, limit: number): { sequences: number[]; leases: TestLease[] } {
  const [grant] = driver.run([{ op: "receive", queue: 1, limit }]);
  const sequences = grant?.["sequences"] as number[];
  const tokens = grant?.["tokens"] as number[];
  return { sequences, leases: sequences.map((sequence, i) => [sequence, tokens[i] ?? 0]) };
}

function restored(store: UnitStore): Driver {
  const machine = restore(store);
  if (typeof machine === "string") throw new Error(machine);
  const driver = new Driver();
  driver.replace(machine);
  return driver;
}

describe("a FIFO queue of a million groups", () => {
  const groups = 1_000_000;

  it("gives each group in its turn, restored as well, and weighs little", () => {
    const driver = filled(groups, 1);
    const memory = driver.machine.memory();
    expect(memory.messages).toBe(groups);
    // Index, chain, groups, and the deduplication ids of five minutes.
    const { messages, ...bytes } = memory;
    const total = Object.values(bytes).reduce((sum, part) => sum + part, 0);
    expect(total / messages).toBeLessThan(160);
    expect(driver.machine.receivable(queueId(1))).toBe(groups);
    for (let i = 0; i < 20; i++) {
      const { sequences } = receive(driver, 1_000);
      expect(sequences[0]).toBe(i * 1_000 + 1);
      expect(sequences.at(-1)).toBe((i + 1) * 1_000);
    }
    expect(driver.machine.receivable(queueId(1))).toBe(groups - 20_000);
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    const other = restored(store);
    expect(other.machine.stateHash()).toBe(driver.machine.stateHash());
    expect(other.machine.checkInvariants()).toBeUndefined();
    other.index = driver.index;
    other.timeMs = driver.timeMs;
    expect(receive(other, 1_000)).toEqual(receive(driver, 1_000));
  }, 300_000);

  it("has no groups left when their messages are gone", () => {
    const driver = filled(10_000, 2);
    const before = driver.machine.memory().tableBytes;
    for (let i = 0; i < 20; i++) {
      const { leases } = receive(driver, 1_000);
      expect(leases.length).toBe(1_000);
      driver.run([{ op: "tombstone", queue: 1, leases }]);
    }
    expect(driver.machine.describe(queueId(1))).toMatchObject({ available: 0, inFlight: 0 });
    expect(driver.machine.memory().tableBytes).toBeLessThan(before);
    // Five minutes later nothing is remembered either.
    driver.run([], 400_000);
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    // The header and the queue.
    expect(store.size).toBe(2);
    expect(driver.machine.checkInvariants()).toBeUndefined();
  }, 60_000);
});

describe("a receive of a FIFO queue", () => {
  it("takes nothing while 120,000 messages are in flight, and wakes who waits when one is gone", () => {
    const driver = filled(121_000, 1);
    let last: TestLease[] = [];
    for (let i = 0; i < 120; i++) last = receive(driver, 1_000).leases;
    expect(driver.machine.receivable(queueId(1))).toBe(0);
    expect(receive(driver, 1).sequences).toEqual([]);
    driver.machine.drainWoken();
    driver.run([{ op: "tombstone", queue: 1, leases: last.slice(0, 3) }]);
    expect(driver.machine.drainWoken()).toEqual([1]);
    expect(receive(driver, 10).sequences.length).toBe(3);
  }, 60_000);
});

describe("the memory of sends", () => {
  it("is cut off by chunks when its time is over, while new ids come in", () => {
    const driver = filled(1, 1);
    const sendAt = (from: number, timeMs: number): void => {
      const messages = Array.from({ length: 1_000 }, (_, i) => {
        return { size: 0, group: "g", deduplicationId: `id ${from + i}` };
      });
      driver.run([{ op: "sendFifo", queue: 1, messages }], timeMs);
    };
    for (let i = 0; i < 60; i++) {
      sendAt(i * 1_000, 1_000 + i * 30_000);
      expect(driver.machine.checkInvariants()).toBeUndefined();
    }
    // Ten sends of a thousand are younger than five minutes; a chunk has two thousand.
    expect(driver.machine.memory().tableBytes).toBeLessThan(1_500_000);
    const again: TestCommand = {
      op: "sendFifo",
      queue: 1,
      messages: ["id 59999", "id 50000", "id 49999", "id 1"].map((deduplicationId) => {
        return { size: 0, group: "g", deduplicationId };
      }),
    };
    const [sent] = driver.run([again]);
    expect(sent?.["sequences"]).toEqual([60_001, 50_002, 60_002, 60_003]);
  }, 60_000);
});

describe("an entry", () => {
  it.each<[string, TestCommand, number]>([
    ["a send", { op: "send", queue: 1, messages: [{ size: 1 }] }, 1],
    ["a receive", { op: "receive", queue: 1, limit: 1 }, 1],
    ["a standard queue", { op: "create", queue: 1, attributes: { delayMs: 5 } }, 1],
    ["a change", { op: "set", queue: 1, attributes: { delayMs: 5 } }, 1],
    [
      "a send with a group",
      { op: "sendFifo", queue: 1, messages: [{ size: 1, group: "g", deduplicationId: "d" }] },
      2,
    ],
    ["a receive with an attempt id", { op: "receive", queue: 1, limit: 1, attempt: "a" }, 2],
    ["a FIFO queue", { op: "create", queue: 1, attributes: { fifo } }, 2],
    ["a change of a FIFO queue", { op: "set", queue: 1, attributes: { fifo } }, 2],
    [
      "a change on a condition",
      { op: "set", queue: 1, attributes: {}, expected: new Map([["Policy", undefined]]) },
      2,
    ],
    ["a purge with an interval", { op: "purge", queue: 1, intervalMs: 60_000 }, 2],
    ["an accepted message", accepted(undefined), 1],
    ["an accepted message of a group", accepted("g"), 2],
  ])("with %s is of the version that it needs", (_, command, version) => {
    for (const id of [undefined, "request"]) {
      const data = encodeEntry(
        [
          { op: "purge", queue: 1 },
          { ...command, id },
        ],
        1_000,
      );
      expect(readEntryHeader(data)?.version).toBe(version);
    }
  });
});

function accepted(group: string | undefined): TestCommand {
  const origin = [2, 1] as const;
  const rest = { count: 3, firstReceived: 5, ageMs: 7, size: 9, group };
  return { op: "accept", queue: 1, source: 2, outboxSequence: 1, origin, ...rest };
}

/** Fair queues: who is served first, what a receive looks at, and what is left of groups. */
import { describe, expect, it, vi } from "vitest";
import { queueId, readEntryHeader } from "../src/index.ts";
import { PagePool } from "../src/page-pool.ts";
import {
  checkpoint,
  Driver,
  encodeEntry,
  restore,
  type TestCommand,
  type TestLease,
  type UnitStore,
} from "./driver.ts";

function empty(attributes = {}): Driver {
  const driver = new Driver();
  driver.run([{ op: "create", queue: 1, attributes }], 1_000);
  return driver;
}

function send(driver: Driver, group: string | undefined, count: number): void {
  for (let left = count; left > 0; left -= 1_000) {
    const messages = Array.from({ length: Math.min(left, 1_000) }, () => ({ size: 0, group }));
    driver.run([{ op: "send", queue: 1, messages }]);
  }
}

function receive(driver: Driver, limit: number): { sequences: number[]; leases: TestLease[] } {
  const [grant] = driver.run([{ op: "receive", queue: 1, limit }]);
  const sequences = grant?.["sequences"] as number[];
  const tokens = grant?.["tokens"] as number[];
  return { sequences, leases: sequences.map((sequence, i) => [sequence, tokens[i] ?? 0]) };
}

function stands(driver: Driver): { noisyGroups: number; availableQuiet: number } {
  const view = driver.machine.describe(queueId(1));
  return {
    noisyGroups: view?.noisyGroups ?? -1,
    availableQuiet: view?.availableQuiet ?? -1,
  };
}

function run(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

describe("a queue with message groups", () => {
  it("serves quiet groups first while one is noisy, and the noisy one when they have nothing", () => {
    const driver = empty();
    send(driver, "noisy", 100);
    expect(receive(driver, 29).sequences).toEqual(run(1, 29));
    send(driver, "quiet", 2);
    send(driver, undefined, 2);
    expect(stands(driver)).toEqual({ noisyGroups: 0, availableQuiet: 75 });
    // 29 in flight are not enough: the oldest comes first, as ever.
    expect(receive(driver, 1).sequences).toEqual([30]);
    expect(stands(driver)).toEqual({ noisyGroups: 1, availableQuiet: 4 });
    expect(receive(driver, 3).sequences).toEqual([101, 102, 103]);
    expect(receive(driver, 3).sequences).toEqual([104, 31, 32]);
    expect(driver.machine.checkInvariants()).toBeUndefined();
  });

  it("knows no noisy group with 10 % or less of what is in flight", () => {
    const driver = empty();
    send(driver, undefined, 270);
    receive(driver, 270);
    send(driver, "busy", 40);
    send(driver, "quiet", 1);
    receive(driver, 30);
    expect(stands(driver)).toEqual({ noisyGroups: 0, availableQuiet: 11 });
    expect(receive(driver, 1).sequences).toEqual([301]);
    expect(stands(driver)).toEqual({ noisyGroups: 1, availableQuiet: 1 });
  });

  it("takes a group for quiet again when it has let go", () => {
    const driver = empty();
    send(driver, "noisy", 60);
    const { leases } = receive(driver, 30);
    send(driver, "quiet", 1);
    expect(stands(driver).noisyGroups).toBe(1);
    driver.run([{ op: "tombstone", queue: 1, leases: leases.slice(0, 1) }]);
    expect(stands(driver)).toEqual({ noisyGroups: 0, availableQuiet: 31 });
    expect(receive(driver, 1).sequences).toEqual([31]);
  });

  it("does what its settings say, and nothing with 100 %", () => {
    const driver = empty({ fairness: { inFlightMin: 2, inFlightPercent: 50 } });
    send(driver, "noisy", 5);
    receive(driver, 2);
    send(driver, "quiet", 1);
    expect(stands(driver).noisyGroups).toBe(1);
    const off = { inFlightMin: 1, inFlightPercent: 100 };
    driver.run([{ op: "set", queue: 1, attributes: { fairness: off } }]);
    expect(stands(driver).noisyGroups).toBe(0);
    expect(receive(driver, 1).sequences).toEqual([3]);
  });

  it("is the same restored, and goes on the same way", () => {
    const driver = empty();
    send(driver, "noisy", 50);
    receive(driver, 40);
    send(driver, "quiet", 3);
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    const machine = restore(store);
    if (typeof machine === "string") throw new Error(machine);
    const other = new Driver();
    other.replace(machine);
    other.index = driver.index;
    other.timeMs = driver.timeMs;
    expect(other.machine.stateHash()).toBe(driver.machine.stateHash());
    expect(stands(other)).toEqual({ noisyGroups: 1, availableQuiet: 3 });
    expect(receive(other, 5)).toEqual(receive(driver, 5));
    expect(other.machine.chainHash).toBe(driver.machine.chainHash);
  });

  it("finds a quiet message behind a large noisy backlog with few looks", () => {
    const driver = empty();
    send(driver, "noisy", 200_000);
    receive(driver, 100);
    send(driver, "quiet", 1);
    send(driver, undefined, 1);
    const looks = vi.spyOn(PagePool.prototype, "pageOf");
    expect(receive(driver, 2).sequences).toEqual([200_001, 200_002]);
    // The tree of so many messages is some eighteen deep.
    expect(looks.mock.calls.length).toBeLessThan(1_000);
    looks.mockRestore();
  }, 120_000);

  it("serves very many groups, and has none left when their messages are gone", () => {
    const driver = empty();
    const groups = 100_000;
    for (let from = 0; from < groups; from += 1_000) {
      const messages = run(from, 1_000).map((i) => ({ size: 0, group: `${i}` }));
      driver.run([{ op: "send", queue: 1, messages }]);
    }
    const looks = vi.spyOn(PagePool.prototype, "pageOf");
    const { leases, sequences } = receive(driver, 1_000);
    expect(sequences).toEqual(run(1, 1_000));
    expect(looks.mock.calls.length / 1_000).toBeLessThan(1_000);
    looks.mockRestore();
    driver.run([{ op: "tombstone", queue: 1, leases }]);
    expect(driver.machine.checkInvariants()).toBeUndefined();
    driver.run([{ op: "purge", queue: 1 }]);
    while (driver.machine.sweep(1_000));
    expect(driver.machine.checkInvariants()).toBeUndefined();
    expect(driver.machine.memory().tableBytes).toBeLessThan(1_000_000);
  }, 300_000);
});

describe("the version of an entry", () => {
  const version = (command: TestCommand): number | undefined =>
    readEntryHeader(encodeEntry([command], 1_000))?.version;

  it("is 2 with a message group or fairness settings, and else 1", () => {
    const sent = (group: string | undefined): TestCommand => {
      return { op: "send", queue: 1, messages: [{ size: 1 }, { size: 1, group }] };
    };
    expect(version(sent(undefined))).toBe(1);
    expect(version(sent("a"))).toBe(2);
    const fairness = { inFlightMin: 5, inFlightPercent: 20 };
    expect(version({ op: "set", queue: 1, attributes: { fairness } })).toBe(2);
    expect(version({ op: "set", queue: 1, attributes: { delayMs: 1 } })).toBe(1);
  });
});

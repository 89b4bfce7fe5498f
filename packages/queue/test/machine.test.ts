import { groupId, incarnation, logIndex, nodeId } from "@kqueuey/base";
import { describe, expect, it } from "vitest";
import { QueueMachine, queueId } from "../src/index.ts";
import { SESSIONS_MAX } from "../src/limits.ts";
import { RequestLedger } from "../src/request-ledger.ts";
import { UnitLedger } from "../src/units.ts";
import {
  checkpoint,
  Driver,
  encodeEntry,
  restore,
  type TestCommand,
  type TestLease,
  type UnitStore,
} from "./driver.ts";

const one = { size: 0 };

function filled(count: number): Driver {
  const driver = new Driver();
  driver.run([{ op: "create", queue: 1, attributes: {} }], 1_000);
  for (let left = count; left > 0; left -= 1_000) {
    driver.run([{ op: "send", queue: 1, messages: Array(Math.min(left, 1_000)).fill(one) }]);
  }
  return driver;
}

function restored(store: UnitStore): QueueMachine {
  const machine = restore(store);
  if (typeof machine === "string") throw new Error(machine);
  return machine;
}

describe("memory", () => {
  /** Bytes of everything that the index needs, spread over its messages. */
  function bytesAMessage(driver: Driver): number {
    const { messages, ...bytes } = driver.machine.memory();
    return Object.values(bytes).reduce((sum, part) => sum + part, 0) / messages;
  }

  it("is 48 bytes a message or less, everything counted, a million of them leased", () => {
    const driver = filled(1_000_000);
    expect(driver.machine.memory().messages).toBe(1_000_000);
    expect(bytesAMessage(driver)).toBeLessThanOrEqual(27);
    for (let i = 0; i < 1_000; i++) driver.run([{ op: "receive", queue: 1, limit: 1_000 }]);
    expect(driver.machine.describe(queueId(1))?.inFlight).toBe(1_000_000);
    const { planeBytes, bitmapBytes, originBytes } = driver.machine.memory();
    // The last page has room left: 512 slots in a million.
    expect(planeBytes / 1_000_000).toBeLessThan(44.03);
    expect(bitmapBytes / 1_000_000).toBeLessThan(0.26);
    expect(originBytes).toBe(0);
    expect(bytesAMessage(driver)).toBeLessThanOrEqual(48);
  }, 60_000);

  it("of ten thousand small queues is small", () => {
    const driver = new Driver();
    for (let queue = 1; queue <= 10_000; queue++) {
      driver.run([
        { op: "create", queue, attributes: {} },
        { op: "send", queue, messages: [one] },
      ]);
    }
    expect(driver.machine.memory().planeBytes).toBe(10_000 * 16 * 24);
  }, 60_000);

  it("of a queue that was deep is given back", () => {
    const driver = filled(100_000);
    for (let i = 0; i < 100; i++) {
      const [grant] = driver.run([{ op: "receive", queue: 1, limit: 1_000 }]);
      const sequences = grant?.["sequences"] as number[];
      const tokens = grant?.["tokens"] as number[];
      const leases = sequences.map((sequence, k): TestLease => [sequence, tokens[k] ?? 0]);
      driver.run([{ op: "tombstone", queue: 1, leases }]);
    }
    expect(driver.machine.memory()).toMatchObject({ messages: 0, planeBytes: 0 });
    expect(driver.bodies.size).toBe(0);
    expect(driver.machine.checkInvariants()).toBeUndefined();
  }, 60_000);
});

describe("a purge", () => {
  it("frees memory by and by, and a running checkpoint still has what was", () => {
    const driver = filled(20_000);
    driver.run([{ op: "receive", queue: 1, limit: 1_000, visibilityMs: 5_000 }]);
    const before = driver.machine.stateHash();
    const store: UnitStore = new Map();
    let purged = false;
    checkpoint(driver.machine, store, {
      mode: "full",
      bytes: 50_000,
      between: () => {
        if (!purged) driver.run([{ op: "purge", queue: 1 }]);
        purged = true;
        // Leases of purged messages end: nobody must notice.
        driver.run([], 8_000);
      },
    });
    expect(restored(store).stateHash()).toBe(before);
    expect(driver.machine.checkInvariants()).toBeUndefined();
    while (driver.machine.sweep(7)) driver.countBodies();
    driver.countBodies();
    expect(driver.bodies.size).toBe(0);
    expect(driver.machine.memory().planeBytes).toBe(0);
    // The next checkpoint says that the pages went.
    checkpoint(driver.machine, store, { mode: "changed" });
    expect(restored(store).stateHash()).toBe(driver.machine.stateHash());
    expect(store.size).toBe(2);
  });
});

describe("a checkpoint", () => {
  it("has units of at most 64 KiB", () => {
    const driver = filled(3_000);
    for (let i = 0; i < 3; i++)
      driver.run([{ op: "receive", queue: 1, limit: 1_000, id: `r${i}` }]);
    for (let i = 0; i < 2_000; i++) driver.run([{ op: "purge", queue: 1, id: `request ${i}` }]);
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    for (const bytes of store.values()) expect(bytes.length).toBeLessThanOrEqual(65_536);
    expect(store.size).toBeGreaterThan(2);
  });

  it("of changes holds little when little changed", () => {
    const driver = filled(50_000);
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    driver.run([{ op: "receive", queue: 1, limit: 1 }]);
    driver.machine.beginCheckpoint("changed");
    const part = driver.machine.nextCheckpointUnits(1_000_000);
    driver.machine.endCheckpoint(true);
    // The header, the queue's record and one page.
    expect([part.removed.length, part.done, part.units.length]).toEqual([0, true, 3]);
  });

  it("that is no checkpoint gives a text", () => {
    expect(restore(new Map())).toMatch(/header/);
    expect(restore(new Map([[7, new Uint8Array(4)]]))).toMatch(/malformed/);
    expect(restore(new Map([[-1, new Uint8Array(4)]]))).toMatch(/key/);
  });

  it("that says it is from beyond the last index gives a text, and no machine that stops later", () => {
    const driver = filled(1);
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    const header = store.get(0)?.slice();
    // The index stands after a byte of version and two of group; its sixth byte makes it 2^40.
    header?.set([1], 3 + 5);
    store.set(0, header ?? new Uint8Array(0));
    expect(restore(store)).toMatch(/header/);
  });
});

describe("request ids", () => {
  it("are remembered for less when there are too many, and the window says so", () => {
    let units = 0;
    const ledger = new RequestLedger(new UnitLedger(), () => ++units);
    expect(ledger.windowMs).toBe(60_000);
    const id = new Uint8Array(17).fill(1);
    // A receive of scattered messages leaves the largest records.
    for (let i = 1; i <= 1_200; i++) {
      new DataView(id.buffer).setUint32(1, Math.imul(i, 0x9e3779b1) >>> 0);
      ledger.advance(1_000 + i);
      expect(ledger.find(id)).toBeUndefined();
      ledger.record(id, new Uint8Array(30_000), { index: i, now: 1_000 + i });
    }
    expect(ledger.windowMs).toBeLessThan(2_000);
    expect(ledger.bytes).toBeLessThan(2 * 17 * 1024 * 1024);
    expect(ledger.find(id)?.length).toBe(30_000);
  });

  it("of too many sessions: the one unused for longest is forgotten", () => {
    const driver = filled(1);
    driver.run(Array.from({ length: SESSIONS_MAX }, () => ({ op: "openSession" as const })));
    driver.run([{ op: "purge", queue: 1, id: { session: 1, count: 1 } }]);
    driver.run([{ op: "openSession" }]);
    expect(driver.machine.sessions).toBe(SESSIONS_MAX);
    const retried = driver.run([
      { op: "purge", queue: 1, id: { session: 1, count: 1 } },
      { op: "purge", queue: 1, id: { session: 2, count: 1 } },
      { op: "purge", queue: 1, id: { session: 3, count: 1 } },
    ]);
    expect(retried).toMatchObject([
      { replayed: true },
      { reason: "session-expired" },
      { kind: "done", replayed: false },
    ]);
  });
});

describe("an entry", () => {
  it("leads to the same state whether or not its outcomes are wanted", () => {
    const entries: readonly (readonly TestCommand[])[] = [
      [{ op: "create", queue: 1, attributes: {} }],
      [{ op: "send", queue: 1, messages: [one], id: "sent" }],
      [{ op: "receive", queue: 1, limit: 1, id: "received" }],
      [{ op: "receive", queue: 1, limit: 1, id: "received" }],
      [{ op: "tombstone", queue: 1, leases: [[1, 1]], id: "settled" }],
      [{ op: "delete", queue: 1, id: "deleted" }],
      [{ op: "receive", queue: 1, limit: 1, id: "received" }],
      [{ op: "tombstone", queue: 1, leases: [[1, 1]], id: "settled" }],
      [{ op: "send", queue: 1, messages: [one], id: "sent" }],
      [{ op: "receive", queue: 1, limit: 1, id: "deleted" }],
    ];
    const [told, silent] = [0, 1].map(() => new QueueMachine({ group: groupId(0) }));
    entries.forEach((commands, at) => {
      const data = encodeEntry(commands, 1_000 + at);
      told?.apply(logIndex(at + 1), data, { outcome: () => undefined });
      silent?.apply(logIndex(at + 1), data, undefined);
      expect(silent?.chainHash).toBe(told?.chainHash);
      expect(silent?.stateHash()).toBe(told?.stateHash());
    });
  });

  it("with broken commands refuses them from the first broken one on", () => {
    const driver = filled(1);
    const data = encodeEntry(
      [
        { op: "send", queue: 1, messages: [one] },
        { op: "purge", queue: 1 },
        { op: "send", queue: 1, messages: [one] },
      ],
      2_000,
    );
    const purge = data.indexOf(10, 16 + 5 + 1 + 6 + 2 + 4 + 33);
    data[purge] = 200;
    expect(driver.apply(data)).toMatchObject([
      { kind: "sent" },
      { reason: "malformed" },
      { reason: "malformed" },
    ]);
    expect(driver.machine.available(queueId(1))).toBe(2);
  });

  it("of another version stops the machine", () => {
    const driver = filled(1);
    const data = encodeEntry([], 2_000);
    data[0] = 3;
    expect(() => driver.apply(data)).toThrow(/version/);
  });

  it("of a time that no clock shows is applied at the time before", () => {
    const driver = filled(1);
    driver.run([], 5_000);
    const data = encodeEntry([{ op: "receive", queue: 1, limit: 1 }], 2 ** 47);
    expect(driver.apply(data)).toMatchObject([{ kind: "granted", count: 1, nowMs: 5_000 }]);
    expect(driver.machine.now).toBe(5_000);
    expect(driver.machine.checkInvariants()).toBeUndefined();
  });

  it("may be applied without anybody waiting, and for any kind passed over", () => {
    const driver = filled(5);
    const quiet = new QueueMachine({
      group: driver.machine.catalogueEntry(queueId(1))?.group ?? (0 as never),
    });
    quiet.skip(logIndex(3));
    expect(quiet.appliedIndex).toBe(3);
    quiet.apply(
      logIndex(4),
      encodeEntry([{ op: "create", queue: 1, attributes: {} }], 5),
      undefined,
    );
    expect(quiet.describe(queueId(1))?.name).toBe("q1");
    expect(() => quiet.skip(logIndex(4))).toThrow(/order/);
  });

  it("leaves its match vector in the state", () => {
    const driver = filled(1);
    const vector = [{ node: nodeId(3), incarnation: incarnation(1), boot: 2, match: logIndex(9) }];
    driver.apply(encodeEntry([], 2_000, vector));
    expect(driver.machine.matchVector).toEqual(vector);
    driver.apply(encodeEntry([], 2_000));
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    expect(restored(store).matchVector).toEqual(vector);
  });

  it("gives followers and leader the same state, with or without a sink", () => {
    const leader = filled(10);
    const follower = new QueueMachine({ group: 0 as never });
    const entries = [
      encodeEntry([{ op: "create", queue: 1, attributes: {} }], 1_000),
      encodeEntry([{ op: "send", queue: 1, messages: Array(10).fill(one) }], 1_000),
      encodeEntry([{ op: "receive", queue: 1, limit: 4, id: "r" }], 1_500),
      encodeEntry([{ op: "receive", queue: 1, limit: 4, id: "r" }], 1_600),
      encodeEntry(
        [
          {
            op: "tombstone",
            queue: 1,
            leases: [
              [1, 1],
              [9, 9],
            ],
            id: "t",
          },
        ],
        1_700,
      ),
    ];
    entries.forEach((data, i) => {
      follower.apply(logIndex(i + 1), data, undefined);
      if (i >= 2) leader.apply(data);
    });
    expect(follower.chainHash).toBe(leader.machine.chainHash);
    expect(follower.stateHash()).toBe(leader.machine.stateHash());
  });
});

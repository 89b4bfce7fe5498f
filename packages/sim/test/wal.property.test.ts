import type { Placements, RecoveredGroup } from "@kqueuey/storage";
import { describe, expect, test } from "vitest";
import { WalHarness, type WalRunOptions } from "./wal-harness.ts";

/** Seeds 1 … `count`, or as many times more as KQUEUEY_SEEDS says. */
function seeds(count: number): number[] {
  const times = Number(process.env["KQUEUEY_SEEDS"] ?? 1);
  return Array.from({ length: count * times }, (_, i) => i + 1);
}

/** One run: opens, acts at random with crashes, and says what went wrong. */
function runOnce(options: WalRunOptions): string | undefined {
  const harness = new WalHarness(options);
  const opened = harness.open();
  if (opened.kind !== "open") return `not opened: ${opened.kind}`;
  return harness.run(options.actions, options.crashKinds ?? ["power", "process"]);
}

/** A log with some history, all of it durable and confirmed, its process ended. */
function settledLog(seed: number): WalHarness {
  const harness = new WalHarness({ seed, actions: 0 });
  expect(harness.open().kind).toBe("open");
  expect(harness.run(harness.random.between(20, 150), ["power", "process"])).toBeUndefined();
  harness.settle();
  return harness;
}

function segmentFile(id: number): string {
  return `wal/${String(id).padStart(10, "0")}.seg`;
}

describe("the log under random appends, truncations, reclaims and crashes", () => {
  test("recovers everything reported durable and invents nothing", () => {
    for (const seed of seeds(60)) {
      expect(runOnce({ seed, actions: 300 }), `seed ${seed}`).toBeUndefined();
    }
  });

  test("does so when a crash comes in the middle of recovery", () => {
    for (const seed of seeds(25)) {
      const harness = settledLog(seed);
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 10; i++) harness.act([]);
        harness.replayDurable();
        harness.crash(harness.random.pick(["power", "process"]));
        harness.startOpening();
        harness.world.runFor(harness.random.between(0, 60));
        harness.crash(harness.random.pick(["power", "process"]));
        expect(harness.reopen(), `seed ${seed}`).toBeUndefined();
      }
    }
  });
});

describe("the log on a disk that fails now and then", () => {
  test("stops at the first error and loses nothing that it reported", () => {
    let restarts = 0;
    for (const seed of seeds(40)) {
      const harness = new WalHarness({ seed, actions: 0 });
      expect(harness.open().kind).toBe("open");
      harness.medium.faults.syncError = { of: 1, outOf: 100 };
      harness.medium.faults.writeError = { of: 1, outOf: 100 };
      expect(harness.run(300, []), `seed ${seed}`).toBeUndefined();
      restarts += harness.restarts;
    }
    expect(restarts).toBeGreaterThan(40);
  });

  test("waits while it is full, and goes on by itself", () => {
    let full = 0;
    for (const seed of seeds(20)) {
      const harness = new WalHarness({ seed, actions: 0 });
      expect(harness.open().kind).toBe("open");
      harness.medium.faults.capacityBytes = 64 * 1024 * 4;
      expect(harness.run(150, ["power"]), `seed ${seed}`).toBeUndefined();
      if (harness.wal.stats().space === "full") full += 1;
      harness.medium.faults.capacityBytes = Number.MAX_SAFE_INTEGER;
      harness.settle();
      expect(harness.wal.stats().space).toBe("ample");
    }
    expect(full).toBeGreaterThan(5);
  });
});

describe("a disk that lies about syncs is caught by these properties", () => {
  test("when it acknowledges before anything is durable", () => {
    let caught = 0;
    for (const seed of seeds(10)) {
      const faults = { ignoreSync: true };
      if (runOnce({ seed, actions: 200, faults, crashKinds: ["power"] }) !== undefined) caught += 1;
    }
    expect(caught).toBeGreaterThan(7);
  });
});

describe("damage below what was confirmed", () => {
  test("a flipped bit anywhere is damage or changes nothing", () => {
    let damaged = 0;
    for (const seed of seeds(60)) {
      const harness = settledLog(seed);
      const segments = harness.wal.segments();
      harness.crash("power");
      const segment = harness.random.pick(segments);
      // Mostly where something was written: segments are not full.
      const reach = harness.random.chance(3, 4) ? 8_192 : segment.bytes;
      const position = harness.random.between(0, reach - 1);
      harness.medium.flipBit(segmentFile(segment.id), position, harness.random.between(0, 7));
      const opened = harness.open();
      if (opened.kind === "damaged") damaged += 1;
      else {
        const groups = opened.kind === "open" ? opened.recovered.groups : new Map();
        expect(harness.check(groups), `seed ${seed}, ${segment.id} at ${position}`).toBeUndefined();
      }
    }
    expect(damaged).toBeGreaterThan(20);
  });

  test("a flipped bit in the data of an entry of the log is always damage", () => {
    let flips = 0;
    for (const seed of seeds(40)) {
      const harness = settledLog(seed);
      harness.crash("process");
      const opened = harness.open();
      if (opened.kind !== "open") throw new Error("not opened");
      const targets = [...opened.recovered.groups.values()].flatMap(dataOfLog);
      harness.crash("process");
      if (targets.length === 0) continue;
      const target = harness.random.pick(targets);
      const offset = harness.random.between(0, target.length - 1);
      const bit = harness.random.between(0, 7);
      harness.medium.flipBit(segmentFile(target.segment), target.position + offset, bit);
      flips += 1;
      expect(harness.open().kind, `seed ${seed}`).toBe("damaged");
    }
    expect(flips).toBeGreaterThan(20);
  });

  test("a shortened or missing segment in use is always damage", () => {
    for (const seed of seeds(40)) {
      const harness = settledLog(seed);
      const segments = harness.wal.segments();
      harness.crash("power");
      const segment = harness.random.pick(segments);
      const path = segmentFile(segment.id);
      if (harness.random.chance(1, 2)) harness.medium.loseFile(path);
      else harness.medium.cutFile(path, harness.random.between(0, segment.bytes - 1));
      expect(harness.open().kind, `seed ${seed}, ${path}`).toBe("damaged");
      harness.crash("power");
      expect(harness.open().kind, "nothing was cut at the first try").toBe("damaged");
    }
  });
});

interface DataRange {
  readonly segment: number;
  readonly position: number;
  readonly length: number;
}

/** Where the data of the entries of a group's log lies. */
function dataOfLog(found: RecoveredGroup): DataRange[] {
  const ranges: DataRange[] = [];
  for (const { from, placements } of found.placements) {
    for (let i = 0; i < placements.count; i++) {
      if (from + i <= found.compacted.index || placements.length(i) === 0) continue;
      ranges.push(rangeOf(placements, i));
    }
  }
  return ranges;
}

function rangeOf(placements: Placements, ordinal: number): DataRange {
  return {
    segment: placements.segment(ordinal),
    position: placements.position(ordinal),
    length: placements.length(ordinal),
  };
}

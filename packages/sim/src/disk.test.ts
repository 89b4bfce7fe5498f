import { equalBytes, must, Prng } from "@kqueuey/base";
import type { Disk, DiskDone, DiskResult, FileHandle } from "@kqueuey/storage";
import { DISK_CONTRACT } from "@kqueuey/storage/testing";
import { describe, expect, test } from "vitest";
import { type DiskFaults, SimulatedDisk } from "./disk.ts";
import { World } from "./world.ts";

function makeDisk(seed = 1, faults: Partial<DiskFaults> = {}) {
  const world = new World();
  const ports = { schedule: world.schedule.bind(world), random: new Prng(seed) };
  return { world, medium: new SimulatedDisk(ports, faults) };
}

/** Makes a request and lets virtual time pass until it is answered. */
function answered<T>(world: World, request: (done: DiskDone<T>) => void): DiskResult<T> {
  let answer: DiskResult<T> | undefined;
  request((result) => {
    answer = result;
  });
  world.runUntil(() => answer !== undefined, 1_000_000);
  return must(answer, "an answer");
}

function value<T>(world: World, request: (done: DiskDone<T>) => void): T {
  const result = answered(world, request);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** A durable file of `bytes` zeroes named "a", open. */
function durableFile(world: World, disk: Disk, bytes: number, dsync = false): FileHandle {
  const made = value<FileHandle>(world, (done) => disk.open("a", { mode: "create" }, done));
  value<undefined>(world, (done) => disk.allocate(made, bytes, done));
  value<undefined>(world, (done) => disk.syncDirectory("", done));
  return value(world, (done) => disk.open("a", { mode: "write", dsync }, done));
}

const ONES = new Uint8Array(20_000).fill(1);

describe("the simulated disk keeps the Disk contract", () => {
  for (const { title, run } of DISK_CONTRACT) {
    test(title, async () => {
      const { world, medium } = makeDisk();
      await run({
        disk: medium.start(),
        turn: async () => {
          world.step();
        },
      });
    });
  }
});

describe("a loss of power", () => {
  test("keeps what a sync or a dsync write reported, for every seed", () => {
    for (let seed = 0; seed < 50; seed++) {
      for (const dsync of [false, true]) {
        const { world, medium } = makeDisk(seed);
        const disk = medium.start();
        const file = durableFile(world, disk, 30_000, dsync);
        value<undefined>(world, (done) => disk.write(file, 100, [ONES], done));
        if (!dsync) value<undefined>(world, (done) => disk.sync(file, done));
        medium.crash("power");
        expect(equalBytes(medium.contents("a").slice(100, 20_100), ONES)).toBe(true);
      }
    }
  });

  test("loses, keeps or tears what was not synced", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const { world, medium } = makeDisk(seed);
      const disk = medium.start();
      const file = durableFile(world, disk, 20_000);
      value<undefined>(world, (done) => disk.write(file, 0, [ONES], done));
      medium.crash("power");
      const kept = medium.contents("a").reduce((sum, byte) => sum + byte, 0);
      seen.add(kept === 0 ? "lost" : kept === ONES.length ? "kept" : "torn");
    }
    expect([...seen].sort()).toEqual(["kept", "lost", "torn"]);
  });

  test("tears a write under way, and its completion never comes", () => {
    let torn = 0;
    for (let seed = 0; seed < 50; seed++) {
      const { world, medium } = makeDisk(seed, { writeLatencyMs: { from: 5, to: 5 } });
      const disk = medium.start();
      const file = durableFile(world, disk, 20_000, true);
      disk.write(file, 0, [ONES], () => expect.unreachable());
      world.runFor(4);
      medium.crash(seed % 2 === 0 ? "power" : "process");
      world.runFor(100);
      const kept = medium.contents("a").reduce((sum, byte) => sum + byte, 0);
      if (kept > 0 && kept < ONES.length) torn += 1;
    }
    expect(torn).toBeGreaterThan(5);
  });

  test("loses names made since their folder was synced, or not, but keeps their order", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const { world, medium } = makeDisk(seed);
      const disk = medium.start();
      for (const name of ["a", "b", "c"]) {
        value(world, (done) => disk.open(name, { mode: "create" }, done));
        if (name === "a") value<undefined>(world, (done) => disk.syncDirectory("", done));
      }
      medium.crash("power");
      seen.add(
        medium
          .files()
          .map((file) => file.path)
          .join(""),
      );
    }
    expect([...seen].sort()).toEqual(["a", "ab", "abc"]);
  });

  test("finds a rename done or not done, never half", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const { world, medium } = makeDisk(seed);
      const disk = medium.start();
      durableFile(world, disk, 10);
      value<undefined>(world, (done) => disk.rename("a", "b", done));
      medium.crash("power");
      seen.add(
        medium
          .files()
          .map((file) => file.path)
          .join(""),
      );
    }
    expect([...seen].sort()).toEqual(["a", "b"]);
  });
});

describe("faults", () => {
  test("the end of the process alone loses nothing that was written", () => {
    const { world, medium } = makeDisk();
    const disk = medium.start();
    const file = value<FileHandle>(world, (done) => disk.open("a", { mode: "create" }, done));
    value<undefined>(world, (done) => disk.write(file, 0, [ONES], done));
    medium.crash("process");
    expect(medium.contents("a")).toEqual(ONES);
  });

  test("what a failed sync left behind is not saved by the next one", () => {
    const { world, medium } = makeDisk();
    const disk = medium.start();
    const file = durableFile(world, disk, 20_000);
    value<undefined>(world, (done) => disk.write(file, 0, [ONES], done));
    medium.faults.syncError = { of: 1, outOf: 1 };
    expect(answered<undefined>(world, (done) => disk.sync(file, done)).ok).toBe(false);
    medium.faults.syncError = { of: 0, outOf: 1 };
    value<undefined>(world, (done) => disk.sync(file, done));
    expect(value(world, (done) => disk.read(file, 0, 3, done))).toEqual(ONES.slice(0, 3));
    medium.crash("power");
    expect(medium.contents("a")).toEqual(new Uint8Array(20_000));
  });

  test("a full disk refuses growth and takes writes inside files", () => {
    const { world, medium } = makeDisk(1, { capacityBytes: 25_000 });
    const disk = medium.start();
    const file = durableFile(world, disk, 20_000);
    const grown = answered<undefined>(world, (done) => disk.write(file, 10_000, [ONES], done));
    expect(grown).toMatchObject({ ok: false, error: { code: "no-space" } });
    value<undefined>(world, (done) => disk.write(file, 0, [ONES], done));
    medium.faults.capacityBytes = 50_000;
    value<undefined>(world, (done) => disk.write(file, 10_000, [ONES], done));
  });

  test("an image restores everything as it was, whatever was written since", () => {
    const { world, medium } = makeDisk();
    let disk = medium.start();
    const file = durableFile(world, disk, 20_000);
    const image = medium.image();
    value<undefined>(world, (done) => disk.write(file, 0, [ONES], done));
    medium.crash("process");
    medium.restore(image);
    expect(medium.contents("a")).toEqual(new Uint8Array(20_000));
    medium.wipe();
    expect(medium.files()).toEqual([]);
    medium.restore(image);
    disk = medium.start();
    expect(value(world, (done) => disk.list("", done))).toHaveLength(1);
  });

  test("flips, cuts and losses are on the medium", () => {
    const { world, medium } = makeDisk();
    const disk = medium.start();
    durableFile(world, disk, 20_000);
    medium.crash("power");
    medium.flipBit("a", 19_999, 3);
    expect(medium.contents("a")[19_999]).toBe(8);
    medium.cutFile("a", 5_000);
    expect(medium.files()).toEqual([{ path: "a", bytes: 5_000 }]);
    medium.crash("power");
    expect(medium.files()).toEqual([{ path: "a", bytes: 5_000 }]);
    medium.loseFile("a");
    medium.crash("power");
    expect(medium.files()).toEqual([]);
  });

  test("a buffer that changes while it is being written is a programmer error", () => {
    const { world, medium } = makeDisk();
    const disk = medium.start();
    const file = durableFile(world, disk, 100);
    const bytes = Uint8Array.of(1, 2, 3);
    disk.write(file, 0, [bytes], () => expect.unreachable());
    bytes[0] = 9;
    expect(() => world.runFor(10)).toThrow("bytes changed");
  });

  test("equal seeds give equal runs", () => {
    const run = (seed: number): string => {
      const { world, medium } = makeDisk(seed);
      const disk = medium.start();
      const file = durableFile(world, disk, 20_000);
      value<undefined>(world, (done) => disk.write(file, 0, [ONES], done));
      medium.crash("power");
      return `${world.nowMs} ${medium.contents("a").join("")}`;
    };
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
  });
});

/**
 * Faults planted below and above the store: each breaks one of the orders that it relies on, and the
 * random runs must notice. A run that would pass over them proves nothing.
 */
import { assert, logIndex, Prng } from "@kqueuey/base";
import type { Disk, FileHandle } from "@kqueuey/storage";
import { describe, expect, test } from "vitest";
import { live, StoreHarness } from "./store-harness.ts";

/** A disk on which syncs of files that `lies` accepts do nothing. */
function lyingDisk(disk: Disk, lies: (path: string) => boolean): Disk {
  const paths = new Map<FileHandle, string>();
  return {
    open: (path, options, done) => {
      const honest = lies(path) ? { mode: options.mode } : options;
      disk.open(path, honest, (opened) => {
        if (opened.ok) paths.set(opened.value, path);
        done(opened);
      });
    },
    sync: (file, done) => {
      if (!lies(paths.get(file) ?? "")) disk.sync(file, done);
      else disk.size(file, (size) => done(size.ok ? { ok: true, value: undefined } : size));
    },
    syncDirectory: (path, done) => {
      if (!lies(`${path}/`)) disk.syncDirectory(path, done);
      else disk.list(path, (listed) => done(listed.ok ? { ok: true, value: undefined } : listed));
    },
    close: (file, done) => disk.close(file, done),
    allocate: (file, bytes, done) => disk.allocate(file, bytes, done),
    write: (file, position, chunks, done) => disk.write(file, position, chunks, done),
    read: (file, position, length, done) => disk.read(file, position, length, done),
    size: (file, done) => disk.size(file, done),
    truncate: (file, bytes, done) => disk.truncate(file, bytes, done),
    rename: (from, to, done) => disk.rename(from, to, done),
    remove: (path, done) => disk.remove(path, done),
    makeDirectory: (path, done) => disk.makeDirectory(path, done),
    list: (path, done) => disk.list(path, done),
    freeBytes: (done) => disk.freeBytes(done),
  };
}

/** Whether one of a number of runs notices what was planted. */
function isNoticed(run: (seed: number) => void): boolean {
  for (let seed = 0; seed < 60; seed++) {
    try {
      run(seed);
    } catch {
      return true;
    }
  }
  return false;
}

function small(seed: number, between?: (disk: Disk) => Disk): StoreHarness {
  const options = { cacheBytesMax: 0, bodySegmentBytes: 8 * 1024 };
  return new StoreHarness(
    new Prng(seed),
    between === undefined ? options : { ...options, between },
  );
}

describe("a planted fault is noticed", () => {
  test.each([
    ["the log is not durable when it says so: checkpoints run ahead of it", /^wal\/\d/],
    ["page files are not durable when the manifest names them", /pages-/],
    ["body segments are not durable when the map points at them", /bodies-/],
    ["a manifest's name is not durable when older files are removed", /gen-\d+\/$/],
  ])("%s", (_, pattern) => {
    const lies = (path: string): boolean => pattern.test(path);
    expect(
      isNoticed((seed) =>
        live(
          small(seed, (disk) => lyingDisk(disk, lies)),
          250,
        ),
      ),
    ).toBe(true);
  });

  test("the same runs without a fault pass", () => {
    for (let seed = 0; seed < 6; seed++) live(small(seed), 250);
  });

  test("space is given back too early: a living body is reported dead", () => {
    expect(
      isNoticed((seed) => {
        const harness = small(seed);
        harness.start();
        for (let round = 0; round < 30; round++) {
          harness.append(4, { bodyBytesMax: 2_000, kills: 1 });
          harness.settle();
        }
        // The machine goes on referring to the body; the store believes that it is gone.
        const [entry] = [...harness.machine.live.keys()];
        assert(entry !== undefined, "something is alive");
        const count = harness.machine.live.get(entry)?.size ?? 0;
        harness.store.bodiesDied(logIndex(entry), count);
        harness.finishCheckpoint();
        harness.run(10_000);
        harness.checkBodies();
      }),
    ).toBe(true);
  });

  test("compaction is not told of a living body", () => {
    expect(
      isNoticed((seed) => {
        const harness = small(seed);
        harness.start();
        const { machine } = harness;
        const visitAll = machine.visitLiveBodies.bind(machine);
        machine.visitLiveBodies = (range, visit) => {
          let at = 0;
          visitAll(range, (entry, offset) => {
            at += 1;
            if (at % 5 !== 0) visit(entry, offset);
          });
        };
        for (let round = 0; round < 40; round++) {
          harness.append(4, { bodyBytesMax: 2_000, kills: 4 });
          harness.settle();
        }
        harness.finishCheckpoint();
        harness.run(10_000);
        harness.checkBodies();
      }),
    ).toBe(true);
  });
});

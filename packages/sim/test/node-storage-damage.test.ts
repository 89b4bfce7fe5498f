/** Damage in any kind of file is met, named, and never served; the node comes back empty-handed, in probation. */
import { assert, Prng } from "@kqueuey/base";
import { describe, expect, test, vi } from "vitest";
import { StoreHarness } from "./store-harness.ts";

// Whole nodes live through whole lives here: seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** A node with a checkpoint, bodies in the log and bodies that were moved out of it. */
function prepared(seed: number): StoreHarness {
  const harness = new StoreHarness(new Prng(seed), { cacheBytesMax: 0 });
  harness.start();
  for (let round = 0; round < 40; round++) {
    harness.append(5, { bodyBytesMax: 1500, kills: 0 });
    harness.settle();
  }
  harness.finishCheckpoint();
  // Two thirds die, all over the place: the segments of the log become mostly dead and are copied.
  const goal = harness.machine.refs().length / 3;
  while (harness.machine.refs().length > goal) {
    harness.append(1, { bodyBytesMax: 20, kills: 10 });
    harness.settle();
  }
  harness.finishCheckpoint();
  harness.run(8_000);
  harness.finishCheckpoint();
  harness.append(4, { bodyBytesMax: 1500, kills: 0 });
  harness.settle();
  return harness;
}

/** Every file of the node whose path matches. */
function filesLike(harness: StoreHarness, pattern: RegExp): string[] {
  return harness.disk
    .files()
    .filter((file) => pattern.test(file.path) && file.bytes > 0)
    .map((file) => file.path);
}

/** Whether the next start, or reading everything after it, says that the store is damaged. */
function damageIsMet(harness: StoreHarness): boolean {
  harness.crash("process");
  const opened = harness.open();
  assert(opened.ok, "a damaged store still opens");
  if (harness.store.recovered.damage !== undefined) {
    expect(harness.store.recovered.checkpoint).toBeUndefined();
    expect(harness.store.recovered.last.index).toBe(0);
    return true;
  }
  try {
    harness.restore();
    harness.checkBodies();
    harness.checkEntries(1);
  } catch (error) {
    harness.run(100);
    assert(harness.failure?.code === "damaged", `damage is named: ${String(error)}`);
    return true;
  }
  return false;
}

const BLOCK_BYTES = 4096;

interface GroupAt {
  readonly path: string;
  readonly at: number;
}

/** Two write groups of one block each, with bodies of which each has a whole record where the other has one. */
function alikeGroups(harness: StoreHarness): readonly [GroupAt, GroupAt] {
  const seen = new Map<string, GroupAt>();
  for (const path of filesLike(harness, /wal\/.*seg$/)) {
    const contents = harness.disk.contents(path);
    for (let at = BLOCK_BYTES; at < contents.length; at += BLOCK_BYTES) {
      const header = Buffer.from(contents.subarray(at, at + 64));
      const dataBytes = header.readUInt32LE(48);
      if (header.toString("latin1", 0, 4) !== "KQWG" || dataBytes <= 4) continue;
      const shape = `${header.readUInt32LE(40)} ${header.readUInt32LE(44)} ${dataBytes}`;
      const other = seen.get(shape);
      if (other !== undefined) return [other, { path, at }];
      seen.set(shape, { path, at });
    }
  }
  throw new Error("two write groups are alike");
}

describe("damage", () => {
  test("the prepared store uses every kind of file", () => {
    const harness = prepared(1);
    for (const pattern of [/manifest$/, /pages-/, /bodies-/, /wal\//]) {
      expect(filesLike(harness, pattern).length, String(pattern)).toBeGreaterThan(0);
    }
    expect(harness.store.stats().bodySegments).toBeGreaterThan(0);
  });

  test.each([
    ["manifest", /manifest$/],
    ["page file", /pages-/],
  ])("a flipped bit in a %s is met at the next start", (_, pattern) => {
    const random = new Prng(7);
    let met = 0;
    const rounds = 12;
    for (let round = 0; round < rounds; round++) {
      const harness = prepared(round + 10);
      const path = random.pick(filesLike(harness, pattern));
      const bytes = harness.disk.contents(path).length;
      harness.disk.flipBit(path, random.between(0, bytes - 1), random.between(0, 7));
      if (damageIsMet(harness)) met += 1;
    }
    // A page file also holds units that nothing names any more: a flip there changes nothing.
    expect(met).toBeGreaterThanOrEqual(pattern.source === "manifest$" ? rounds : rounds / 2);
  });

  test("a flipped bit in a body segment or the log is met before the body is given out", () => {
    const random = new Prng(8);
    let met = 0;
    for (let round = 0; round < 16; round++) {
      const harness = prepared(round + 30);
      const path = random.pick(filesLike(harness, round % 2 === 0 ? /bodies-/ : /wal\/.*seg$/));
      const bytes = harness.disk.contents(path).length;
      harness.disk.flipBit(path, random.between(0, bytes - 1), random.between(0, 7));
      // What is not met was not needed: everything that was read was compared with the model.
      if (damageIsMet(harness)) met += 1;
    }
    expect(met).toBeGreaterThan(4);
  });

  test("a body is not given out for another one over which its write group went astray", () => {
    const harness = new StoreHarness(new Prng(9), { cacheBytesMax: 0 });
    harness.start();
    for (let round = 0; round < 40; round++) {
      harness.append(1, { bodyBytesMax: 1, kills: 0 });
      harness.settle();
    }
    const [over, astray] = alikeGroups(harness);
    const { disk } = harness;
    disk.overwrite(over.path, over.at, disk.peek(astray.path, astray.at, BLOCK_BYTES));
    expect(() => harness.checkBodies()).toThrow();
    harness.run(100);
    expect(harness.failure?.code).toBe("damaged");
    expect(harness.failure?.message).toContain("an entry's checksum");
  });

  test("a missing or cut file is met at the next start", () => {
    for (const pattern of [/manifest$/, /pages-/, /bodies-/, /current$/]) {
      const lost = prepared(50);
      for (const path of filesLike(lost, pattern)) lost.disk.loseFile(path);
      const isCurrent = pattern.source === "current$";
      // Without `current` the newest generation that there can be is the first: the same.
      expect(damageIsMet(lost), `lost ${pattern}`).toBe(!isCurrent);
      const cut = prepared(51);
      for (const path of filesLike(cut, pattern)) cut.disk.cutFile(path, 10);
      expect(damageIsMet(cut), `cut ${pattern}`).toBe(true);
    }
  });

  test("a lost log is not taken for a fresh directory", () => {
    const harness = prepared(60);
    for (const path of filesLike(harness, /^wal\//)) harness.disk.loseFile(path);
    expect(damageIsMet(harness)).toBe(true);
    expect(harness.storage?.fresh).toBe(false);
    expect(harness.storage?.damage?.message).toContain("the log is gone");
  });

  test("damage met while running is remembered by the next start, which sets the state aside", () => {
    const harness = prepared(70);
    harness.crash("process");
    const paths = filesLike(harness, /bodies-/);
    harness.start();
    for (const path of paths) {
      const bytes = harness.disk.contents(path).length;
      for (let at = 40; at < bytes; at += 50) harness.disk.flipBit(path, at, 3);
    }
    expect(() => harness.checkBodies()).toThrow();
    harness.run(100);
    expect(harness.failure?.code).toBe("damaged");
    harness.crash("process");
    const opened = harness.open();
    assert(opened.ok, "it opens");
    expect(harness.store.recovered.damage?.message).toContain("when the node last ran");
    expect(harness.store.recovered.hardState).toBeDefined();
    expect(harness.store.recovered.last.index).toBe(0);
    expect(filesLike(harness, /damaged-gen-/).length).toBeGreaterThan(0);
    expect(filesLike(harness, /groups\/00000\/damaged$/)).toEqual([]);
  });

  test("after damage the node begins anew and keeps what it is given then", () => {
    const harness = prepared(80);
    const [path] = filesLike(harness, /manifest$/);
    assert(path !== undefined, "a manifest");
    harness.disk.flipBit(path, 30, 1);
    expect(damageIsMet(harness)).toBe(true);
    harness.forget();
    harness.restore();
    harness.append(5, { bodyBytesMax: 100, kills: 0 });
    harness.settle();
    harness.finishCheckpoint();
    harness.crash("power");
    harness.start();
    harness.checkBodies();
  });
});

/** A full disk stops what grows and lets go on what makes room; nothing is corrupted meanwhile. */
import { Prng } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { StoreHarness } from "./store-harness.ts";

function usedBytes(harness: StoreHarness): number {
  return harness.disk.files().reduce((sum, file) => sum + file.bytes, 0);
}

describe("a full disk", () => {
  test("takes the checkpoint that frees it, from the reserve", () => {
    const harness = new StoreHarness(new Prng(1), { cacheBytesMax: 0 });
    harness.start();
    for (let round = 0; round < 60; round++) {
      harness.append(4, { bodyBytesMax: 3_000, kills: 0 });
      harness.settle();
    }
    while (harness.machine.refs().length > 5) {
      harness.append(1, { bodyBytesMax: 10, kills: 20 });
      harness.settle();
    }
    harness.run(1_000);
    harness.disk.faults.capacityBytes = usedBytes(harness);
    const before = usedBytes(harness);
    harness.finishCheckpoint();
    harness.run(20_000);
    harness.finishCheckpoint();
    harness.run(20_000);
    expect(usedBytes(harness)).toBeLessThan(before / 2);
    expect(harness.failure).toBeUndefined();
    harness.checkBodies();
    harness.crash("power");
    harness.start();
    harness.checkBodies();
  });

  test("fails a checkpoint that finds no room at all, and the next one is whole", () => {
    const harness = new StoreHarness(new Prng(2), { cacheBytesMax: 0 });
    harness.start();
    for (let round = 0; round < 30; round++) {
      harness.append(4, { bodyBytesMax: 2_000, kills: 1 });
      harness.settle();
    }
    harness.finishCheckpoint();
    harness.run(100);
    for (let round = 0; round < 5; round++) {
      harness.append(1, { bodyBytesMax: 100, kills: 3 });
      harness.settle();
    }
    harness.disk.faults.capacityBytes = 0;
    const taken = harness.checkpoints;
    for (let round = 0; round < 5; round++) {
      harness.checkpoint();
      harness.run(2_000);
    }
    expect(harness.checkpoints).toBe(taken);
    expect(harness.store.stats().noSpace).toBe(true);
    expect(harness.failure).toBeUndefined();
    harness.checkBodies();
    harness.crash("power");
    harness.disk.faults.capacityBytes = Number.MAX_SAFE_INTEGER;
    harness.start();
    harness.checkBodies();
    harness.finishCheckpoint();
    expect(harness.store.stats().noSpace).toBe(false);
    harness.crash("power");
    harness.start();
    harness.checkBodies();
  });
});

/** The store of a node under random work and random crashes keeps what it promised. */
import { Prng } from "@kqueuey/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { live, StoreHarness } from "./store-harness.ts";

/** A node with bounds so small that everything happens within a few hundred steps. */
function smallNode(seed: number): StoreHarness {
  const random = new Prng(seed);
  return new StoreHarness(random, {
    cacheBytesMax: random.pick([0, 4 * 1024, 64 * 1024]),
    bodySegmentBytes: random.pick([8 * 1024, 64 * 1024]),
  });
}

describe("a node's store", () => {
  test("keeps log, state and bodies through work and crashes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fff_ffff }), (seed) => {
        live(smallNode(seed), 250);
      }),
      { numRuns: 40 },
    );
  });

  test("moves bodies, takes checkpoints and restarts from them in those runs", () => {
    let moved = 0;
    let checkpoints = 0;
    let restarts = 0;
    let reclaimed = 0;
    for (let seed = 0; seed < 12; seed++) {
      const harness = smallNode(seed);
      live(harness, 250);
      if (harness.bodySegmentsMost > 0) moved += 1;
      if (harness.store.firstIndex() > 1) reclaimed += 1;
      checkpoints += harness.checkpoints;
      restarts += harness.restarts;
    }
    expect(moved).toBeGreaterThan(2);
    expect(reclaimed).toBeGreaterThan(2);
    expect(checkpoints).toBeGreaterThan(50);
    expect(restarts).toBeGreaterThan(30);
  });

  test("gives the space of dead bodies back", () => {
    const harness = smallNode(4242);
    live(harness, 400);
    for (let round = 0; round < 40; round++) {
      harness.append(5, { bodyBytesMax: 10, kills: 100 });
      harness.settle();
    }
    for (let round = 0; round < 3; round++) {
      harness.finishCheckpoint();
      harness.run(8_000);
    }
    const bytes = harness.disk.files().reduce((sum, file) => sum + file.bytes, 0);
    expect(harness.machine.refs().length).toBeLessThan(100);
    expect(bytes).toBeLessThan(1024 * 1024);
    harness.checkBodies();
  });
});

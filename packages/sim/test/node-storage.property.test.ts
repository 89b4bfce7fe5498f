/** The store of a node under random work and random crashes keeps what it promised. */
import { assert, Prng } from "@kqueuey/base";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StoreHarness } from "./store-harness.ts";

/** A life of a node: random work, crashes in between, a check of everything at the end. */
function live(seed: number, steps: number): StoreHarness {
  const random = new Prng(seed);
  const harness = new StoreHarness(random, {
    cacheBytesMax: random.pick([0, 4 * 1024, 64 * 1024]),
    bodySegmentBytes: random.pick([8 * 1024, 64 * 1024]),
  });
  harness.start();
  const bodyBytesMax = random.pick([60, 800, 6000]);
  const kills = random.pick([1, 3, 6]);
  for (let step = 0; step < steps; step++) {
    const draw = random.between(1, 100);
    if (draw <= 45) harness.append(random.between(1, 5), { bodyBytesMax, kills });
    else if (draw <= 65) harness.apply(random.between(1, 20));
    else if (draw <= 75) harness.run(random.between(10, 300));
    else if (draw <= 82) harness.checkpoint();
    else if (draw <= 90) harness.checkBodies(20);
    else if (draw <= 94) harness.checkEntries(random.between(1, harness.last + 1));
    else if (draw <= 96) harness.overwrite();
    else if (draw <= 98) harness.store.pump(1024);
    else {
      harness.crash(random.pick(["power", "process"]));
      harness.start();
    }
    assert(harness.failure === undefined, JSON.stringify(harness.failure) ?? "");
  }
  harness.settle();
  harness.checkBodies();
  harness.crash("power");
  harness.start();
  harness.checkBodies();
  return harness;
}

describe("a node's store", () => {
  test("keeps log, state and bodies through work and crashes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fff_ffff }), (seed) => {
        live(seed, 250);
      }),
      { numRuns: 40 },
    );
  });

  test("gives the space of dead bodies back", () => {
    const harness = live(4242, 400);
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

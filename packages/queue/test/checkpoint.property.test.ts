/**
 * Any prefix, checkpoint, restore, suffix gives what the whole log gives: equal outcomes, running hash
 * and state hash at every index. The checkpoint is pumped in slices while further entries are applied.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { QueueMachine } from "../src/index.ts";
import {
  applyEntry,
  checkpoint,
  Driver,
  encodeEntry,
  restore,
  type UnitStore,
  withMoreTokens,
} from "./driver.ts";
import { type DrawnEntry, histories, runs, Scenario } from "./scenario.ts";

/** What a machine said and was, after one entry. */
interface Step {
  readonly data: Uint8Array;
  readonly outcomes: string;
  readonly chain: string;
  readonly state: string;
}

/**
 * A machine with the scenario's queues. Lease counters of some are as they become after years: so tokens of one page
 * lie on both sides of 2^32, or far from its outbox numbers.
 */
function begin(scenario: Scenario): Driver {
  const driver = new Driver();
  driver.run(scenario.begin(), scenario.timeMs);
  let machine = withMoreTokens(driver.machine, 1, 0xffff_fff8);
  machine = withMoreTokens(machine, 3, 0x123_4567_89ab);
  driver.replace(machine);
  return driver;
}

/** The whole log on one machine, with all there is to compare. */
function record(history: readonly DrawnEntry[]): Step[] {
  const scenario = new Scenario();
  const driver = begin(scenario);
  const run = (data: Uint8Array): Step => {
    const outcomes = driver.apply(data);
    scenario.learn(outcomes);
    return step(driver.machine, data, outcomes);
  };
  return history.map((entry) => {
    const commands = scenario.read(entry);
    return run(encodeEntry(commands, scenario.timeMs, undefined, scenario.wallMs(entry)));
  });
}

function step(machine: QueueMachine, data: Uint8Array, outcomes: unknown): Step {
  return {
    data,
    outcomes: JSON.stringify(outcomes),
    chain: machine.chainHash,
    state: machine.stateHash(),
  };
}

/** Applies `steps` from `from` to `to` (exclusive) and compares each. */
function follow(
  machine: QueueMachine,
  steps: readonly Step[],
  range: readonly [number, number],
): void {
  for (let i = range[0]; i < Math.min(range[1], steps.length); i++) {
    const expected = steps[i];
    if (expected === undefined) return;
    const outcomes = applyEntry(machine, i + 2, expected.data);
    expect({ at: i, ...step(machine, expected.data, outcomes) }).toEqual({ at: i, ...expected });
    expect(machine.checkInvariants()).toBeUndefined();
  }
}

function restored(store: UnitStore): QueueMachine {
  const machine = restore(store);
  if (typeof machine === "string") throw new Error(machine);
  return machine;
}

describe("a checkpoint", () => {
  it("and the rest of the log make what the whole log makes", () => {
    const cuts = fc.record({
      first: fc.nat(40),
      slice: fc.integer({ min: 1, max: 3 }),
      bytes: fc.constantFrom(1, 200, 2_000),
      second: fc.nat(20),
      failFirst: fc.boolean(),
      fail: fc.boolean(),
    });
    fc.assert(
      fc.property(histories(60), cuts, (history, cut) => {
        const steps = record(history);
        const driver = begin(new Scenario());
        const store: UnitStore = new Map();
        let at = Math.min(cut.first, steps.length);
        follow(driver.machine, steps, [0, at]);
        const between = (): void => {
          follow(driver.machine, steps, [at, at + cut.slice]);
          at = Math.min(at + cut.slice, steps.length);
        };
        const options = { mode: "full", bytes: cut.bytes, between } as const;

        if (cut.failFirst) failedCheckpoint(driver.machine, options);
        const firstAt = at;
        checkpoint(driver.machine, store, options);
        follow(restored(store), steps, [firstAt, steps.length]);

        follow(driver.machine, steps, [at, at + cut.second]);
        at = Math.min(at + cut.second, steps.length);
        if (cut.fail) failedCheckpoint(driver.machine, { ...options, mode: "changed" });
        const secondAt = at;
        checkpoint(driver.machine, store, { ...options, mode: "changed" });
        const second = restored(store);
        if (secondAt > 0) expect(second.stateHash()).toBe(steps[secondAt - 1]?.state);
        follow(second, steps, [secondAt, steps.length]);
        follow(driver.machine, steps, [at, steps.length]);
      }),
      { numRuns: runs(50) },
    );
  });

  it("holds each unit once, however its keys are ordered", () => {
    fc.assert(
      fc.property(histories(30), fc.integer(), (history, shuffle) => {
        const steps = record(history);
        const driver = begin(new Scenario());
        follow(driver.machine, steps, [0, steps.length]);
        const store: UnitStore = new Map();
        checkpoint(driver.machine, store, { mode: "full" });
        const order = [...store].sort(
          ([a], [b]) =>
            (Math.imul(a + shuffle, 0x9e3779b1) >>> 0) - (Math.imul(b + shuffle, 0x9e3779b1) >>> 0),
        );
        expect(restored(new Map(order)).stateHash()).toBe(driver.machine.stateHash());
      }),
      { numRuns: runs(20) },
    );
  });

  it("that is damaged gives an error text, or another state that keeps every invariant", () => {
    fc.assert(
      fc.property(
        histories(25),
        fc.array(
          fc.record({ unit: fc.nat(), at: fc.nat(), xor: fc.integer({ min: 1, max: 255 }) }),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        fc.nat(9),
        (history, damages, cut) => {
          const driver = begin(new Scenario());
          const steps = record(history);
          for (const { data } of steps) driver.apply(data);
          const store: UnitStore = new Map();
          checkpoint(driver.machine, store, { mode: "full" });
          const keys = [...store.keys()];
          for (const { unit, at, xor } of damages) {
            const bytes = store.get(keys[unit % keys.length] ?? 0);
            if (bytes === undefined || bytes.length === 0) continue;
            bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ xor;
          }
          if (cut < 2) {
            const key = keys[(damages[0]?.unit ?? 0) % keys.length] ?? 0;
            store.set(key, (store.get(key) ?? new Uint8Array()).slice(0, damages[0]?.at ?? 0));
          }
          if (cut === 9) store.delete(keys[(damages[0]?.unit ?? 0) % keys.length] ?? 0);
          const machine = restore(store);
          if (typeof machine === "string") expect(machine).not.toBe("");
          else expect(machine.checkInvariants()).toBeUndefined();
        },
      ),
      { numRuns: runs(150) },
    );
  });
});

function failedCheckpoint(
  machine: QueueMachine,
  options: { mode: "full" | "changed"; bytes: number; between: () => void },
): void {
  machine.beginCheckpoint(options.mode);
  machine.nextCheckpointUnits(options.bytes);
  options.between();
  machine.nextCheckpointUnits(options.bytes);
  machine.endCheckpoint(false);
}

/** Delays of up to a year, extensions that revive, and the bound on what is in flight that a receive may bring. */
import { describe, expect, it } from "vitest";
import { queueId, SETTLED, validateCommand } from "../src/index.ts";
import {
  checkpoint,
  Driver,
  encodeCommand,
  restore,
  type TestCommand,
  type UnitStore,
} from "./driver.ts";

const one = { size: 0 };
const YEAR_MS = 31_536_000_000;

function filled(count: number, delayMs?: number): Driver {
  const driver = new Driver();
  driver.run([{ op: "create", queue: 1, attributes: { retentionMs: 2 * YEAR_MS } }], 1_000);
  driver.run([{ op: "send", queue: 1, messages: Array(count).fill({ ...one, delayMs }) }]);
  return driver;
}

function counters(driver: Driver): unknown {
  const { available, inFlight, delayed } = driver.machine.describe(queueId(1)) ?? {};
  return { available, inFlight, delayed };
}

describe("a bound on what is in flight", () => {
  const receive = { op: "receive", queue: 1, limit: 10, inFlightMax: 13 } as const;

  it("lets a receive take what is left of it, and refuses the next one", () => {
    const driver = filled(40);
    driver.run([receive]);
    const [rest] = driver.run([receive]);
    expect(rest).toMatchObject({ kind: "granted", count: 3 });
    const [refused] = driver.run([receive]);
    expect(refused).toEqual({ kind: "refused", reason: "in-flight-limit" });
    expect(counters(driver)).toEqual({ available: 27, inFlight: 13, delayed: 0 });
  });

  it("does not bind a receive that does not bring it", () => {
    const driver = filled(40);
    driver.run([receive, receive]);
    const [granted] = driver.run([{ op: "receive", queue: 1, limit: 20 }]);
    expect(granted).toMatchObject({ kind: "granted", count: 20 });
  });

  it("makes room again when a lease ends", () => {
    const driver = filled(40);
    driver.run([{ ...receive, visibilityMs: 500 }, receive]);
    expect(driver.run([receive])[0]).toMatchObject({ kind: "refused" });
    driver.run([], driver.timeMs + 500);
    expect(driver.run([receive])[0]).toMatchObject({ kind: "granted", count: 10 });
  });

  it("is not remembered for a retry that was refused: the same request may succeed later", () => {
    const driver = filled(40);
    driver.run([{ ...receive, visibilityMs: 500 }, receive]);
    const again: TestCommand = { ...receive, id: "a" };
    expect(driver.run([again])[0]).toMatchObject({ kind: "refused" });
    driver.run([], driver.timeMs + 500);
    expect(driver.run([again])[0]).toMatchObject({ kind: "granted", count: 10 });
  });
});

describe("a long delay", () => {
  it.each([2 ** 31 - 1, 2 ** 31, YEAR_MS])("of %d ms ends when it ends", (delayMs) => {
    const driver = filled(1, delayMs);
    expect(counters(driver)).toEqual({ available: 0, inFlight: 0, delayed: 1 });
    // Above 2^31 ms a delay is kept in whole seconds, rounded up.
    const endMs = delayMs < 2 ** 31 ? delayMs : Math.ceil(delayMs / 1_000) * 1_000;
    driver.run([], driver.timeMs + endMs - 1);
    expect(counters(driver)).toEqual({ available: 0, inFlight: 0, delayed: 1 });
    driver.run([], driver.timeMs + 1);
    expect(counters(driver)).toEqual({ available: 1, inFlight: 0, delayed: 0 });
  });

  it("is the same after a restore", () => {
    const driver = filled(3, YEAR_MS);
    const store: UnitStore = new Map();
    checkpoint(driver.machine, store, { mode: "full" });
    const machine = restore(store);
    if (typeof machine === "string") throw new Error(machine);
    expect(machine.stateHash()).toBe(driver.machine.stateHash());
    const other = new Driver();
    other.index = driver.index;
    other.timeMs = driver.timeMs;
    other.replace(machine);
    other.run([], other.timeMs + YEAR_MS - 1);
    expect(counters(other)).toEqual({ available: 0, inFlight: 0, delayed: 3 });
    other.run([], other.timeMs + 1);
    expect(counters(other)).toEqual({ available: 3, inFlight: 0, delayed: 0 });
  });

  it("may be a queue's own", () => {
    const driver = filled(1);
    const attributes = { delayMs: YEAR_MS, retentionMs: 2 * YEAR_MS };
    driver.run([{ op: "create", queue: 2, attributes }]);
    expect(driver.machine.describe(queueId(2))?.attributes).toMatchObject(attributes);
  });

  it("of more than a year makes a command malformed", () => {
    const send = (delayMs: number): Uint8Array =>
      encodeCommand({ op: "send", queue: 1, messages: [{ size: 0, delayMs }] });
    expect(validateCommand(send(YEAR_MS))).toMatchObject({ ok: true, kind: "send" });
    expect(validateCommand(send(YEAR_MS + 1))).toMatchObject({ ok: false });
  });
});

describe("an extension of a lease that is over", () => {
  const receive = { op: "receive", queue: 1, limit: 1, visibilityMs: 500 } as const;

  function over(): { driver: Driver; extend: (ms: number) => TestCommand } {
    const driver = filled(1);
    driver.run([receive]);
    driver.run([], driver.timeMs + 500);
    expect(counters(driver)).toEqual({ available: 1, inFlight: 0, delayed: 0 });
    return {
      driver,
      extend: (ms) => ({ op: "extend", queue: 1, leases: [[1, 1, ms]], revives: true }),
    };
  }

  it("hides the message again while nobody was given it, if it says so", () => {
    const { driver, extend } = over();
    const plain = { ...extend(1_000), revives: false };
    expect(driver.run([plain])[0]).toMatchObject({ results: [SETTLED.notInFlight] });
    expect(driver.run([extend(1_000)])[0]).toMatchObject({ results: [SETTLED.ok] });
    expect(counters(driver)).toEqual({ available: 0, inFlight: 1, delayed: 0 });
    driver.run([], driver.timeMs + 1_000);
    expect(counters(driver)).toEqual({ available: 1, inFlight: 0, delayed: 0 });
  });

  it("leaves it visible when it asks for no time", () => {
    const { driver, extend } = over();
    expect(driver.run([extend(0)])[0]).toMatchObject({ results: [SETTLED.ok] });
    expect(counters(driver)).toEqual({ available: 1, inFlight: 0, delayed: 0 });
  });

  it("does nothing once another holds it", () => {
    const { driver, extend } = over();
    driver.run([receive]);
    expect(driver.run([extend(1_000)])[0]).toMatchObject({ results: [SETTLED.stale] });
  });

  it("counts from the receive towards the twelve hours", () => {
    const { driver, extend } = over();
    expect(driver.run([extend(43_200_000)])[0]).toMatchObject({ results: [SETTLED.tooLong] });
    expect(driver.run([extend(43_199_500)])[0]).toMatchObject({ results: [SETTLED.ok] });
  });
});

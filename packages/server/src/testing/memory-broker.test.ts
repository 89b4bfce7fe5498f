/** The in-memory broker keeps the rules that tests of the APIs lean on. */
import { encodeUtf8 } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import { beforeEach, describe, expect, test } from "vitest";
import type { CallContext, Delivery, NewMessage } from "../broker.ts";
import { MemoryBroker } from "./memory-broker.ts";
import { ManualClock } from "./timer-clock.ts";

let clock: ManualClock;
let broker: MemoryBroker;
const call: CallContext = { principal: "tester", signal: new AbortController().signal };

function message(text: string, delayMs?: number): NewMessage {
  const body = encodeUtf8(text);
  return delayMs === undefined ? { body, attributes: [] } : { body, delayMs, attributes: [] };
}

function bodies(delivery: Delivery): string[] {
  return delivery.messages.map(({ body }) => Buffer.from(body).toString());
}

async function create(name: string, attributes = {}): Promise<void> {
  await broker.createQueue(call, name, { attributes, extra: {}, tags: {} });
}

async function receive(name: string, maxMessages = 10): Promise<Delivery> {
  return broker.receive(call, name, { maxMessages, waitMs: 0 });
}

beforeEach(async () => {
  clock = new ManualClock();
  broker = new MemoryBroker(clock);
  await create("q");
});

describe("MemoryBroker", () => {
  test("a lease hides a message until its deadline, then it comes first with a higher count", async () => {
    await broker.send(call, "q", [message("a"), message("b")]);
    expect(bodies(await receive("q", 1))).toEqual(["a"]);
    clock.advance(29_999);
    expect(bodies(await receive("q", 1))).toEqual(["b"]);
    clock.advance(1);
    const again = await receive("q", 1);
    expect(bodies(again)).toEqual(["a"]);
    expect(again.messages[0]?.receiveCount).toBe(2);
  });

  test("a delay hides a message and counts apart from leases", async () => {
    await broker.send(call, "q", [message("later", 5000), message("now")]);
    expect(bodies(await receive("q"))).toEqual(["now"]);
    expect(await broker.describeQueue(call, "q")).toMatchObject({
      available: 0,
      inFlight: 1,
      delayed: 1,
    });
    clock.advance(5000);
    expect(bodies(await receive("q"))).toEqual(["later"]);
  });

  test("a stale handle deletes nothing; a gone one says so; a foreign one is invalid", async () => {
    await broker.send(call, "q", [message("a")]);
    const old = (await receive("q")).messages[0]?.receiptHandle ?? "";
    clock.advance(30_000);
    const current = (await receive("q")).messages[0]?.receiptHandle ?? "";
    const effective = { ok: true, effective: true };
    const stale = { ok: true, effective: false, reason: "stale" };
    const gone = { ok: true, effective: false, reason: "gone" };
    expect(await broker.tombstone(call, "q", [old, current, current])).toEqual([
      stale,
      effective,
      gone,
    ]);
    const [foreign] = await broker.tombstone(call, "q", ["mem-9-1-1"]);
    expect(foreign).toMatchObject({ ok: false, error: { code: "RECEIPT_INVALID" } });
  });

  test("a message received too often moves to the dead-letter queue at the next receive", async () => {
    await create("dead");
    await create("src", { deadLetter: { queue: "dead", maximumReceives: 1 } });
    await broker.send(call, "src", [message("poison")]);
    const first = await receive("src");
    clock.advance(30_000);
    expect(bodies(await receive("src"))).toEqual([]);
    const dead = await receive("dead");
    expect(dead.messages[0]).toMatchObject({
      messageId: first.messages[0]?.messageId,
      receiveCount: 2,
      deadLetterSource: "src",
    });
  });

  test("a poll waits, wakes on a send, on a deadline, and ends empty", async () => {
    const poll = broker.receive(call, "q", { maxMessages: 1, waitMs: 20_000 });
    await broker.send(call, "q", [message("a")]);
    expect(bodies(await poll)).toEqual(["a"]);
    const onDeadline = broker.receive(call, "q", { maxMessages: 1, waitMs: 40_000 });
    clock.advance(30_000);
    expect(bodies(await onDeadline)).toEqual(["a"]);
    const empty = broker.receive(call, "q", { maxMessages: 1, waitMs: 20_000 });
    clock.advance(20_000);
    expect(bodies(await empty)).toEqual([]);
    expect(broker.waiting).toBe(0);
  });

  test("a caller that hangs up is granted nothing", async () => {
    const hangUp = new AbortController();
    const poll = broker.receive({ principal: "tester", signal: hangUp.signal }, "q", {
      maxMessages: 1,
      waitMs: 20_000,
    });
    hangUp.abort();
    await expect(poll).rejects.toMatchObject({ code: "CANCELLED" });
    await broker.send(call, "q", [message("a")]);
    expect((await receive("q")).messages[0]?.receiveCount).toBe(1);
  });

  test("an undelivered grant comes back at once with its count restored", async () => {
    await broker.send(call, "q", [message("a")]);
    const delivery = await receive("q");
    delivery.undelivered();
    expect((await receive("q")).messages[0]?.receiveCount).toBe(1);
  });

  test("a grant is fresh until half its lease is over", async () => {
    await broker.send(call, "q", [message("a")]);
    const delivery = await receive("q");
    clock.advance(15_000);
    expect(delivery.stillFresh()).toBe(true);
    clock.advance(1);
    expect(delivery.stillFresh()).toBe(false);
  });

  test("equal request ids are one call within the window", async () => {
    const retry = { ...call, requestId: "r1" };
    const first = await broker.send(retry, "q", [message("a")]);
    expect(await broker.send(retry, "q", [message("a")])).toEqual(first);
    const granted = await broker.receive(retry, "q", { maxMessages: 1 });
    const again = await broker.receive(retry, "q", { maxMessages: 1 });
    expect(again.messages[0]?.receiptHandle).toBe(granted.messages[0]?.receiptHandle);
    clock.advance(60_000);
    expect(await broker.send(retry, "q", [message("a")])).not.toEqual(first);
  });

  test("a lease can't be extended past twelve hours, and release gives back after a delay", async () => {
    await broker.send(call, "q", [message("a")]);
    const receiptHandle = (await receive("q")).messages[0]?.receiptHandle ?? "";
    clock.advance(1);
    const tooLong = { receiptHandle, visibilityTimeoutMs: 43_200_000 };
    const [beyond] = await broker.extend(call, "q", [tooLong]);
    expect(beyond).toMatchObject({ ok: false, error: { code: "INVALID_ARGUMENT" } });
    await broker.release(call, "q", [{ receiptHandle, delayMs: 1000 }]);
    clock.advance(999);
    expect(bodies(await receive("q"))).toEqual([]);
    clock.advance(1);
    expect(bodies(await receive("q"))).toEqual(["a"]);
  });

  test("creating again is fine with equal attributes and an error with others", async () => {
    const options = { attributes: { delayMs: 1000 }, extra: {}, tags: {} };
    expect(await broker.createQueue(call, "q", { ...options, attributes: {} })).toEqual({
      created: false,
    });
    await expect(broker.createQueue(call, "q", options)).rejects.toBeInstanceOf(KQueueyError);
  });

  test("retention removes a message, leased or not", async () => {
    await broker.send(call, "q", [message("a")]);
    clock.advance(345_600_000);
    expect(await broker.describeQueue(call, "q")).toMatchObject({ available: 0, inFlight: 0 });
  });
});

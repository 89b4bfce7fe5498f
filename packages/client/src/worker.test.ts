import { KQueueyError } from "@kqueuey/contract";
import { describe, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { createTestCluster, type TestRequest, type Verdict } from "./testing/index.ts";
import type { HandlerContext, Message } from "./types.ts";

async function start() {
  const requests: TestRequest[] = [];
  const rules = { judge: (_request: TestRequest): Verdict => "answer" };
  const cluster = createTestCluster({
    time: "manual",
    intercept: (request) => {
      requests.push(request);
      return rules.judge(request);
    },
  });
  const { endpoints, transport } = cluster;
  const client = createClient({ endpoints, transport });
  await client.createQueue("q");
  const count = (method: string) => requests.filter((request) => request.method === method).length;
  return { cluster, client, queue: client.queue("q"), rules, count };
}

/** A handler that runs until the test ends it. */
function gate() {
  const started: {
    message: Message;
    context: HandlerContext;
    finish: () => void;
    fail: (e: unknown) => void;
  }[] = [];
  const handler = (message: Message, context: HandlerContext): Promise<void> =>
    new Promise((resolve, reject) => {
      started.push({ message, context, finish: resolve, fail: reject });
    });
  return { started, handler };
}

describe("work", () => {
  test("every message is handled once and tombstoned, in batches", async () => {
    const { cluster, client, queue, count } = await start();
    await queue.sendBatch(Array.from({ length: 500 }, (_, i) => `${i}`));
    const seen = new Set<string>();
    await using worker = queue.work((message) => void seen.add(message.text), { concurrency: 100 });
    await cluster.advance(100);
    expect(seen.size).toBe(500);
    expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 0 });
    expect(count("tombstone")).toBeLessThan(20);
    expect(worker.stats()).toEqual({ running: 0, waiting: 0, completed: 500, failed: 0, lost: 0 });
  });

  test("no more handlers run than concurrency allows, and no more is fetched ahead than prefetch", async () => {
    const { cluster, client, queue } = await start();
    await queue.sendBatch(Array.from({ length: 20 }, (_, i) => `${i}`));
    const { started, handler } = gate();
    const worker = queue.work(handler, { concurrency: 3, prefetch: 4 });
    await cluster.advance(100);
    expect(worker.stats()).toMatchObject({ running: 3, waiting: 4 });
    expect(await client.describeQueue("q")).toMatchObject({ available: 13, inFlight: 7 });
    started[0]?.finish();
    await cluster.advance(100);
    expect(started.length).toBe(4);
    for (let i = 0; i < 30; i++) {
      for (const each of started) each.finish();
      await cluster.advance(20);
    }
    expect(worker.stats()).toMatchObject({ running: 0, waiting: 0, completed: 20 });
    await worker.stop();
  });

  test("leases are renewed while handlers run, as long as that takes, and those of waiting messages too", async () => {
    const { cluster, client, queue, count } = await start();
    await queue.sendBatch(["a", "b"]);
    const { started, handler } = gate();
    const worker = queue.work(handler, {
      concurrency: 1,
      prefetch: 1,
      visibilityTimeoutMs: 10_000,
    });
    await cluster.advance(600_000);
    expect(started.length).toBe(1);
    expect(started[0]?.context.signal.aborted).toBe(false);
    expect(worker.stats()).toMatchObject({ running: 1, waiting: 1, lost: 0 });
    expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 2 });
    // One request renews both, each time half of a lease is gone.
    expect(count("extend")).toBeGreaterThanOrEqual(119);
    expect(count("extend")).toBeLessThanOrEqual(130);
    started[0]?.finish();
    await cluster.advance(1);
    started[1]?.finish();
    await cluster.advance(1);
    expect(started[1]?.message.receiveCount).toBe(1);
    await worker.stop();
    expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 0 });
  });

  test("a handler is told before its lease is lost, never after", async () => {
    const { cluster, queue, rules } = await start();
    await queue.send("x");
    const { started, handler } = gate();
    const worker = queue.work(handler, { visibilityTimeoutMs: 10_000, onError: () => {} });
    await cluster.advance(0);
    rules.judge = ({ method }) => (method === "extend" ? "ignore" : "answer");
    const running = started[0];
    if (running === undefined) throw new Error("the handler did not start");
    const { signal } = running.context;
    let remainingMs: number | undefined;
    signal.addEventListener("abort", () => {
      remainingMs = running.message.remainingMs();
    });
    await cluster.advance(8_900);
    expect(signal.aborted).toBe(false);
    await cluster.advance(200);
    expect(signal.aborted).toBe(true);
    expect(remainingMs).toBeGreaterThan(0);
    expect(signal.reason).toMatchObject({ code: "RECEIPT_STALE" });
    expect(worker.stats().lost).toBe(1);
    running.fail(signal.reason);
    await worker.stop();
  });

  test("a lease that someone ended is noticed at the next renewal", async () => {
    const { cluster, client, queue } = await start();
    await queue.send("x");
    const { started, handler } = gate();
    const worker = queue.work(handler, { visibilityTimeoutMs: 10_000 });
    await cluster.advance(0);
    await client.purgeQueue("q");
    await cluster.advance(5_100);
    expect(started[0]?.context.signal.reason).toMatchObject({ code: "RECEIPT_STALE" });
    started[0]?.finish();
    await worker.stop();
  });

  test("a renewal that failed is tried again before the lease is given up", async () => {
    const { cluster, queue, rules } = await start();
    await queue.send("x");
    const { started, handler } = gate();
    const worker = queue.work(handler, { visibilityTimeoutMs: 10_000 });
    await cluster.advance(0);
    let failures = 3;
    rules.judge = ({ method }) =>
      method === "extend" && failures-- > 0 ? new KQueueyError("INTERNAL", "a fault") : "answer";
    await cluster.advance(60_000);
    expect(started[0]?.context.signal.aborted).toBe(false);
    started[0]?.finish();
    await worker.stop();
  });

  test("a message whose handler throws comes back later, each time after a longer pause", async () => {
    const { cluster, queue } = await start();
    await queue.send("x");
    const deliveries: number[] = [];
    const errors: string[] = [];
    const worker = queue.work(
      (message) => {
        deliveries.push(message.receiveCount);
        if (message.receiveCount < 4) throw new Error("not yet");
      },
      { onError: (error, message) => errors.push(`${String(error)} ${message?.text}`) },
    );
    await cluster.advance(900);
    expect(deliveries).toEqual([1]);
    await cluster.advance(200);
    expect(deliveries).toEqual([1, 2]);
    await cluster.advance(2_100);
    expect(deliveries).toEqual([1, 2, 3]);
    await cluster.advance(4_100);
    expect(deliveries).toEqual([1, 2, 3, 4]);
    expect(errors).toEqual(Array(3).fill("Error: not yet x"));
    expect(worker.stats()).toMatchObject({ completed: 1, failed: 3 });
    await worker.stop();
  });

  test("a handler that settles its message itself is left to it", async () => {
    const { cluster, client, queue, count } = await start();
    await queue.sendBatch(["ack", "release"]);
    const worker = queue.work(async (message) => {
      if (message.text === "ack") await message.ack();
      else await message.release({ delayMs: 60_000 });
    });
    await cluster.advance(10);
    expect(await client.describeQueue("q")).toMatchObject({
      available: 0,
      inFlight: 0,
      delayed: 1,
    });
    expect(count("tombstone") + count("release")).toBe(2);
    await worker.stop();
  });

  test("a handler that runs too long is told, and its message comes back", async () => {
    const { cluster, client, queue } = await start();
    await queue.send("x");
    const { started, handler } = gate();
    const options = { handlerTimeoutMs: 60_000, visibilityTimeoutMs: 10_000, onError: () => {} };
    const worker = queue.work(handler, { ...options, retryDelayMs: () => 0 });
    await cluster.advance(59_000);
    expect(started[0]?.context.signal.aborted).toBe(false);
    await cluster.advance(1_000);
    expect(started[0]?.context.signal.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    started[0]?.fail(new Error("stopped"));
    await cluster.advance(100);
    expect(started[1]?.message.receiveCount).toBe(2);
    started[1]?.finish();
    await worker.stop();
    expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 0 });
  });

  test("polls that fail are reported and made again after a pause", async () => {
    const { cluster, client, queue } = await start();
    await client.deleteQueue("q");
    const errors: unknown[] = [];
    const seen: string[] = [];
    const worker = queue.work((message) => void seen.push(message.text), {
      onError: (error) => errors.push(error),
    });
    await cluster.advance(1_500);
    expect(errors.length).toBe(2);
    expect(errors[0]).toMatchObject({ code: "QUEUE_NOT_FOUND" });
    await client.createQueue("q");
    await queue.send("back");
    await cluster.advance(3_000);
    expect(seen).toEqual(["back"]);
    await worker.stop();
  });
});

describe("stopping", () => {
  test("what no handler began is given back at once, and running handlers are waited for", async () => {
    const { cluster, client, queue } = await start();
    await queue.sendBatch(["a", "b", "c"]);
    const { started, handler } = gate();
    const abort = new AbortController();
    const worker = queue.work(handler, { concurrency: 1, prefetch: 2, signal: abort.signal });
    await cluster.advance(0);
    expect(worker.stats()).toMatchObject({ running: 1, waiting: 2 });
    let finished = false;
    void worker.finished.then(() => {
      finished = true;
    });
    abort.abort();
    await cluster.settle();
    expect(await client.describeQueue("q")).toMatchObject({ available: 2, inFlight: 1 });
    expect(finished).toBe(false);
    started[0]?.finish();
    await worker.finished;
    expect(await client.describeQueue("q")).toMatchObject({ available: 2, inFlight: 0 });
    expect(started.length).toBe(1);
  });

  test("an idle worker stops at once, and its poll leases nothing more", async () => {
    const { cluster, client, queue } = await start();
    const worker = queue.work(() => {});
    await cluster.advance(100);
    await worker.stop();
    await queue.send("x");
    expect(await client.describeQueue("q")).toMatchObject({ available: 1, inFlight: 0 });
  });

  test("handlers are aborted when patience ends, and those that ignore it are left behind", async () => {
    const { cluster, client, queue } = await start();
    await queue.sendBatch(["a", "b"]);
    const { started, handler } = gate();
    const worker = queue.work(handler, { stopTimeoutMs: 5_000, onError: () => {} });
    await cluster.advance(0);
    const [a, b] = started;
    a?.context.signal.addEventListener("abort", () => a.fail(a.context.signal.reason));
    let finished = false;
    void worker.stop().then(() => {
      finished = true;
    });
    await cluster.advance(5_000);
    expect(a?.context.signal.reason).toMatchObject({ code: "CANCELLED" });
    expect(b?.context.signal.aborted).toBe(true);
    expect(finished).toBe(false);
    await cluster.advance(1_000);
    expect(finished).toBe(true);
    // Nobody renews the lease of the one that was left behind: it comes back by its deadline.
    await cluster.advance(30_000);
    expect(await client.describeQueue("q")).toMatchObject({ available: 2, inFlight: 0 });
  });

  test("a worker whose signal is aborted already begins nothing", async () => {
    const { cluster, queue, count } = await start();
    await queue.work(() => {}, { signal: AbortSignal.abort() }).finished;
    await cluster.advance(1_000);
    expect(count("receive")).toBe(0);
  });

  test("stop() from inside a handler neither hangs nor handles a message twice", async () => {
    const { cluster, client, queue } = await start();
    await queue.sendBatch(["a", "b", "c"]);
    const seen: string[] = [];
    const worker = queue.work((message) => {
      seen.push(message.text);
      void worker.stop();
    });
    await cluster.advance(10);
    await worker.finished;
    expect(seen).toEqual(["a"]);
    expect(await client.describeQueue("q")).toMatchObject({ available: 2, inFlight: 0 });
  });

  test("client.close() stops its workers first", async () => {
    const { cluster, client, queue } = await start();
    await queue.send("x");
    const seen: string[] = [];
    const worker = queue.work((message) => void seen.push(message.text));
    await cluster.advance(10);
    await client.close();
    await worker.finished;
    expect(seen).toEqual(["x"]);
  });
});

describe("messages", () => {
  test("come one at a time; the one in the loop's body is renewed, what was fetched ahead is given back", async () => {
    const { cluster, client, queue } = await start();
    await queue.sendBatch(["a", "b", "c", "d"]);
    const seen: string[] = [];
    const loop = (async () => {
      for await (const message of queue.messages({ prefetch: 3, visibilityTimeoutMs: 5_000 })) {
        seen.push(message.text);
        if (message.text === "b") break;
        expect(await message.ack()).toBe(true);
      }
    })();
    await cluster.advance(10);
    await loop;
    expect(seen).toEqual(["a", "b"]);
    expect(await client.describeQueue("q")).toMatchObject({ available: 2, inFlight: 1 });
  });

  test("a long body keeps its message and those fetched ahead", async () => {
    const { cluster, client, queue } = await start();
    await queue.sendBatch(["a", "b"]);
    const iterator = queue.messages({ visibilityTimeoutMs: 5_000 });
    const first = iterator.next();
    await cluster.advance(120_000);
    expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 2 });
    const { value } = await first;
    expect(await value?.ack()).toBe(true);
    expect((await iterator.next()).value?.receiveCount).toBe(1);
    await iterator.return();
  });

  test("the signal ends the loop without an error", async () => {
    const { cluster, queue } = await start();
    const abort = new AbortController();
    const iterator = queue.messages({ signal: abort.signal });
    const next = iterator.next();
    await cluster.advance(100);
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    const none = queue.messages({ signal: AbortSignal.abort() });
    expect((await none.next()).done).toBe(true);
  });

  test("an error of a poll ends the loop with it", async () => {
    const { client } = await start();
    await expect(client.queue("nowhere").messages().next()).rejects.toMatchObject({
      code: "QUEUE_NOT_FOUND",
    });
  });
});

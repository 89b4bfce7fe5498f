import { KQueueyError } from "@kqueuey/contract";
import { expect, test } from "vitest";
import { createClient } from "./client.ts";
import { createTestCluster, type TestClusterOptions } from "./testing/index.ts";
import type { Client, ClientOptions } from "./types.ts";

/** A cluster with time in the test's hand, a client of it and a queue. */
async function start(
  clusterOptions: TestClusterOptions = {},
  clientOptions: Partial<ClientOptions> = {},
) {
  const cluster = createTestCluster({ time: "manual", ...clusterOptions });
  const { endpoints, transport } = cluster;
  const client = createClient({ endpoints, transport, ...clientOptions });
  await client.createQueue("q");
  return { cluster, client, queue: client.queue("q") };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "resolved";
  } catch (error) {
    return KQueueyError.is(error) ? error.code : `not ours: ${String(error)}`;
  }
}

test("a message goes in, comes out with everything it had, and is gone after its ack", async () => {
  const { client, queue } = await start();
  const sent = await queue.send({
    body: "größe",
    attributes: { kind: "test", raw: new Uint8Array([1, 2]), n: { type: "Number", value: "7" } },
    traceHeader: "Root=1-x",
  });
  const [message] = await queue.receive({ waitMs: 0 });
  expect(message).toMatchObject({
    id: sent.messageId,
    queue: "q",
    text: "größe",
    traceHeader: "Root=1-x",
    sender: "anonymous",
    receiveCount: 1,
    fencingToken: 1,
    deadLetterSource: undefined,
  });
  expect(message?.attributes).toEqual({ kind: "test", raw: new Uint8Array([1, 2]), n: "7" });
  expect(message?.remainingMs()).toBe(30_000);
  expect(await message?.ack()).toBe(true);
  expect(await message?.ack()).toBe(false);
  expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 0, delayed: 0 });
});

test("a body is text, bytes or JSON", async () => {
  const { queue } = await start();
  await queue.sendBatch(["{}", new Uint8Array([0xff]), '{"a":1}']);
  const [empty, raw, json] = await queue.receive({ maxMessages: 3, waitMs: 0 });
  expect(empty?.json()).toEqual({});
  expect(raw?.body).toEqual(new Uint8Array([0xff]));
  expect(raw?.text).toBe("\ufffd");
  expect(() => raw?.json()).toThrow(/is not JSON/);
  expect(json?.json()).toEqual({ a: 1 });
});

test("a lease ends by its deadline; what is done after that says so", async () => {
  const { cluster, queue } = await start();
  await queue.send("x");
  const [first] = await queue.receive({ visibilityTimeoutMs: 5_000, waitMs: 0 });
  expect(await first?.extend(20_000)).toBe(true);
  await cluster.advance(10_000);
  expect(await queue.receive({ waitMs: 0 })).toEqual([]);
  expect(first?.remainingMs()).toBe(10_000);
  await cluster.advance(10_000);
  const [second] = await queue.receive({ waitMs: 0 });
  expect(second?.receiveCount).toBe(2);
  expect(await first?.ack()).toBe(false);
  expect(await first?.extend(1_000)).toBe(false);
  expect(await second?.release({ delayMs: 1_000 })).toBe(true);
  expect(await queue.receive({ waitMs: 0 })).toEqual([]);
  await cluster.advance(1_000);
  const [third] = await queue.receive({ waitMs: 0 });
  expect(third?.receiveCount).toBe(3);
});

test("a receive waits for a first message, as long as it is told to", async () => {
  const { cluster, queue } = await start();
  const empty = queue.receive({ waitMs: 5_000 });
  await cluster.advance(5_000);
  expect(await empty).toEqual([]);
  const waiting = queue.receive({ waitMs: 20_000 });
  await cluster.advance(3_000);
  await queue.send("late");
  expect((await waiting)[0]?.text).toBe("late");
});

test("batches of receipts answer each in its place", async () => {
  const { queue } = await start();
  await queue.sendBatch(["a", "b"]);
  const messages = await queue.receive({ maxMessages: 2, waitMs: 0 });
  const [a, b] = messages;
  if (a === undefined || b === undefined) throw new Error("two messages were sent");
  const outcomes = await queue.tombstone([a, "garbage", b.receiptHandle, a]);
  expect(outcomes.map(({ outcome }) => outcome)).toEqual([
    "effective",
    "error",
    "effective",
    "gone",
  ]);
  expect(outcomes[1]).toMatchObject({ error: { code: "RECEIPT_INVALID" } });
  expect(await queue.tombstone([])).toEqual([]);
});

test("batches larger than one request are cut", async () => {
  const { client, queue } = await start();
  const result = await queue.sendBatch(Array.from({ length: 2_500 }, (_, i) => `${i}`));
  expect(result).toEqual({ sent: 2_500, failures: [], ids: undefined });
  const received = [];
  for (let i = 0; i < 3; i++) {
    received.push(...(await queue.receive({ maxMessages: 1_000, waitMs: 0 })));
  }
  expect(new Set(received.map(({ text }) => text)).size).toBe(2_500);
  const outcomes = await queue.tombstone(received);
  expect(outcomes.every(({ outcome }) => outcome === "effective")).toBe(true);
  expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 0 });
});

test("administration", async () => {
  const { client } = await start();
  expect(await client.createQueue("q")).toEqual({ created: false });
  expect(await client.createQueue("dead", { tags: { team: "a" } })).toEqual({ created: true });
  const deadLetter = { queue: "dead", maximumReceives: 3 };
  await client.createQueue("orders", { attributes: { delayMs: 5, deadLetter } });
  expect(await client.describeQueue("orders")).toMatchObject({
    name: "orders",
    attributes: { visibilityTimeoutMs: 30_000, delayMs: 5, deadLetter },
  });
  await client.setQueueAttributes("orders", { visibilityTimeoutMs: 1_000, deadLetter: null });
  const { attributes } = await client.describeQueue("orders");
  expect(attributes).toMatchObject({ visibilityTimeoutMs: 1_000, delayMs: 5 });
  expect(attributes.deadLetter).toBeUndefined();
  expect((await client.describeQueue("dead")).tags).toEqual({ team: "a" });
  expect(await client.listQueues({ limit: 2 })).toEqual({
    queues: ["dead", "orders"],
    nextAfter: "orders",
  });
  expect(await client.listQueues({ after: "orders" })).toEqual({
    queues: ["q"],
    nextAfter: undefined,
  });
  expect(await client.listQueues({ prefix: "or" })).toMatchObject({ queues: ["orders"] });
  await client.queue("orders").send({ body: "x", delayMs: 0 });
  const { taskId } = await client.startMoveTask("orders", {
    destination: "q",
    messagesPerSecond: 5,
  });
  expect(await client.listMoveTasks("orders")).toEqual([
    {
      taskId,
      status: "running",
      failure: undefined,
      destination: "q",
      messagesPerSecond: 5,
      moved: 0,
      toMove: 1,
      startedAtMs: expect.any(Number),
    },
  ]);
  expect(await client.cancelMoveTask("orders", taskId)).toEqual({ moved: 0 });
  expect(await codeOf(client.cancelMoveTask("orders", taskId))).toBe("TASK_NOT_FOUND");
  await client.purgeQueue("orders");
  expect(await client.describeQueue("orders")).toMatchObject({ available: 0 });
  await client.deleteQueue("orders");
  expect(await codeOf(client.describeQueue("orders"))).toBe("QUEUE_NOT_FOUND");
  expect(await client.clusterStatus()).toMatchObject({
    clusterId: "test-cluster",
    leader: 1,
    term: 1,
    nodes: [{ id: 1, role: "leader", healthy: true }],
  });
});

test("what is wrong with a call is said before anything is sent", async () => {
  const { client, queue } = await start();
  expect(() => client.queue("a b")).toThrow('character 2 of the queue name is " "');
  expect(await codeOf(client.describeQueue(""))).toBe("INVALID_QUEUE_NAME");
  expect(await codeOf(queue.send(""))).toBe("INVALID_MESSAGE");
  expect(await codeOf(queue.send("x".repeat(1_048_577)))).toBe("MESSAGE_TOO_LARGE");
  expect(await codeOf(queue.send({ body: "x", delayMs: -1 }))).toBe("INVALID_ARGUMENT");
  expect(await codeOf(queue.sendBatch(["a", ""]))).toBe("INVALID_MESSAGE");
  expect(await codeOf(client.createQueue("n", { attributes: { delayMs: -1 } }))).toBe(
    "INVALID_ATTRIBUTE",
  );
  expect(() => createClient({ endpoints: [] })).toThrow("endpoints is empty");
  expect(() => createClient({ endpoints: ["ftp://x"] })).toThrow('"ftp://x" is not an endpoint');
  expect(() => createClient({ endpoints: ["a"], batch: { maxMessages: 5_000 } })).toThrow(
    "batch.maxMessages is 5000; it must be 1 to 1000",
  );
});

test("errors of the cluster arrive with their code", async () => {
  const { client } = await start();
  const nowhere = client.queue("nowhere");
  expect(await codeOf(nowhere.send("x"))).toBe("QUEUE_NOT_FOUND");
  expect(await codeOf(nowhere.sendBatch(["x"]))).toBe("QUEUE_NOT_FOUND");
  expect(await codeOf(nowhere.receive({ waitMs: 0 }))).toBe("QUEUE_NOT_FOUND");
  expect(await codeOf(nowhere.tombstone(["test"]))).toBe("QUEUE_NOT_FOUND");
});

test("close() sends what waits, ends polls and refuses calls from then on", async () => {
  const { cluster, client, queue } = await start();
  const poll = queue.receive({ waitMs: 20_000 }).catch((error: KQueueyError) => error.code);
  await cluster.settle();
  const other: Client = createClient(cluster);
  const send = client.queue("q").send("last");
  await client.close();
  expect(await send).toMatchObject({ sequence: 1 });
  expect(["CANCELLED", 1]).toContain(
    await poll.then((r) => (typeof r === "string" ? r : r.length)),
  );
  expect(await codeOf(queue.send("x"))).toBe("CANCELLED");
  await client.close();
  await other.close();
});

import type { KQueueyError } from "@kqueuey/contract";
import { expect, test } from "vitest";
import { createClient } from "./client.ts";
import { createTestCluster } from "./testing/index.ts";

/** A client whose receives are counted, and a queue. */
async function start(name = "q") {
  const receives: number[] = [];
  const cluster = createTestCluster({
    time: "manual",
    intercept: ({ method }) => {
      if (method === "receive") receives.push(1);
      return "answer";
    },
  });
  const client = createClient({ endpoints: cluster.endpoints, transport: cluster.transport });
  await client.createQueue(name);
  const count = (): number => receives.length;
  return { cluster, client, queue: client.queue(name), count };
}

const texts = (messages: readonly { readonly text: string }[]): string[] =>
  messages.map(({ text }) => text);

test("callers who wait share calls; each gets what it asked for at most, in their order", async () => {
  const { cluster, queue, count } = await start();
  await queue.sendBatch(["1", "2", "3", "4", "5", "6"]);
  const polls = [1, 3, 1].map((maxMessages) => queue.receive({ maxMessages, waitMs: 1_000 }));
  await cluster.settle();
  const got = await Promise.all(polls);
  expect(got.map(texts)).toEqual([["1"], ["2", "3", "4"], ["5"]]);
  expect(count()).toBe(1);
});

test("whoever got nothing waits on for as long as it wanted", async () => {
  const { cluster, queue, count } = await start();
  const polls = [1_000, 500, 1_000].map((waitMs) => queue.receive({ waitMs }));
  await cluster.settle();
  await queue.send("first");
  await cluster.settle();
  expect(texts((await polls[0]) ?? [])).toEqual(["first"]);
  await cluster.advance(510);
  expect(await polls[1]).toEqual([]);
  await queue.send("second");
  await cluster.settle();
  expect(texts((await polls[2]) ?? [])).toEqual(["second"]);
  expect(count()).toBeLessThanOrEqual(4);
});

test("callers beyond what may be under way are not forgotten", async () => {
  const { cluster, queue, count } = await start();
  const polls: Promise<unknown>[] = [];
  for (let i = 0; i < 10; i++) {
    polls.push(queue.receive({ waitMs: 5_000 }));
    await cluster.settle();
  }
  expect(count()).toBe(4);
  for (let i = 0; i < 10; i++) await queue.send(`${i}`);
  await cluster.settle();
  expect(await Promise.all(polls)).toHaveLength(10);
  const idle = [queue.receive({ waitMs: 2_000 }), queue.receive({ waitMs: 1_000 })];
  await cluster.advance(2_100);
  expect(await Promise.all(idle)).toEqual([[], []]);
});

test("who finds enough calls under way waits no longer than it wanted", async () => {
  const { cluster, queue } = await start();
  const long: Promise<unknown>[] = [];
  for (let i = 0; i < 4; i++) {
    long.push(queue.receive({ waitMs: 20_000 }));
    await cluster.settle();
  }
  let ended = false;
  const short = queue.receive({ waitMs: 1_000 }).finally(() => {
    ended = true;
  });
  await cluster.advance(1_050);
  expect(ended).toBe(true);
  expect(await short).toEqual([]);
  await cluster.advance(20_000);
  await Promise.all(long);
});

test("a caller that leaves takes nothing: its share goes to others, else back to the queue", async () => {
  const { cluster, queue } = await start();
  const abort = new AbortController();
  const code = queue
    .receive({ waitMs: 5_000, signal: abort.signal })
    .catch((error: KQueueyError) => error.code);
  const other = queue.receive({ waitMs: 5_000 });
  await cluster.settle();
  abort.abort();
  expect(await code).toBe("CANCELLED");
  await queue.sendBatch(["a", "b"]);
  await cluster.settle();
  expect(texts(await other)).toEqual(["a"]);
  await cluster.advance(100);
  expect(texts(await queue.receive({ waitMs: 0 }))).toEqual(["b"]);
});

test("when all callers of a call leave, the node's poll ends too", async () => {
  const { cluster, client, queue } = await start();
  const abort = new AbortController();
  const polls = [1, 2].map(() =>
    queue
      .receive({ waitMs: 20_000, signal: abort.signal })
      .catch((error: KQueueyError) => error.code),
  );
  await cluster.settle();
  abort.abort();
  expect(await Promise.all(polls)).toEqual(["CANCELLED", "CANCELLED"]);
  await cluster.settle();
  await queue.send("x");
  await cluster.advance(100);
  expect(await client.describeQueue("q")).toMatchObject({ available: 1, inFlight: 0 });
});

test("receives of a FIFO queue are not shared: two callers would get of one group", async () => {
  const { cluster, queue, count } = await start("q.fifo");
  const polls = [queue.receive({ waitMs: 100 }), queue.receive({ waitMs: 100 })];
  await cluster.settle();
  expect(count()).toBe(2);
  await cluster.advance(200);
  await Promise.all(polls);
});

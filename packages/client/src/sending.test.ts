import { KQueueyError } from "@kqueuey/contract";
import { describe, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { createTestCluster, type TestRequest, type Verdict } from "./testing/index.ts";
import type { ClientOptions, NewMessage } from "./types.ts";

/** A cluster whose requests are recorded and judged by the test. */
async function start(clientOptions: Partial<ClientOptions> = {}) {
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
  const client = createClient({ endpoints, transport, ...clientOptions });
  await client.createQueue("q");
  requests.length = 0;
  const sends = () => requests.filter(({ method }) => method === "send").length;
  return { cluster, client, queue: client.queue("q"), requests, sends, rules };
}

describe("send", () => {
  test("sends of one turn travel in one batch, and each learns its own id", async () => {
    const { queue, sends } = await start();
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => queue.send(`${i}`)));
    expect(sends()).toBe(1);
    expect(all.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    expect(new Set(all.map(({ messageId }) => messageId)).size).toBe(50);
  });

  test("a lone send waits for nothing; while a batch is under way the next one gathers", async () => {
    const { cluster, queue, sends, rules } = await start({ batch: { lingerMs: 5 } });
    await queue.send("alone");
    expect(sends()).toBe(1);
    rules.judge = () => "ignore";
    const stuck = queue.send("stuck").catch(() => "failed");
    await cluster.settle();
    rules.judge = () => "answer";
    const gathered = [queue.send("a")];
    await cluster.advance(3);
    gathered.push(queue.send("b"));
    expect(sends()).toBe(2);
    await cluster.advance(2);
    await Promise.all(gathered);
    expect(sends()).toBe(3);
    await cluster.advance(30_000);
    expect(await stuck).toBe("failed");
  });

  test("a full batch leaves at once, by count and by bytes", async () => {
    const { queue, sends } = await start({ batch: { maxMessages: 10, maxBytes: 1_000 } });
    await Promise.all(Array.from({ length: 25 }, () => queue.send("x")));
    expect(sends()).toBe(3);
    await Promise.all(Array.from({ length: 4 }, () => queue.send("x".repeat(400))));
    expect(sends()).toBe(5);
  });

  test("what is not awaited is bounded: past it send is refused", async () => {
    const { cluster, queue, rules } = await start({
      batch: { maxPendingBytes: 1_000, maxMessages: 1, maxInFlight: 1 },
    });
    rules.judge = () => "ignore";
    const codes: Promise<string>[] = [];
    for (let i = 0; i < 5; i++) {
      const sent = queue.send("x".repeat(400));
      codes.push(
        sent.then(
          () => "sent",
          (error: KQueueyError) => error.code,
        ),
      );
    }
    await cluster.advance(200_000);
    expect((await Promise.all(codes)).filter((code) => code === "THROTTLED").length).toBe(3);
  });

  test("a signal ends one send alone; one that had not left stays behind", async () => {
    const { cluster, client, queue, rules } = await start({ batch: { maxInFlight: 1 } });
    rules.judge = ({ method }) => (method === "send" ? "ignore" : "answer");
    const abort = new AbortController();
    const stuck = queue.send("stuck", { timeoutMs: 5_000 }).catch((e: KQueueyError) => e.code);
    await cluster.settle();
    const ended = queue.send("ended", { signal: abort.signal }).catch((e: KQueueyError) => e.code);
    const kept = queue.send("kept");
    abort.abort();
    expect(await ended).toBe("CANCELLED");
    rules.judge = () => "answer";
    await cluster.advance(5_000);
    expect(await stuck).toBe("DEADLINE_EXCEEDED");
    await kept;
    expect(await client.describeQueue("q")).toMatchObject({ available: 1 });
    expect(await queue.send("x", { signal: abort.signal }).catch((e: KQueueyError) => e.code)).toBe(
      "CANCELLED",
    );
  });

  test("an error of one message is that send's alone", async () => {
    const { queue, rules } = await start();
    rules.judge = () => new KQueueyError("ACCESS_DENIED", "no");
    expect(await queue.send("x").catch((e: KQueueyError) => e.code)).toBe("ACCESS_DENIED");
  });
});

describe("sendBatch", () => {
  test("answers ids when asked, in the order of the messages", async () => {
    const { queue } = await start({ batch: { maxMessages: 2 } });
    const { sent, ids } = await queue.sendBatch(["a", "b", "c"], { ids: true });
    expect(sent).toBe(3);
    expect(ids?.map((id) => id?.sequence)).toEqual([1, 2, 3]);
  });

  test("reads an async source no faster than it is sent", async () => {
    const { cluster, queue, rules } = await start({ batch: { maxMessages: 10, maxInFlight: 2 } });
    let given = 0;
    async function* source(): AsyncGenerator<NewMessage> {
      for (; given < 1_000; given++) yield `${given}`;
    }
    rules.judge = () => "ignore";
    const sending = queue
      .sendBatch(source(), { timeoutMs: 5_000 })
      .catch((e: KQueueyError) => e.code);
    await cluster.settle();
    expect(given).toBeLessThanOrEqual(20);
    await cluster.advance(5_000);
    expect(await sending).toBe("DEADLINE_EXCEEDED");
    expect(given).toBeLessThanOrEqual(31);
  });

  test("what a slow source gave is sent after the linger", async () => {
    const { cluster, client, queue } = await start({ batch: { lingerMs: 5 } });
    let giveMore: () => void = () => {};
    async function* source(): AsyncGenerator<NewMessage> {
      yield "a";
      await new Promise<void>((resolve) => {
        giveMore = resolve;
      });
      yield "b";
    }
    const sending = queue.sendBatch(source());
    await cluster.advance(5);
    expect(await client.describeQueue("q")).toMatchObject({ available: 1 });
    giveMore();
    expect(await sending).toMatchObject({ sent: 2 });
  });

  test("a failure throws by default and says how many were stored, or is returned", async () => {
    const { queue, rules } = await start({ batch: { maxMessages: 2, maxInFlight: 1 } });
    let sends = 0;
    rules.judge = () => (++sends === 2 ? new KQueueyError("ACCESS_DENIED", "no") : "answer");
    const thrown = await queue.sendBatch(["a", "b", "c", "d", "e"]).catch((e: unknown) => e);
    expect(thrown).toMatchObject({ code: "ACCESS_DENIED" });
    sends = 0;
    const result = await queue.sendBatch(["a", "b", "c", "d", "e"], {
      failures: "return",
      ids: true,
    });
    expect(result.sent).toBe(3);
    expect(result.failures.map(({ index }) => index)).toEqual([2, 3]);
    expect(result.ids?.map((id) => id !== undefined)).toEqual([true, true, false, false, true]);
  });

  test("a source that throws ends the call with its error, after what was under way", async () => {
    const { client, queue } = await start({ batch: { maxMessages: 1 } });
    let closed = false;
    async function* source(): AsyncGenerator<NewMessage> {
      try {
        yield "a";
        throw new RangeError("the file ended early");
      } finally {
        closed = true;
      }
    }
    await expect(queue.sendBatch(source())).rejects.toThrow("the file ended early");
    expect(closed).toBe(true);
    expect(await client.describeQueue("q")).toMatchObject({ available: 1 });
  });

  test("the signal ends the call also while a source lets wait", async () => {
    const { cluster, queue } = await start();
    const abort = new AbortController();
    async function* source(): AsyncGenerator<NewMessage> {
      yield "a";
      await new Promise(() => {});
    }
    const sending = queue.sendBatch(source(), { signal: abort.signal });
    const code = sending.catch((error: KQueueyError) => error.code);
    await cluster.advance(100);
    abort.abort();
    expect(await code).toBe("CANCELLED");
  });

  test("an empty source is no call", async () => {
    const { queue, sends } = await start();
    expect(await queue.sendBatch([])).toEqual({ sent: 0, failures: [], ids: undefined });
    expect(sends()).toBe(0);
  });
});

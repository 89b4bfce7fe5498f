import { type Client, createClient, KQueueyError } from "@kqueuey/client";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";

function connect(cluster: Cluster, endpoints = cluster.endpoints): Client {
  const client = createClient({ endpoints, timeoutMs: 60_000 });
  onTestFinished(() => client.close());
  return client;
}

describe("the client", () => {
  test("finds the cluster from one endpoint, sends, works, tombstones", async () => {
    const cluster = await startCluster();
    const client = connect(cluster, [cluster.url(2)]);
    expect(await client.createQueue("jobs")).toEqual({ created: true });
    expect(await client.createQueue("jobs")).toEqual({ created: false });
    const queue = client.queue("jobs");
    const sent = await Promise.all(Array.from({ length: 100 }, (_, n) => queue.send(`job ${n}`)));
    expect(new Set(sent.map((one) => one.messageId)).size).toBe(100);
    const seen = new Set<string>();
    const worker = queue.work((message) => {
      seen.add(message.text);
    });
    await until(() => worker.stats().completed === 100, { what: "all jobs" });
    await worker.stop();
    expect(seen.size).toBe(100);
    expect(await client.describeQueue("jobs")).toMatchObject({ available: 0, inFlight: 0 });
  });

  test("carries a worker and a sender over the death of two leaders, one after the other", async () => {
    const cluster = await startCluster();
    const client = connect(cluster);
    await client.createQueue("jobs", { attributes: { visibilityTimeoutMs: 5_000 } });
    const queue = client.queue("jobs");
    const done = new Map<string, number>();
    const worker = queue.work(
      (message) => {
        done.set(message.text, (done.get(message.text) ?? 0) + 1);
      },
      { concurrency: 50, onError: () => undefined },
    );
    const ids = new Map<string, string>();
    const stop = new AbortController();
    const sending = (async () => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        const text = `job ${n}`;
        ids.set(text, (await queue.send(text)).messageId);
      }
    })();
    for (let round = 0; round < 2; round += 1) {
      const goal = ids.size + 200;
      await until(() => ids.size >= goal, { what: "200 more sends" });
      const leader = await cluster.leader();
      await cluster.kill(leader);
      await cluster.leader({ except: leader });
      cluster.start(leader);
      await cluster.leader();
    }
    const goal = ids.size + 200;
    await until(() => ids.size >= goal, { what: "200 more sends" });
    stop.abort();
    await sending;
    await until(() => done.size === ids.size, { what: "every job to be done", timeoutMs: 60_000 });
    await worker.stop();
    // Nothing was stored twice: every message id belongs to one job.
    expect(new Set(ids.values()).size).toBe(ids.size);
    await until(
      async () => {
        const { available, inFlight } = await client.describeQueue("jobs");
        return available + inFlight === 0;
      },
      { what: "the queue to be empty" },
    );
  });

  test("renews the lease of a handler that takes longer", async () => {
    const cluster = await startCluster();
    const client = connect(cluster);
    await client.createQueue("slow", { attributes: { visibilityTimeoutMs: 2_000 } });
    const queue = client.queue("slow");
    await queue.send("one");
    let release = (): void => undefined;
    let deliveries = 0;
    const worker = queue.work(
      () => {
        deliveries += 1;
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
      { visibilityTimeoutMs: 2_000 },
    );
    await until(() => deliveries === 1, { what: "the delivery" });
    // Another worker polls for longer than the lease: it must get nothing.
    expect(await queue.receive({ waitMs: 6_000 })).toEqual([]);
    release();
    await until(() => worker.stats().completed === 1, { what: "the handler's end" });
    await worker.stop();
    expect(deliveries).toBe(1);
    expect(await client.describeQueue("slow")).toMatchObject({ available: 0, inFlight: 0 });
  });

  test("gives a message back when its handler throws, and says what went wrong by code", async () => {
    const cluster = await startCluster({ nodes: 1 });
    const client = connect(cluster);
    await client.createQueue("retry");
    const queue = client.queue("retry");
    await queue.send("flaky");
    const counts: number[] = [];
    const worker = queue.work(
      (message) => {
        counts.push(message.receiveCount);
        if (message.receiveCount < 3) throw new Error("not yet");
      },
      { retryDelayMs: () => 0, onError: () => undefined },
    );
    await until(() => worker.stats().completed === 1, { what: "the third attempt" });
    await worker.stop();
    expect(counts).toEqual([1, 2, 3]);
    const refusal = await client
      .queue("nowhere")
      .send("a")
      .catch((error: unknown) => error);
    expect(KQueueyError.is(refusal) && refusal.code).toBe("QUEUE_NOT_FOUND");
  });
});

import { describe, expect, test } from "vitest";
import { startCluster } from "../harness/fixture.ts";
import { CallFailure, call } from "../harness/rpc.ts";
import { Workload } from "../harness/workload.ts";

const REQUEST_TIMEOUT_MS = 1_500;

describe("without a majority", () => {
  test("a call waits a bounded time, then is told to retry; with a majority work goes on", async () => {
    const cluster = await startCluster({
      flags: ["--request-timeout-ms", String(REQUEST_TIMEOUT_MS)],
    });
    const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
    await workload.createQueue();
    await workload.send(10);
    const [alone = 0, ...gone] = cluster.running;
    await Promise.all(gone.map((id) => cluster.kill(id)));

    for (const [method, fields] of [
      ["Send", { messages: [{ text: "a" }] }],
      ["Receive", { maxMessages: 1 }],
      ["DescribeQueue", {}],
    ] as const) {
      const startedMs = performance.now();
      const failure = await failureOf(cluster.url(alone), method, { queue: "work", ...fields });
      expect(failure).toMatchObject({ status: 503, retryable: true });
      expect(["UNAVAILABLE", "OUTCOME_UNKNOWN"]).toContain(failure.code);
      expect(performance.now() - startedMs).toBeLessThan(REQUEST_TIMEOUT_MS + 3_000);
    }
    expect(await cluster.ready(alone)).toBe(false);
    const health = await fetch(`${cluster.url(alone)}/healthz`);
    expect(health.status).toBe(200);

    for (const id of gone) cluster.start(id);
    await cluster.leader();
    const { available } = await workload.depth();
    expect(available).toBeGreaterThanOrEqual(10);
    expect(available).toBeLessThanOrEqual(11);
  });
});

async function failureOf(url: string, method: string, body: unknown): Promise<CallFailure> {
  try {
    await call(url, `QueueService/${method}`, body);
  } catch (error) {
    if (error instanceof CallFailure) return error;
    throw error;
  }
  throw new Error(`${method} was answered without a majority`);
}

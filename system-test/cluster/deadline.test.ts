import { describe, expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { Workload } from "../harness/workload.ts";

const LEASE_MS = 6_000;
/** A deadline may be seen this late: the election, the poll and a busy machine. */
const LATE_MS = 6_000;

describe("a deadline across a failover", () => {
  test.each(["kill", "pause"] as const)("neither shrinks nor vanishes (%s)", async (fault) => {
    const cluster = await startCluster();
    const old = await cluster.leader();
    const others = cluster.running.filter((id) => id !== old);
    const workload = new Workload({
      endpoints: others.map((id) => cluster.url(id)),
      queue: "work",
    });
    await workload.createQueue({ visibilityTimeoutMs: LEASE_MS });
    await workload.send(10);
    const first = await workload.receive(10);
    expect(first).toHaveLength(10);
    const grantedAtMs = performance.now();

    if (fault === "kill") await cluster.kill(old);
    else cluster.pause(old);
    await cluster.leader({ ids: others });

    // The deadline did not vanish: they come again. The history says that it did not shrink.
    const again = new Map<string, number>();
    await until(
      async () => {
        for (const delivery of await workload.receive(10, { waitMs: 1_000 })) {
          again.set(delivery.key, delivery.receiveCount);
        }
        return again.size === 10;
      },
      { what: "the ten messages to come again" },
    );
    const tookMs = performance.now() - grantedAtMs;
    expect(tookMs).toBeLessThan(LEASE_MS + LATE_MS);
    expect([...again.values()]).toEqual(Array.from({ length: 10 }, () => 2));
    expect(workload.history.violations()).toEqual([]);
  });

  test("a worker that tombstones in time after a failover is heard", async () => {
    const cluster = await startCluster();
    const old = await cluster.leader();
    const others = cluster.running.filter((id) => id !== old);
    const workload = new Workload({
      endpoints: others.map((id) => cluster.url(id)),
      queue: "work",
    });
    await workload.createQueue({ visibilityTimeoutMs: 60_000 });
    await workload.send(10);
    const deliveries = await workload.receive(10);
    await cluster.kill(old);
    const outcomes = await workload.tombstone(deliveries);
    expect(new Set(outcomes)).toEqual(new Set(["effective"]));
    expect(await workload.depth()).toEqual({ available: 0, inFlight: 0, delayed: 0 });
    expect(workload.history.violations()).toEqual([]);
  });
});

import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { Workload } from "../harness/workload.ts";

/** Messages that must have been acknowledged before the fault, and again after it. */
const ENOUGH = 1_000;

async function loaded(): Promise<{ cluster: Cluster; workload: Workload }> {
  const cluster = await startCluster();
  const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
  await workload.createQueue({ visibilityTimeoutMs: 3_000 });
  workload.startSenders(2);
  workload.startWorkers(2);
  await moreAcknowledged(workload);
  return { cluster, workload };
}

async function moreAcknowledged(workload: Workload): Promise<void> {
  const goal = workload.history.acknowledgedCount + ENOUGH;
  await until(() => workload.history.acknowledgedCount >= goal, {
    what: `${ENOUGH} more acknowledged sends`,
  });
}

describe("a process killed with kill -9 under load", () => {
  test("the leader: work goes on under another, nothing is lost, nothing comes back", async () => {
    const { cluster, workload } = await loaded();
    const old = await cluster.leader();
    await cluster.kill(old);
    await cluster.leader({ except: old });
    await moreAcknowledged(workload);
    cluster.start(old);
    await cluster.leader();
    await moreAcknowledged(workload);
    await workload.drain();
    expect(workload.history.violations()).toEqual([]);
  });

  test("a follower: it catches up when it is back", async () => {
    const { cluster, workload } = await loaded();
    const follower = cluster.otherThan(await cluster.leader());
    await cluster.kill(follower);
    await moreAcknowledged(workload);
    cluster.start(follower);
    await cluster.leader();
    await moreAcknowledged(workload);
    await workload.drain();
    expect(workload.history.violations()).toEqual([]);
    await cluster.leader();
    await caughtUp(cluster, follower);
  });

  test("all three at once: everything acknowledged is there, nothing tombstoned is", async () => {
    const { cluster, workload } = await loaded();
    await Promise.all(cluster.places.map((place) => cluster.kill(place.id)));
    const acknowledged = workload.history.acknowledgedCount;
    cluster.startAll();
    await cluster.leader();
    await moreAcknowledged(workload);
    await workload.drain();
    expect(workload.history.violations()).toEqual([]);
    expect(workload.history.acknowledgedCount).toBeGreaterThan(acknowledged);
  });

  test("a follower that was away for long is brought back by a snapshot or the log", async () => {
    const { cluster, workload } = await loaded();
    const follower = cluster.otherThan(await cluster.leader());
    await cluster.kill(follower);
    for (let round = 0; round < 5; round += 1) await moreAcknowledged(workload);
    await workload.drain();
    cluster.start(follower);
    await caughtUp(cluster, follower);
    // With the other follower gone, the one that came back is needed for every majority.
    const other = cluster.running.find((id) => id !== follower) ?? 0;
    await cluster.kill(other);
    await cluster.leader({ except: other });
    await workload.send(100);
    workload.startWorkers(1);
    expect(
      workload.history.violations().filter((text) => !text.includes("never seen again")),
    ).toEqual([]);
  });
});

async function caughtUp(cluster: Cluster, id: number): Promise<void> {
  await until(
    async () => {
      const [own, others] = await Promise.all([
        cluster.status(id),
        cluster.status(cluster.otherThan(id)),
      ]);
      const applied = own.nodes.find((node) => node.id === id)?.appliedIndex ?? 0;
      const leading = others.nodes.find((node) => node.id === others.leader)?.appliedIndex ?? 0;
      return applied > 0 && applied >= leading - 1;
    },
    { what: `node ${id} to have applied what the leader has` },
  );
}

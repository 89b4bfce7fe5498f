import { expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { call } from "../harness/rpc.ts";
import { Workload } from "../harness/workload.ts";

test("a paused leader that wakes up after another was elected harms nothing", async () => {
  const cluster = await startCluster();
  const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
  await workload.createQueue({ visibilityTimeoutMs: 3_000 });
  workload.startSenders(2);
  workload.startWorkers(2);
  await acknowledge(workload, 500);

  const old = await cluster.leader();
  cluster.pause(old);
  const others = cluster.running.filter((id) => id !== old);
  const next = await cluster.leader({ ids: others });
  expect(next).not.toBe(old);
  await acknowledge(workload, 500);

  // It wakes up believing that it leads: what it says must not be believed.
  cluster.resume(old);
  const woken = await call(cluster.url(old), "QueueService/DescribeQueue", { queue: "work" });
  expect(woken).toMatchObject({ queue: "work" });
  const leader = await cluster.leader();
  expect((await cluster.status(old)).leader).toBe(leader);
  await acknowledge(workload, 500);
  await workload.drain();
  expect(workload.history.violations()).toEqual([]);
});

test("a paused follower is not missed, and catches up", async () => {
  const cluster = await startCluster();
  const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
  await workload.createQueue();
  const leader = await cluster.leader();
  const follower = cluster.otherThan(leader);
  cluster.pause(follower);
  const there = cluster.running.filter((id) => id !== follower);
  const busy = new Workload({ endpoints: there.map((id) => cluster.url(id)), queue: "work" });
  for (let round = 0; round < 20; round += 1) await busy.send(50);
  expect(await cluster.leader({ ids: there })).toBe(leader);
  cluster.resume(follower);
  await cluster.leader();
  expect(await busy.depth()).toEqual({ available: 1_000, inFlight: 0, delayed: 0 });
});

async function acknowledge(workload: Workload, more: number): Promise<void> {
  const goal = workload.history.acknowledgedCount + more;
  await until(() => workload.history.acknowledgedCount >= goal, { what: `${more} more sends` });
}

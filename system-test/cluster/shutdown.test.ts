import { expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { listAt } from "../harness/rpc.ts";
import { Workload } from "../harness/workload.ts";

test("SIGTERM hands leadership over: no election timeout passes, nothing is lost", async () => {
  const cluster = await startCluster({ flags: ["--election-timeout-ms", "5000"] });
  const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
  await workload.createQueue();
  workload.startSenders(1);
  workload.startWorkers(1);
  await until(() => workload.history.acknowledgedCount >= 200, { what: "a first 200 sends" });

  const old = await cluster.leader();
  const others = cluster.running.filter((id) => id !== old);
  const askedMs = performance.now();
  cluster.program(old).signal("SIGTERM");
  await cluster.leader({ ids: others });
  const tookMs = performance.now() - askedMs;
  expect(await cluster.program(old).ended()).toEqual({ code: 0, signal: null });

  // An election without a hand-over would have begun after five seconds at the earliest.
  expect(tookMs).toBeLessThan(4_000);
  await workload.drain();
  expect(workload.history.violations()).toEqual([]);
});

test("a node that leaves answers its long polls empty instead of letting them hang", async () => {
  const cluster = await startCluster();
  const leader = await cluster.leader();
  const workload = new Workload({ endpoints: [cluster.url(leader)], queue: "work" });
  await workload.createQueue();
  const poll = fetch(`${cluster.url(leader)}/kqueuey.v1.QueueService/Receive`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ queue: "work", maxMessages: 10, waitMs: 20_000 }),
  });
  // The poll has to be there before the node is told to go: a second one on the same connection pool
  // that is answered proves that the first was read.
  await workload.receive(1, { waitMs: 200 });
  cluster.program(leader).signal("SIGTERM");
  const response = await poll;
  expect([200, 503]).toContain(response.status);
  const answer: unknown = await response.json();
  if (response.status === 200) expect(listAt(answer, "messages")).toEqual([]);
  expect(await cluster.program(leader).ended()).toEqual({ code: 0, signal: null });
});

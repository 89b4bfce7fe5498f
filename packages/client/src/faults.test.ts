import { KQueueyError } from "@kqueuey/contract";
import { describe, expect, test } from "vitest";
import { createClient } from "./client.ts";
import {
  createTestCluster,
  type TestCluster,
  type TestNode,
  type TestRequest,
  type Verdict,
} from "./testing/index.ts";
import type { ClientOptions } from "./types.ts";

/** Three nodes whose requests are recorded and judged by the test. */
async function start(clientOptions: Partial<ClientOptions> = {}) {
  const requests: TestRequest[] = [];
  const rules = { judge: (_request: TestRequest): Verdict => "answer" };
  const cluster = createTestCluster({
    time: "manual",
    nodes: 3,
    intercept: (request) => {
      requests.push(request);
      return rules.judge(request);
    },
  });
  const { endpoints, transport } = cluster;
  const client = createClient({ endpoints, transport, ...clientOptions });
  await client.createQueue("q");
  await cluster.settle();
  requests.length = 0;
  return { cluster, client, queue: client.queue("q"), requests, rules };
}

function node(cluster: TestCluster, id: number): TestNode {
  const found = cluster.nodes[id - 1];
  if (found === undefined) throw new Error(`there is no node ${id}`);
  return found;
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: unknown) => (KQueueyError.is(error) ? error.code : String(error)),
  );
}

/** Judges the first request as given and answers the others. */
function once(verdict: Verdict): () => Verdict {
  let first = true;
  return () => {
    if (!first) return "answer";
    first = false;
    return verdict;
  };
}

describe("lost answers", () => {
  test("a send whose answer was lost is asked for again by the same id, on any node, and stored once", async () => {
    const { cluster, client, queue, requests, rules } = await start();
    rules.judge = once("lose");
    const sent = queue.send("only once");
    await cluster.advance(1_000);
    expect((await sent).sequence).toBe(1);
    expect(requests.length).toBe(2);
    expect(requests[0]?.requestId).toBe(requests[1]?.requestId);
    expect(requests[0]?.nodeId).not.toBe(requests[1]?.nodeId);
    expect(await client.describeQueue("q")).toMatchObject({ available: 1 });
  });

  test("a receive whose answer was lost gets the same messages again", async () => {
    const { cluster, queue, rules } = await start();
    await queue.send("x");
    rules.judge = once("lose");
    const receiving = queue.receive({ waitMs: 0 });
    await cluster.advance(1_000);
    const [message] = await receiving;
    expect(message).toMatchObject({ text: "x", receiveCount: 1, fencingToken: 1 });
    expect(await message?.ack()).toBe(true);
  });

  test("a tombstone whose answer was lost is reported effective all the same", async () => {
    const { cluster, queue, rules } = await start();
    await queue.send("x");
    const [message] = await queue.receive({ waitMs: 0 });
    rules.judge = once("lose");
    const acked = message?.ack();
    await cluster.advance(1_000);
    expect(await acked).toBe(true);
  });

  test("a retry that would come too late to be recognised is not made", async () => {
    const { cluster, queue, requests, rules } = await start({ timeoutMs: 600_000 });
    rules.judge = once("lose");
    const code = codeOf(queue.send("x"));
    await cluster.settle();
    for (const each of cluster.nodes) each.crash();
    await cluster.advance(50_000);
    for (const each of cluster.nodes) each.restart();
    rules.judge = once("lose");
    await cluster.advance(10_000);
    expect(await code).toBe("OUTCOME_UNKNOWN");
    expect(requests.length).toBeLessThanOrEqual(2);
  });

  test("two clients never use the same request id", async () => {
    const { cluster, queue, requests } = await start();
    const other = createClient({ endpoints: cluster.endpoints, transport: cluster.transport });
    await Promise.all([queue.send("a"), other.queue("q").send("b")]);
    expect(new Set(requests.map(({ requestId }) => requestId)).size).toBe(2);
  });
});

describe("leaders", () => {
  test("calls go to the leader, also right after it changed", async () => {
    const { cluster, queue, requests } = await start();
    await queue.send("a");
    expect(requests.at(-1)?.nodeId).toBe(1);
    cluster.elect(3);
    await queue.send("b");
    await queue.send("c");
    expect(requests.map(({ nodeId }) => nodeId)).toEqual([1, 1, 3]);
  });

  test("a node that names the leader in its error is followed at once", async () => {
    const { cluster, queue, requests, rules } = await start();
    const details = { leaderUrl: node(cluster, 2).url };
    rules.judge = once(new KQueueyError("UNAVAILABLE", "not the leader", { details }));
    const sent = queue.send("a");
    await cluster.advance(1);
    await sent;
    expect(requests.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
  });

  test("without a leader calls wait for one, with growing pauses, and fail when their time is over", async () => {
    const { cluster, queue, requests } = await start();
    cluster.elect(undefined);
    const sent = queue.send("patient");
    const hurried = codeOf(queue.send("hurried", { timeoutMs: 2_000 }));
    await cluster.advance(2_000);
    expect(await hurried).toBe("DEADLINE_EXCEEDED");
    const tries = requests.length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(40);
    cluster.elect(2);
    await cluster.advance(4_000);
    expect((await sent).sequence).toBeGreaterThan(0);
    cluster.elect(undefined);
    const code = codeOf(queue.receive({ waitMs: 0, timeoutMs: 3_000 }));
    await cluster.advance(3_000);
    expect(await code).toBe("UNAVAILABLE");
  });

  test("nodes that endpoints does not name are learned, unless discovery is off", async () => {
    const cluster = createTestCluster({ time: "manual", nodes: 3 });
    cluster.elect(3);
    const endpoints = cluster.endpoints.slice(0, 1);
    const { transport } = cluster;
    const curious = createClient({ endpoints, transport });
    await curious.createQueue("q");
    await cluster.settle();
    expect(node(cluster, 3).connections).toBe(1);
    await curious.close();
    const modest = createClient({ endpoints, transport, discover: false });
    await modest.queue("q").send("x");
    await cluster.settle();
    expect(node(cluster, 3).connections).toBe(0);
    expect(node(cluster, 1).connections).toBe(1);
  });

  test("a node that says it will go away gets no new calls", async () => {
    const { cluster, queue, requests } = await start();
    await queue.send("a");
    cluster.elect(2);
    node(cluster, 1).goAway("maintenance");
    await cluster.settle();
    await queue.send("b");
    expect(requests.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
  });

  test("nodes that all said so, and stayed, are used again", async () => {
    const { cluster, queue } = await start();
    await queue.send("a");
    for (const each of cluster.nodes) each.goAway("maintenance");
    await cluster.settle();
    const sent = queue.send("b");
    await cluster.advance(5_000);
    expect((await sent).sequence).toBe(2);
  });
});

describe("connections", () => {
  test("calls in flight on a node that dies are finished by another", async () => {
    const { cluster, queue, rules } = await start();
    rules.judge = ({ nodeId }) => (nodeId === 1 ? "ignore" : "answer");
    const sent = queue.send("x");
    const received = queue.receive({ waitMs: 20_000 });
    await cluster.settle();
    node(cluster, 1).crash();
    cluster.elect(2);
    await cluster.advance(100);
    expect((await sent).sequence).toBe(1);
    expect((await received)[0]?.text).toBe("x");
  });

  test("a node that stands still is found out by pings, within seconds", async () => {
    const { cluster, queue, requests } = await start();
    node(cluster, 1).pause();
    const sent = queue.send("x");
    await cluster.settle();
    cluster.elect(2);
    await cluster.advance(8_000);
    expect((await sent).sequence).toBe(1);
    expect(requests.at(-1)?.nodeId).toBe(2);
  });

  test("a process that itself stood still does not take its nodes for dead", async () => {
    const { cluster, queue, requests, rules } = await start();
    rules.judge = () => "ignore";
    const code = codeOf(queue.send("x", { timeoutMs: 60_000 }));
    await cluster.advance(2_900);
    cluster.jump(10_000);
    await cluster.advance(2_000);
    expect(requests.length).toBe(1);
    expect(cluster.nodes.map(({ connections }) => connections)).toEqual([1, 1, 1]);
    await cluster.advance(60_000);
    expect(await code).toBe("DEADLINE_EXCEEDED");
  });

  test("a dead node is tried again, with pauses, and used when it is back", async () => {
    const { cluster, queue } = await start();
    node(cluster, 2).crash();
    await cluster.advance(60_000);
    expect(node(cluster, 2).connections).toBe(0);
    node(cluster, 2).restart();
    await cluster.advance(5_000);
    expect(node(cluster, 2).connections).toBe(1);
    await queue.send("x");
  });

  test("when no node can be reached the error says why for each", async () => {
    const cluster = createTestCluster({ time: "manual", nodes: 2 });
    for (const each of cluster.nodes) each.crash();
    const { endpoints, transport } = cluster;
    const client = createClient({ endpoints: [...endpoints, "nowhere.test"], transport });
    const failed = client.queue("q").receive({ waitMs: 0, timeoutMs: 1_000 });
    const outcome = failed.catch((error: unknown) => error);
    await cluster.advance(1_000);
    expect(await outcome).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/node-1.test.*connection refused.*nowhere.test.*no such host/),
    });
  });

  test("a node of another cluster is refused", async () => {
    const cluster = createTestCluster({ time: "manual" });
    const { endpoints, transport } = cluster;
    const client = createClient({ endpoints, transport, clusterId: "another" });
    const outcome = client.clusterStatus({ timeoutMs: 1_000 }).catch((error: unknown) => error);
    await cluster.advance(1_000);
    expect(await outcome).toMatchObject({ message: expect.stringContaining("not another") });
  });

  test("close() during a first connect leaves nothing open", async () => {
    const cluster = createTestCluster({ time: "manual", nodes: 3 });
    const client = createClient({ endpoints: cluster.endpoints, transport: cluster.transport });
    const code = codeOf(client.clusterStatus());
    await client.close();
    expect(await code).toBe("CANCELLED");
    await cluster.advance(60_000);
    expect(cluster.nodes.map(({ connections }) => connections)).toEqual([0, 0, 0]);
  });
});

describe("bounds and cancellation", () => {
  test("calls beyond the limit wait their turn; waiting receives take none of it", async () => {
    const { cluster, client, queue, requests, rules } = await start({ maxCallsInFlight: 2 });
    rules.judge = ({ method }) => (method === "describeQueue" ? "ignore" : "answer");
    // Under different terms: those under the same ones share a call.
    const polls = [1_000, 2_000].map((visibilityTimeoutMs) =>
      queue.receive({ waitMs: 20_000, visibilityTimeoutMs }),
    );
    const codes = [1, 2, 3].map(() => codeOf(client.describeQueue("q", { timeoutMs: 1_000 })));
    await cluster.settle();
    expect(requests.filter(({ method }) => method === "describeQueue").length).toBe(2);
    expect(requests.filter(({ method }) => method === "receive").length).toBe(2);
    await cluster.advance(1_000);
    expect(await Promise.all(codes)).toEqual(Array(3).fill("DEADLINE_EXCEEDED"));
    rules.judge = () => "answer";
    expect(await client.describeQueue("q")).toMatchObject({ name: "q" });
    await cluster.advance(20_000);
    await Promise.all(polls);
  });

  test("a throttled call comes back no sooner than asked to", async () => {
    const { cluster, queue, requests, rules } = await start();
    const details = { retryAfterMs: 500 };
    rules.judge = once(new KQueueyError("THROTTLED", "slow down", { details }));
    const sent = queue.send("x");
    await cluster.advance(499);
    expect(requests.length).toBe(1);
    await cluster.advance(100);
    await sent;
    expect(requests.length).toBe(2);
  });

  test("a receive that is cancelled leases nothing, also when its messages crossed the cancel", async () => {
    const { cluster, client, queue } = await start();
    const abort = new AbortController();
    const poll = codeOf(queue.receive({ waitMs: 20_000, signal: abort.signal }));
    await cluster.settle();
    abort.abort();
    expect(await poll).toBe("CANCELLED");
    await queue.send("kept");
    expect(await client.describeQueue("q")).toMatchObject({ available: 1, inFlight: 0 });

    // The node stands still while request and cancel arrive: the answer is made before the cancel is read.
    const crossing = new AbortController();
    node(cluster, 1).pause();
    const crossed = codeOf(queue.receive({ waitMs: 0, signal: crossing.signal }));
    await cluster.settle();
    crossing.abort();
    expect(await crossed).toBe("CANCELLED");
    await cluster.settle();
    node(cluster, 1).resume();
    await cluster.settle();
    await cluster.settle();
    expect(await client.describeQueue("q")).toMatchObject({ available: 1, inFlight: 0 });
  });

  test("an answer that is no answer fails its call, not the others", async () => {
    const { queue } = await start();
    expect(await codeOf(queue.receive({ waitMs: 0, maxMessages: 2_000 }))).toBe("INVALID_ARGUMENT");
    expect(await codeOf(queue.receive({ timeoutMs: 0 }))).toBe("INVALID_ARGUMENT");
    await queue.send("x");
  });
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { Program } from "../harness/node-process.ts";
import { at, listAt, numberAt, textAt } from "../harness/rpc.ts";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly output: string;
}

/** Runs `kqueuey` with `args` against the cluster, with `input` as its standard input. */
function commands(cluster: Cluster): (args: readonly string[], input?: string) => Promise<Ended> {
  return async (args, input) => {
    const program = new Program(args, {
      env: { KQUEUEY_ENDPOINT: cluster.endpoints.join(",") },
      cwd: cluster.folder,
      ...(input === undefined ? {} : { input }),
    });
    const { code } = await program.ended();
    return { code, stdout: program.stdout, output: program.output };
  };
}

test("queues: create, list, show, set, purge, delete", async () => {
  const cluster = await startCluster();
  const run = commands(cluster);
  const created = await run(["queue", "create", "orders", "--visibility-timeout", "5m", "--json"]);
  expect(JSON.parse(created.stdout)).toEqual({ queue: "orders", created: true });
  const again = await run(["queue", "create", "orders", "--visibility-timeout", "5m", "--json"]);
  expect(JSON.parse(again.stdout)).toEqual({ queue: "orders", created: false });
  const other = await run(["queue", "create", "orders", "--visibility-timeout", "6m"]);
  expect(other.code).toBe(5);

  expect((await run(["queue", "list"])).stdout).toContain("orders");
  await run(["queue", "set", "orders", "--delay", "10s"]);
  const shown = await run(["queue", "show", "orders", "--json"]);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    name: "orders",
    attributes: { visibilityTimeoutMs: 300_000, delayMs: 10_000 },
    available: 0,
  });

  await run(["send", "orders", "hello"]);
  expect(JSON.parse((await run(["queue", "show", "orders", "--json"])).stdout)).toMatchObject({
    delayed: 1,
  });
  await run(["queue", "create", "late"]);
  const started = await run(["queue", "redrive", "orders", "--to", "late", "--rate", "1"]);
  expect(started.stdout).toMatch(/^started task [0-9a-f-]{36}\n$/);
  const [task] = JSON.parse((await run(["queue", "redrive", "orders", "--list", "--json"])).stdout);
  expect(task).toMatchObject({ destination: "late", messagesPerSecond: 1, moved: 0, toMove: 0 });
  expect((await run(["queue", "redrive", "nowhere"])).code).toBe(3);
  expect((await run(["queue", "purge", "orders"])).code).toBe(0);
  expect((await run(["queue", "delete", "orders"])).code).toBe(0);
  expect((await run(["queue", "show", "orders"])).code).toBe(3);
});

test("messages: send in three ways, poll, extend, release, ack", async () => {
  const cluster = await startCluster();
  const run = commands(cluster);
  await run(["queue", "create", "jobs"]);
  const file = join(cluster.folder, "job.json");
  writeFileSync(file, '{"job":3}');
  expect((await run(["send", "jobs", "one"])).code).toBe(0);
  expect((await run(["send", "jobs"], "two\n\nthree\n")).stdout).toContain("2");
  expect((await run(["send", "jobs", "--file", file, "--attribute", "kind=file"])).code).toBe(0);

  const polled = await run(["poll", "jobs", "--max", "10", "--json"]);
  const messages = polled.stdout.trim().split("\n").map(parse);
  expect(messages.map((message) => textAt(message, "body"))).toEqual([
    "one",
    "two",
    "three",
    '{"job":3}',
  ]);
  expect(at(messages[3], "attributes")).toEqual({ kind: "file" });
  const receipts = messages.map((message) => textAt(message, "receiptHandle"));
  const [first = "", second = "", ...rest] = receipts;

  expect((await run(["extend", "jobs", first, "--help"])).stdout).toContain("Examples");
  expect((await run(["release", "jobs", second])).code).toBe(0);
  const back = await run(["poll", "jobs", "--json"]);
  expect(parse(back.stdout)).toMatchObject({ body: "two", receiveCount: 2 });
  const acked = await run(["ack", "jobs", first, ...rest]);
  expect(acked).toMatchObject({ code: 0 });
  // The receipt of the first delivery is worth nothing any more, and the exit code says so.
  const stale = await run(["ack", "jobs", second, "--json"]);
  expect(stale.code).toBe(5);
  expect(parse(stale.stdout)).toMatchObject([{ outcome: "stale" }]);
  expect((await run(["ack", "jobs", "no-receipt"])).code).not.toBe(0);
});

test("the cluster's status, and what happens when nobody is there", async () => {
  const cluster = await startCluster();
  const run = commands(cluster);
  // A node learns of the others' progress from what they tell it twice a second.
  const status = await until(
    async () => {
      const told = parse((await run(["cluster", "status", "--json"])).stdout);
      return listAt(told, "nodes").every((node) => numberAt(node, "appliedIndex") > 0) && told;
    },
    { what: "a status of three nodes that have applied something" },
  );
  expect(textAt(status, "clusterId")).toBe(cluster.id);
  expect(numberAt(status, "leader")).toBe(await cluster.leader());
  const nodes = listAt(status, "nodes");
  expect(nodes.map((node) => numberAt(node, "id"))).toEqual([1, 2, 3]);
  for (const node of nodes) {
    const place = cluster.place(numberAt(node, "id"));
    expect(node).toMatchObject({
      clientUrl: place.clientUrl,
      peerAddress: `127.0.0.1:${place.peerPort}`,
      healthy: true,
    });
  }
  await Promise.all(cluster.running.map((id) => cluster.kill(id)));
  const alone = await run(["queue", "list", "--timeout", "2s", "--json"]);
  expect(alone.code).toBe(4);
});

test("help has examples, and wrong usage says so", async () => {
  const cluster = await startCluster({ nodes: 1 });
  const run = commands(cluster);
  const help = await run(["--help"]);
  expect(help.code).toBe(0);
  for (const command of ["serve", "dev", "queue", "send", "poll", "ack", "extend", "release"]) {
    expect(help.stdout).toContain(command);
  }
  expect((await run(["poll", "jobs", "--max", "0"])).code).toBe(2);
  expect((await run(["sned", "jobs"])).code).toBe(2);
});

function parse(text: string): unknown {
  return JSON.parse(text);
}

test("FIFO queues: groups in order, repeated sends dropped", async () => {
  const cluster = await startCluster();
  const run = commands(cluster);
  expect((await run(["queue", "create", "orders", "--fifo"])).code).toBe(2);
  await run(["queue", "create", "orders.fifo", "--fifo"]);
  const shown = await run(["queue", "show", "orders.fifo", "--json"]);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    attributes: { fifo: { deduplicationScope: "queue", contentBasedDeduplication: false } },
  });
  expect((await run(["send", "orders.fifo", "x"])).code).toBe(2);
  const send = (body: string, group: string, id: string): Promise<Ended> =>
    run(["send", "orders.fifo", body, "--group", group, "--dedup-id", id, "--json"]);
  const first = JSON.parse((await send("a1", "a", "1")).stdout);
  await send("a2", "a", "2");
  await send("b1", "b", "3");
  const again = JSON.parse((await send("other", "b", "1")).stdout);
  expect(again).toEqual(first);
  const poll = ["poll", "orders.fifo", "--json", "--max", "1"];
  const one = JSON.parse((await run(poll)).stdout);
  const named = { groupId: "a", deduplicationId: "1", sequenceNumber: "10000000000000000001" };
  expect(one).toMatchObject({ body: "a1", ...named });
  expect(JSON.parse((await run(poll)).stdout)).toMatchObject({ body: "b1", groupId: "b" });
  expect((await run(poll)).stdout).toBe("");
  await run(["ack", "orders.fifo", textAt(one, "receiptHandle")]);
  expect(JSON.parse((await run([...poll, "--ack"])).stdout)).toMatchObject({ body: "a2" });
});

test("fair queues: quiet groups first while one is noisy, under the queue's own settings", async () => {
  const cluster = await startCluster();
  const run = commands(cluster);
  const settings = ["--noisy-in-flight", "3", "--noisy-percent", "20"];
  await run(["queue", "create", "jobs", ...settings]);
  const send = (body: string, group: string): Promise<Ended> =>
    run(["send", "jobs", body, "--group", group]);
  for (let at = 0; at < 6; at++) await send(`loud-${at}`, "loud");
  await send("quiet", "quiet");
  const poll = async (max: number): Promise<string[]> => {
    const { stdout } = await run(["poll", "jobs", "--json", "--max", `${max}`]);
    return stdout.split("\n").flatMap((line) => (line === "" ? [] : [textAt(parse(line), "body")]));
  };
  expect(await poll(3)).toEqual(["loud-0", "loud-1", "loud-2"]);
  const shown = JSON.parse((await run(["queue", "show", "jobs", "--json"])).stdout);
  expect(shown).toMatchObject({
    attributes: { fairness: { inFlightMin: 3, inFlightPercent: 20 } },
    noisyGroups: 1,
    availableQuiet: 1,
  });
  expect(await poll(2)).toEqual(["quiet", "loud-3"]);
  // At 100 % no group is ever noisy.
  const off = await run([
    "queue",
    "set",
    "jobs",
    "--noisy-in-flight",
    "3",
    "--noisy-percent",
    "100",
  ]);
  expect(off.code).toBe(0);
  await send("late", "quiet");
  expect(await poll(3)).toEqual(["loud-4", "loud-5", "late"]);
});

import { expect, test } from "vitest";
import { createClient } from "./client.ts";
import { createTestCluster } from "./testing/index.ts";
import type { Transport } from "./transport.ts";

test("one node under two names is one connection, and the second name serves when the first is gone", async () => {
  const cluster = createTestCluster({ time: "manual" });
  const { transport } = cluster;
  const [endpoint = ""] = cluster.endpoints;
  const aliased: Transport = {
    ...transport,
    connect: (url, events) => transport.connect(url.replace("alias", "node-1"), events),
  };
  const endpoints = [endpoint, endpoint.replace("node-1", "alias")];
  const client = createClient({ endpoints, transport: aliased });
  await client.createQueue("q");
  await cluster.settle();
  expect(cluster.nodes[0]?.connections).toBe(1);
  cluster.nodes[0]?.crash();
  await cluster.settle();
  cluster.nodes[0]?.restart();
  await cluster.advance(10_000);
  await client.queue("q").send("x");
  expect(cluster.nodes[0]?.connections).toBe(1);
  await client.close();
  await cluster.settle();
  expect(cluster.nodes[0]?.connections).toBe(0);
});

test("a hint to a node that cannot be reached does not stop the work", async () => {
  const cluster = createTestCluster({ time: "manual", nodes: 2 });
  const { endpoints, transport } = cluster;
  cluster.elect(2);
  cluster.nodes[1]?.crash();
  const client = createClient({ endpoints, transport });
  await client.createQueue("q");
  for (let i = 0; i < 5; i++) {
    await client.queue("q").send(`${i}`);
    await cluster.advance(1_000);
  }
  expect(await client.describeQueue("q")).toMatchObject({ available: 5 });
});

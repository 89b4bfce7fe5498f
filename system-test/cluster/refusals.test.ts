import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { until } from "../harness/condition.ts";
import { layCluster, startCluster } from "../harness/fixture.ts";
import { Program } from "../harness/node-process.ts";
import { freePorts } from "../harness/ports.ts";
import { Workload } from "../harness/workload.ts";

/** The flags of node `id` with some replaced. */
function changed(
  cluster: Cluster,
  id: number,
  changes: Readonly<Record<string, string>>,
): string[] {
  const flags = cluster.flagsOf(id);
  return flags.map((word, index) => changes[flags[index - 1] ?? ""] ?? word);
}

async function refusal(args: readonly string[]): Promise<string> {
  const program = new Program(["serve", ...args]);
  const { code } = await program.ended();
  expect(code).not.toBe(0);
  expect(code).not.toBe(null);
  return program.output;
}

describe("a node that must not start does not, and says why", () => {
  test("a data directory that another process uses", async () => {
    const cluster = await startCluster({ nodes: 1 });
    const ports = await freePorts(2);
    const [clientPort = 0, peerPort = 0] = ports;
    const output = await refusal(
      changed(cluster, 1, {
        "--client-listen": `127.0.0.1:${clientPort}`,
        "--peer-listen": `127.0.0.1:${peerPort}`,
        "--peers": `1@127.0.0.1:${peerPort}`,
      }),
    );
    expect(output).toMatch(/in use/);
    expect(output).toContain(cluster.place(1).directory);
    await cluster.leader();
  });

  test("a data directory of another cluster", async () => {
    const cluster = await startCluster({ nodes: 1 });
    cluster.program(1).signal("SIGTERM");
    await cluster.program(1).ended();
    const output = await refusal(changed(cluster, 1, { "--cluster-id": "another" }));
    expect(output).toContain(cluster.place(1).directory);
    expect(output).toMatch(/belongs to another cluster than "another"/);
    expect(output).toContain("--cluster-id");
    // Nothing was changed: the right cluster still starts on it.
    cluster.start(1);
    await cluster.leader();
  });

  test("a data directory of another node", async () => {
    const cluster = await startCluster();
    cluster.program(2).signal("SIGTERM");
    await cluster.program(2).ended();
    const output = await refusal(
      changed(cluster, 2, {
        "--storage-directory": cluster.place(2).directory,
        "--node-id": "4",
      }).map((word) => word.replace("2@127", "4@127")),
    );
    expect(output).toMatch(/node/);
    cluster.start(2);
    await cluster.leader();
  });

  test("a port that is taken is named with the flag that changes it", async () => {
    const cluster = await startCluster({ nodes: 1 });
    const [free = 0] = await freePorts(1);
    const output = await refusal(
      changed(cluster, 1, {
        "--peer-listen": `127.0.0.1:${free}`,
        "--peers": `1@127.0.0.1:${free}`,
        "--storage-directory": `${cluster.place(1).directory}-other`,
      }),
    );
    expect(output).toContain(String(cluster.place(1).clientPort));
    expect(output).toContain("--client-listen");
  });
});

describe("a node that is not one of us", () => {
  test("of another cluster id never joins, and the cluster works on without it", async () => {
    const cluster = await layCluster();
    cluster.start(1);
    cluster.start(2);
    const stranger = new Program([
      "serve",
      ...changed(cluster, 3, {
        "--cluster-id": "other",
        "--storage-directory": `${cluster.place(3).directory}-other`,
      }),
    ]);
    try {
      await until(() => /cluster/i.test(stranger.output) && /other/.test(stranger.output), {
        what: "the stranger to say that it was refused",
      });
      // An empty directory begins a cluster only when every listed peer says that it is empty too.
      expect(await cluster.ready(1)).toBe(false);
    } finally {
      await stranger.kill();
    }
    cluster.start(3);
    await cluster.leader();
    const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
    await workload.createQueue();
    await workload.send(10);
    expect((await workload.depth()).available).toBe(10);
  });

  test("a second node with the same id does not replace the first", async () => {
    const cluster = await startCluster();
    const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
    await workload.createQueue();
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const twin = new Program([
      "serve",
      ...changed(cluster, 3, {
        "--client-listen": `127.0.0.1:${clientPort}`,
        "--peer-listen": `127.0.0.1:${peerPort}`,
        "--storage-directory": `${cluster.place(3).directory}-twin`,
      }).map((word) =>
        word.replace(
          `127.0.0.1:${cluster.place(3).peerPort}=${cluster.url(3)}`,
          `127.0.0.1:${peerPort}=http://127.0.0.1:${clientPort}`,
        ),
      ),
    ]);
    try {
      await workload.send(100);
      await until(
        () => !twin.running || /refus|same id|another|already|probation/i.test(twin.output),
        {
          what: "the twin to be refused",
        },
      );
      await workload.send(100);
      const status = await cluster.status(await cluster.leader());
      expect(status.nodes).toHaveLength(3);
    } finally {
      await twin.kill();
    }
    expect((await workload.depth()).available).toBe(200);
    await cluster.leader();
  });
});

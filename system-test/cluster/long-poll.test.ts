import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { startCluster } from "../harness/fixture.ts";
import { Workload } from "../harness/workload.ts";

describe("a long poll", () => {
  test("is answered as soon as a message comes, on every node", async () => {
    const cluster = await startCluster();
    for (const place of cluster.places) {
      const workload = new Workload({ endpoints: [place.clientUrl], queue: `q${place.id}` });
      await workload.createQueue();
      const startedMs = performance.now();
      const poll = workload.receive(10, { waitMs: 15_000 });
      await workload.send(1);
      expect(await poll).toHaveLength(1);
      expect(performance.now() - startedMs).toBeLessThan(10_000);
    }
  });

  test("of a client that hung up is not given messages", async () => {
    const cluster = await startCluster();
    for (const place of cluster.places) {
      const workload = new Workload({ endpoints: [place.clientUrl], queue: `q${place.id}` });
      await workload.createQueue({ visibilityTimeoutMs: 600_000 });
      for (let round = 0; round < 5; round += 1) await pollAndHangUp(cluster, place.id);
      await workload.send(10);
      const deliveries = await workload.receive(10, { waitMs: 5_000 });
      // All ten, and each for the first time: none is leased to the one that left.
      expect(deliveries.map((delivery) => delivery.receiveCount)).toEqual(
        Array.from({ length: 10 }, () => 1),
      );
    }
  });
});

/** Opens a poll on a socket of its own, waits until the node has surely read it, and breaks the connection. */
async function pollAndHangUp(cluster: Cluster, id: number): Promise<void> {
  const { clientPort, clientUrl } = cluster.place(id);
  const body = JSON.stringify({
    queue: `q${id}`,
    maxMessages: 10,
    waitMs: 20_000,
    requestId: randomUUID(),
  });
  const socket = connect(clientPort, "127.0.0.1");
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.write(
    `POST /kqueuey.v1.QueueService/Receive HTTP/1.1\r\nhost: 127.0.0.1\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const other = new Workload({ endpoints: [clientUrl], queue: `q${id}` });
  await other.receive(1, { waitMs: 100 });
  await new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.resetAndDestroy();
  });
}

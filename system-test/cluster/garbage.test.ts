import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { startCluster } from "../harness/fixture.ts";
import { Workload } from "../harness/workload.ts";

const ROUNDS = 60;

describe("random bytes", () => {
  test.each(["client", "peer"] as const)("on the %s port never crash a node", async (port) => {
    const cluster = await startCluster();
    const workload = new Workload({ endpoints: cluster.endpoints, queue: "work" });
    await workload.createQueue();
    workload.startSenders(1);
    const seed = Math.floor(Math.random() * 2 ** 32);
    const next = generator(seed);
    for (let round = 0; round < ROUNDS; round += 1) {
      const place = cluster.places[round % cluster.places.length];
      if (place === undefined) break;
      await pour(port === "client" ? place.clientPort : place.peerPort, bytesOf(next, round));
    }
    expect({ seed, running: cluster.running }).toEqual({ seed, running: [1, 2, 3] });
    await stillWell(cluster, workload);
  });

  test("in place of requests are refused with a clear error and change nothing", async () => {
    const cluster = await startCluster({ nodes: 1 });
    const url = cluster.url(1);
    const workload = new Workload({ endpoints: [url], queue: "work" });
    await workload.createQueue();
    await workload.send(5);
    const next = generator(7);
    for (const type of ["application/json", "application/proto", "application/x-amz-json-1.0"]) {
      for (const path of ["/kqueuey.v1.QueueService/Send", "/", "/nowhere"]) {
        const bytes = bytesOf(next, 2);
        const response = await fetch(`${url}${path}`, {
          method: "POST",
          headers: { "content-type": type, "x-amz-target": "AmazonSQS.SendMessage" },
          body: new Uint8Array(bytes),
        });
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(response.status).toBeLessThan(500);
        await response.text();
      }
    }
    expect(await workload.depth()).toEqual({ available: 5, inFlight: 0, delayed: 0 });
  });
});

async function stillWell(cluster: Cluster, workload: Workload): Promise<void> {
  workload.startWorkers(1);
  await cluster.leader();
  await workload.drain();
  expect(workload.history.violations()).toEqual([]);
}

/** Writes bytes to a port and waits until the other side, or we after a while, end the connection. */
function pour(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(100, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    socket.once("close", () => resolve());
    socket.write(bytes);
  });
}

/** Garbage of different kinds: noise, a broken HTTP head, a length that promises too much, an upgrade. */
function bytesOf(next: () => number, kind: number): Buffer {
  const noise = Buffer.from(Array.from({ length: 1 + (next() % 4_096) }, () => next() % 256));
  const heads = [
    "",
    "POST /kqueuey.v1.QueueService/Send HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
    "",
    "GET / HTTP/9.9\r\n\0\0\r\n\r\n",
    "\xff\xff\xff\xff",
    "GET /kqueuey.v1/stream HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n" +
      "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ];
  return Buffer.concat([Buffer.from(heads[kind % heads.length] ?? "", "latin1"), noise]);
}

/** A small seeded generator of 32-bit numbers (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

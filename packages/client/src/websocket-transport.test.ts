/** The production transport over real sockets of this machine; what answers is the test cluster's node. */
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createClient } from "./client.ts";
import { createTestCluster, type TestCluster } from "./testing/index.ts";
import type { Client } from "./types.ts";

let cluster: TestCluster;
let server: WebSocketServer;
let client: Client;
const sockets = new Set<WebSocket>();

/** Puts the test node behind a real WebSocket. */
function bridge(socket: WebSocket): void {
  sockets.add(socket);
  const link = cluster.nodes[0]?.connect({
    opened: () => {},
    received: (bytes) => socket.send(bytes),
    ponged: () => {},
    closed: () => socket.close(),
  });
  socket.on("message", (data: Buffer) => link?.send(new Uint8Array(data)));
  socket.on("close", () => {
    sockets.delete(socket);
    link?.terminate();
  });
}

beforeEach(async () => {
  cluster = createTestCluster();
  server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 16_777_216 });
  server.on("connection", bridge);
  await new Promise<void>((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  client = createClient({ endpoints: [`http://127.0.0.1:${port}`], discover: false });
});

afterEach(async () => {
  await client.close();
  for (const socket of sockets) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

test("messages of every size travel both ways", async () => {
  await client.createQueue("q");
  const queue = client.queue("q");
  const bodies = [1, 125, 126, 65_535, 65_536, 1_048_576].map((size) =>
    new Uint8Array(size).fill(size & 0xff),
  );
  await queue.sendBatch(bodies);
  const messages = await queue.receive({ maxMessages: 10, waitMs: 0 });
  expect(messages.map(({ body }) => body.length)).toEqual(bodies.map(({ length }) => length));
  expect(messages.every(({ body }, i) => Buffer.from(bodies[i] ?? []).equals(body))).toBe(true);
  expect(await Promise.all(messages.map((message) => message.ack()))).toEqual(
    bodies.map(() => true),
  );
});

test("a connection that breaks is made again and the call finished", async () => {
  await client.createQueue("q");
  const queue = client.queue("q");
  const receiving = queue.receive({ waitMs: 20_000 });
  await expect.poll(() => sockets.size).toBe(1);
  for (const socket of sockets) socket.terminate();
  await queue.send("after the break");
  expect((await receiving)[0]?.text).toBe("after the break");
});

test("a worker works", async () => {
  await client.createQueue("q");
  const queue = client.queue("q");
  await queue.sendBatch(Array.from({ length: 2_000 }, (_, i) => `${i}`));
  const seen = new Set<string>();
  await new Promise<void>((resolve) => {
    queue.work(
      (message) => {
        seen.add(message.text);
        if (seen.size === 2_000) resolve();
      },
      { concurrency: 500 },
    );
  });
  await client.close();
  expect(seen.size).toBe(2_000);
});

test("a port where nobody listens is named with the reason", async () => {
  const nobody = createClient({ endpoints: ["http://127.0.0.1:1"] });
  await expect(nobody.clusterStatus({ timeoutMs: 200 })).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/127\.0\.0\.1:1.*ECONNREFUSED/),
  });
  await nobody.close();
});

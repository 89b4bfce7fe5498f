/** Requests that want to cost more than they should: each is answered or cut off, and the node goes on. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { until } from "../harness/condition.ts";
import { startCluster } from "../harness/fixture.ts";
import { ask } from "./raw-request.ts";

const MIB = 1_048_576;
/** What a node may come to use more while it is under attack. */
const GROWTH_BYTES_MAX = 700 * MIB;

const JSON_TYPE = "application/x-amz-json-1.0";
const FORM_TYPE = "application/x-www-form-urlencoded";

async function startNode(): Promise<Cluster> {
  const cluster = await startCluster({ nodes: 1 });
  await ask(cluster.url(1), "CreateQueue", { QueueName: "q" });
  return cluster;
}

/** Resident bytes of the node's process; undefined where the system does not tell. */
function residentBytes(cluster: Cluster): number | undefined {
  try {
    const status = readFileSync(`/proc/${cluster.program(1).pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  } catch {
    return undefined;
  }
}

async function post(cluster: Cluster, type: string, body: string): Promise<[number, string]> {
  const response = await fetch(`${cluster.url(1)}/`, {
    method: "POST",
    headers: {
      "Content-Type": type,
      ...(type === FORM_TYPE ? {} : { "X-Amz-Target": "AmazonSQS.SendMessage" }),
    },
    body,
  });
  return [response.status, await response.text()];
}

async function stillWell(cluster: Cluster): Promise<void> {
  const sent = await ask(cluster.url(1), "SendMessage", { QueueUrl: "q", MessageBody: "well" });
  expect(sent.status).toBe(200);
}

/** A connection on which `text` was written and nothing follows. */
function half(cluster: Cluster, text: string): Promise<Socket> {
  const { host, clientPort } = cluster.place(1);
  return new Promise((resolve) => {
    const socket = connect(clientPort, host, () => {
      socket.write(text);
      resolve(socket);
    });
    socket.on("error", () => undefined);
    onTestFinished(() => {
      socket.destroy();
    });
  });
}

/** What the other side says until it ends the connection. */
function lastWords(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("close", () => resolve(text));
  });
}

/** Type and body by name. */
const BOMBS: readonly (readonly [string, string, string])[] = [
  ["nested lists", JSON_TYPE, `{"QueueUrl":${"[".repeat(4 * MIB)}`],
  ["nested objects", JSON_TYPE, '{"a":'.repeat(MIB)],
  ["empty objects", JSON_TYPE, `{"Entries":[${"{},".repeat(2 * MIB)}{}]}`],
  ["many members", JSON_TYPE, `{${Array.from({ length: 400_000 }, (_, at) => `"k${at}":0`)}}`],
  ["many parameters", FORM_TYPE, `Action=SendMessage${"&a".repeat(3 * MIB)}`],
  ["a deep parameter", FORM_TYPE, `Action=SendMessage&${"a.".repeat(3 * MIB)}=1`],
  ["XML entities", "text/xml", `<!DOCTYPE a [<!ENTITY b "${"c".repeat(MIB)}">]><a>&b;&b;</a>`],
];

describe("bombs", () => {
  test("are refused, many at once, in bounded memory", async () => {
    const cluster = await startNode();
    const before = residentBytes(cluster);
    for (const [what, type, body] of BOMBS) {
      const replies = await Promise.all(
        Array.from({ length: 24 }, () => post(cluster, type, body)),
      );
      for (const [status, text] of replies) {
        expect([what, [400, 503].includes(status), text.length < 8_192]).toEqual([
          what,
          true,
          true,
        ]);
      }
      await stillWell(cluster);
      const after = residentBytes(cluster);
      if (before === undefined || after === undefined) continue;
      expect([what, after - before < GROWTH_BYTES_MAX]).toEqual([what, true]);
    }
  });

  test("a body past the bound is refused in the words of its protocol", async () => {
    const cluster = await startNode();
    const [status, text] = await post(cluster, JSON_TYPE, " ".repeat(8 * MIB + 1));
    expect([status, JSON.parse(text)]).toMatchObject([
      400,
      { __type: "com.amazon.coral.service#RequestEntityTooLargeException" },
    ]);
    const [formStatus, xml] = await post(cluster, FORM_TYPE, "a".repeat(8 * MIB + 1));
    expect([formStatus, xml]).toEqual([
      413,
      expect.stringContaining("<Code>RequestEntityTooLarge</Code>"),
    ]);
    await stillWell(cluster);
  });
});

describe("heads", () => {
  test("past every bound are answered 4xx or cut off", async () => {
    const cluster = await startNode();
    for (const head of [
      `POST / HTTP/1.1\r\nHost: a\r\nX-Long: ${"a".repeat(100_000)}\r\n\r\n`,
      `POST / HTTP/1.1\r\nHost: a\r\n${"X-Many: a\r\n".repeat(20_000)}\r\n`,
      `POST /${"a".repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    ]) {
      expect(await lastWords(await half(cluster, head))).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
      await stillWell(cluster);
    }
  });
});

describe("half requests", () => {
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${JSON_TYPE}\r\n`;

  test("hundreds of them keep nobody else waiting, and a hung-up one leaves nothing", async () => {
    const cluster = await startNode();
    const target = "X-Amz-Target: AmazonSQS.SendMessage\r\n";
    const whole = JSON.stringify({ QueueUrl: "q", MessageBody: "half" });
    const sockets = await Promise.all(
      Array.from({ length: 300 }, (_, at) =>
        half(
          cluster,
          at % 2 === 0
            ? `POST / HTTP/1.1\r\nHos`
            : `${head}${target}Content-Length: ${whole.length}\r\n\r\n${whole.slice(0, -1)}`,
        ),
      ),
    );
    await stillWell(cluster);
    for (const socket of sockets) socket.destroy();
    await until(
      async () => {
        const counts = await ask(cluster.url(1), "GetQueueAttributes", {
          QueueUrl: "q",
          AttributeNames: ["ApproximateNumberOfMessages"],
        });
        const attributes = Object(counts.output["Attributes"]);
        return attributes.ApproximateNumberOfMessages === "1";
      },
      { what: "the one whole message and none of the halves" },
    );
  });

  test("a head that does not come to its end is cut off in time", async () => {
    const cluster = await startNode();
    const words = await lastWords(await half(cluster, "POST / HTTP/1.1\r\nHost: a\r\n"));
    expect(words).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });
});

import { get } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { ClusterService, ErrorDetailSchema, KQueueyError, QueueService } from "@kqueuey/contract";
import { describe, expect, it } from "vitest";
import { MemoryBroker } from "../../testing/memory-broker.ts";
import { type RpcServerOptions, startRpcServer } from "../../testing/rpc-server.ts";
import { ManualClock } from "../../testing/timer-clock.ts";

async function setUp(options: RpcServerOptions = {}) {
  const clock = new ManualClock();
  const broker = new MemoryBroker(clock);
  const server = await startRpcServer(broker, options);
  const transport = createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" });
  const queues = createClient(QueueService, transport);
  const post = (method: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/kqueuey.v1.QueueService/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return {
    broker,
    clock,
    queues,
    post,
    server,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

interface ErrorJson {
  readonly message: string;
}

interface ReceiveJson {
  readonly messages: readonly { readonly receiptHandle: string }[];
}

interface SendJson {
  readonly results: unknown;
}

async function read<T>(response: Response | Promise<Response>): Promise<T> {
  return JSON.parse(await (await response).text());
}

async function failure(call: Promise<unknown>): Promise<{ code: Code; detail: string }> {
  try {
    await call;
  } catch (error) {
    const connectError = ConnectError.from(error);
    const [detail] = connectError.findDetails(ErrorDetailSchema);
    return { code: connectError.code, detail: `${detail?.code}: ${detail?.message}` };
  }
  throw new Error("the call succeeded");
}

describe("the native API with curl", () => {
  it("takes packed bodies, and answers with the fields of the usual form alone", async () => {
    await using t = await setUp();
    await t.post("CreateQueue", { queue: "q" });
    const sent = await t.post("Send", { queue: "q", bodies: "YWJj", bodyLengths: [1, 2] });
    expect(await sent.json()).toEqual({
      results: [
        { index: 0, messageId: expect.any(String), sequence: "1" },
        { index: 1, messageId: expect.any(String), sequence: "2" },
      ],
    });
    const received = await t.post("Receive", { queue: "q", maxMessages: 10, packed: true });
    expect(await received.json()).toMatchObject({ messages: [{ text: "a" }, { text: "bc" }] });
    const runs = [{ head: "AQ==", parts: "AAAAAAAAAAA=", tail: "AQ==" }];
    const refused = await t.post("Tombstone", { queue: "q", runs });
    expect(await refused.json()).toMatchObject({
      results: [{ outcome: "error", error: { code: "RECEIPT_INVALID" } }],
    });
    const both = { queue: "q", bodies: "YQ==", bodyLengths: [1], messages: [{ text: "b" }] };
    expect((await t.post("Send", both)).status).toBe(400);
  });

  it("creates a queue, sends, receives and deletes", async () => {
    await using t = await setUp();
    expect(await (await t.post("CreateQueue", { queue: "q" })).json()).toEqual({ created: true });
    const sent = await t.post("Send", {
      queue: "q",
      messages: [{ text: "hellö" }, { data: "AP8=" }],
    });
    expect(await sent.json()).toMatchObject({
      results: [
        { index: 0, sequence: "1" },
        { index: 1, sequence: "2" },
      ],
    });
    const received = await read<ReceiveJson>(t.post("Receive", { queue: "q", maxMessages: 10 }));
    expect(received).toMatchObject({
      messages: [
        { text: "hellö", sender: "anonymous", receiveCount: 1, leaseRemainingMs: 30_000 },
        { data: "AP8=" },
      ],
    });
    const receiptHandles = received.messages.map((message) => message.receiptHandle);
    const first = await t.post("Tombstone", { queue: "q", receiptHandles });
    expect(await first.json()).toEqual({
      results: [
        { index: 0, outcome: "effective" },
        { index: 1, outcome: "effective" },
      ],
    });
    const second = await t.post("Tombstone", {
      queue: "q",
      receiptHandles: [receiptHandles[0], "x"],
    });
    expect(await second.json()).toMatchObject({
      results: [
        { index: 0, outcome: "gone" },
        { index: 1, outcome: "error", error: { code: "RECEIPT_INVALID", retryable: false } },
      ],
    });
  });

  it.each<readonly [title: string, method: string, body: unknown, status: number, code: string]>([
    ["broken JSON", "Send", "{", 400, "MALFORMED_REQUEST"],
    ["a misspelt field", "Send", { queu: "q" }, 400, "MALFORMED_REQUEST"],
    ["a field of another kind", "Send", { queue: 1 }, 400, "MALFORMED_REQUEST"],
    ["an unknown queue", "Send", { queue: "x", messages: [{ text: "a" }] }, 404, "QUEUE_NOT_FOUND"],
    ["a bad name", "CreateQueue", { queue: "a b" }, 400, "INVALID_QUEUE_NAME"],
    ["no name", "DescribeQueue", {}, 400, "INVALID_QUEUE_NAME"],
    ["an empty batch", "Send", { queue: "q" }, 400, "BATCH_EMPTY"],
    [
      "too many messages",
      "Send",
      { queue: "q", messages: Array.from({ length: 1_001 }, () => ({ text: "a" })) },
      400,
      "BATCH_TOO_LARGE",
    ],
    ["a negative timeout", "Receive", { queue: "q", waitMs: -1 }, 400, "MALFORMED_REQUEST"],
    ["a long wait", "Receive", { queue: "q", waitMs: 20_001 }, 400, "INVALID_ARGUMENT"],
    ["too many to receive", "Receive", { queue: "q", maxMessages: 1_001 }, 400, "INVALID_ARGUMENT"],
    [
      "an attribute out of range",
      "CreateQueue",
      { queue: "r", attributes: { retentionMs: 1 } },
      400,
      "INVALID_ATTRIBUTE",
    ],
    [
      "a dead-letter limit of none",
      "CreateQueue",
      { queue: "r", attributes: { deadLetter: { queue: "q" } } },
      400,
      "INVALID_ATTRIBUTE",
    ],
    [
      "a contradiction",
      "SetQueueAttributes",
      {
        queue: "q",
        attributes: { deadLetter: { queue: "q", maximumReceives: 1 } },
        removeDeadLetter: true,
      },
      400,
      "INVALID_ARGUMENT",
    ],
    [
      "a long request id",
      "PurgeQueue",
      { queue: "q", requestId: "é".repeat(33) },
      400,
      "INVALID_ARGUMENT",
    ],
    ["an unknown method", "Explode", {}, 404, "UNSUPPORTED"],
  ])("refuses %s with its code", async (_title, method, body, status, code) => {
    await using t = await setUp();
    await t.post("CreateQueue", { queue: "q" });
    const response = await t.post(method, body);
    expect(response.status).toBe(status);
    const error = await response.json();
    expect(error).toMatchObject({
      message: expect.any(String),
      details: [{ type: "kqueuey.v1.ErrorDetail", debug: { code } }],
    });
  });

  it.each(["connect.binary", "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff"])(
    "calls bytes that are no protobuf the caller's mistake",
    async (body) => {
      await using t = await setUp();
      const response = await t.post("Send", body, { "content-type": "application/proto" });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: "invalid_argument",
        details: [{ debug: { code: "MALFORMED_REQUEST" } }],
      });
    },
  );

  it.each(["{}", "\u001f", "@"])(
    "calls a body that is no gzip the caller's mistake",
    async (body) => {
      await using t = await setUp();
      const response = await t.post("Send", body, {
        "content-type": "application/json",
        "content-encoding": "gzip",
      });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: "invalid_argument",
        details: [{ debug: { code: "MALFORMED_REQUEST" } }],
      });
    },
  );

  it("says which content type would be right, and that calls are made with POST", async () => {
    await using t = await setUp();
    const form = await t.post("Send", "a=b", {
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(form.status).toBe(415);
    expect((await read<ErrorJson>(form)).message).toContain("must be application/json");
    const got = await fetch(`${t.server.url}/kqueuey.v1.QueueService/ListQueues`);
    expect(got.status).toBe(405);
    expect((await read<ErrorJson>(got)).message).toBe("calls are made with POST");
  });

  it("answers wrong entries of a batch one by one and stores the others", async () => {
    await using t = await setUp();
    await t.post("CreateQueue", { queue: "q" });
    const messages = [
      { text: "" },
      { text: "a" },
      { text: "b", delayMs: 900_001 },
      { text: "c", attributes: [{ name: "n", type: "Number", text: "x" }] },
      { text: "d", attributes: [{ name: "a b", text: "x" }] },
      { text: "e", attributes: [{ name: "k", text: "v" }] },
    ];
    const sent = await read<SendJson>(t.post("Send", { queue: "q", messages }));
    expect(sent.results).toMatchObject([
      { index: 0, error: { code: "INVALID_MESSAGE" } },
      { index: 1, sequence: "1" },
      { index: 2, error: { code: "INVALID_ARGUMENT" } },
      { index: 3, error: { code: "INVALID_MESSAGE" } },
      { index: 4, error: { code: "INVALID_MESSAGE" } },
      { index: 5, sequence: "2" },
    ]);
    const received = await read<ReceiveJson>(t.post("Receive", { queue: "q", maxMessages: 10 }));
    expect(received.messages).toMatchObject([
      { text: "a" },
      { text: "e", attributes: [{ name: "k", type: "String", text: "v" }] },
    ]);
  });

  it("bounds a body, and all bodies together", async () => {
    await using t = await setUp({ bodyBytesInFlightMax: 1_000_000 });
    await t.post("CreateQueue", { queue: "q" });
    const large = await t.post("Send", { queue: "q", messages: [{ text: "x".repeat(2_000_000) }] });
    expect(large.status).toBe(429);
    expect(await large.json()).toMatchObject({
      details: [{ debug: { code: "THROTTLED", retryable: true, retryAfterMs: 100 } }],
    });
    const huge = await t.post("Send", "x".repeat(9 * 1_048_576));
    expect(huge.status).toBe(429);
    const fine = await t.post("Send", { queue: "q", messages: [{ text: "x".repeat(900_000) }] });
    expect(fine.status).toBe(200);
  });

  it("survives heads that are none", async () => {
    await using t = await setUp();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const path = "/kqueuey.v1.QueueService/Send";
      get(
        { host: t.server.host, port: t.server.port, path, headers: { host: "[" } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      ).on("error", reject);
    });
    expect(status).toBe(400);
    await new Promise<void>((resolve) => {
      const socket = connect(t.server.port, t.server.host, () => {
        socket.end(Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10]));
      });
      socket.resume();
      socket.on("close", () => resolve());
    });
    expect((await t.post("CreateQueue", { queue: "q" })).status).toBe(200);
    expect(t.server.faults).toEqual([]);
  });
});

describe("the native API with its clients", () => {
  it.each<readonly [name: string, make: (baseUrl: string) => Transport]>([
    ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
    ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
    ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ])("%s runs a message's life and gets typed errors", async (_name, make) => {
    await using t = await setUp();
    const transport = make(t.server.url);
    const queues = createClient(QueueService, transport);
    await queues.createQueue({
      queue: "q",
      attributes: { visibilityTimeoutMs: 60_000 },
      tags: { team: "a" },
    });
    await queues.send({ queue: "q", messages: [{ body: { case: "text", value: "1" } }] });
    const { messages } = await queues.receive({ queue: "q", maxMessages: 2, bodiesAsData: true });
    expect(messages[0]?.body).toEqual({ case: "data", value: new Uint8Array([0x31]) });
    expect(messages[0]?.fencingToken).toBe(1n);
    const receiptHandle = messages[0]?.receiptHandle ?? "";
    const extended = await queues.extend({
      queue: "q",
      entries: [
        { receiptHandle, visibilityTimeoutMs: 1_000 },
        { receiptHandle },
        { receiptHandle, visibilityTimeoutMs: 43_200_001 },
      ],
    });
    expect(extended.results.map((r) => r.error?.code ?? r.outcome)).toEqual([
      "effective",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
    ]);
    const released = await queues.release({ queue: "q", entries: [{ receiptHandle, delayMs: 5 }] });
    expect(released.results.map((r) => r.outcome)).toEqual(["effective"]);
    expect(await queues.describeQueue({ queue: "q" })).toMatchObject({
      available: 0,
      delayed: 1,
      inFlight: 0,
      tags: { team: "a" },
      attributes: { visibilityTimeoutMs: 60_000, retentionMs: 345_600_000 },
    });
    await queues.setQueueAttributes({ queue: "q", attributes: { delayMs: 7 } });
    await queues.createQueue({ queue: "other" });
    const started = { queue: "q", destination: "other", messagesPerSecond: 1 };
    const { taskId } = await queues.startMoveTask(started);
    expect(await queues.listMoveTasks({ queue: "q" })).toMatchObject({
      tasks: [{ taskId, status: "running", destination: "other", messagesPerSecond: 1, moved: 0n }],
    });
    expect(await queues.cancelMoveTask({ queue: "q", taskId })).toMatchObject({ moved: 0n });
    for (const wrong of [{ destination: "q" }, { messagesPerSecond: 0 }, { destination: "a b" }]) {
      await expect(queues.startMoveTask({ queue: "q", ...wrong })).rejects.toThrow();
    }
    await queues.deleteQueue({ queue: "other" });
    await queues.purgeQueue({ queue: "q" });
    expect(await queues.describeQueue({ queue: "q" })).toMatchObject({
      delayed: 0,
      attributes: { delayMs: 7 },
    });
    await queues.deleteQueue({ queue: "q" });
    expect(await failure(queues.describeQueue({ queue: "q" }))).toEqual({
      code: Code.NotFound,
      detail: "QUEUE_NOT_FOUND: there is no queue q",
    });
    const status = await createClient(ClusterService, transport).status({});
    expect(status).toMatchObject({ clusterId: "memory", leader: 1, nodes: [{ role: "leader" }] });
  });

  it("lists queues a page at a time", async () => {
    await using t = await setUp();
    for (const queue of ["a", "b-1", "b-2", "b-3"]) await t.queues.createQueue({ queue });
    const first = await t.queues.listQueues({ prefix: "b-", limit: 2 });
    expect(first).toMatchObject({ queues: ["b-1", "b-2"], nextAfter: "b-2" });
    const second = await t.queues.listQueues({ prefix: "b-", limit: 2, after: "b-2" });
    expect(second.queues).toEqual(["b-3"]);
    expect(second.nextAfter).toBeUndefined();
  });

  it("leaves successes out when asked to", async () => {
    await using t = await setUp();
    await t.queues.createQueue({ queue: "q" });
    const sent = await t.queues.send({
      queue: "q",
      messages: [{ body: { case: "text", value: "1" } }, {}],
      omitSuccesses: true,
    });
    expect(sent.results.map((r) => [r.index, r.error?.code])).toEqual([[1, "INVALID_MESSAGE"]]);
  });

  it("passes on what the cluster can't do now, with its hint", async () => {
    await using t = await setUp();
    const details = { retryAfterMs: 250, leaderUrl: "http://10.0.0.2:9324" };
    t.broker.failWith(new KQueueyError("UNAVAILABLE", "an election is under way", { details }));
    const error = await t.queues
      .listQueues({})
      .catch((reason: unknown) => ConnectError.from(reason));
    if (!(error instanceof ConnectError)) throw new Error("the call succeeded");
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(ErrorDetailSchema)).toMatchObject([
      {
        code: "UNAVAILABLE",
        retryable: true,
        retryAfterMs: 250,
        leaderUrl: "http://10.0.0.2:9324",
      },
    ]);
  });

  it("keeps the words of an unforeseen fault to the log", async () => {
    await using t = await setUp();
    t.broker.listQueues = () => Promise.reject(new Error("secret path /etc"));
    expect(await failure(t.queues.listQueues({}))).toEqual({
      code: Code.Internal,
      detail: "INTERNAL: an internal fault; the node's log has it",
    });
    expect(t.server.faults).toHaveLength(1);
  });

  it("tells a call's own deadline from a hang-up", async () => {
    await using t = await setUp();
    await t.queues.createQueue({ queue: "q" });
    const response = await t.post(
      "Receive",
      { queue: "q", waitMs: 20_000 },
      { "connect-timeout-ms": "30" },
    );
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      details: [{ debug: { code: "DEADLINE_EXCEEDED" } }],
    });
    expect(t.broker.waiting).toBe(0);
  });
});

describe("deliveries over Connect", () => {
  it("count as delivered once written", async () => {
    await using t = await setUp();
    await t.queues.createQueue({ queue: "q" });
    await t.queues.send({ queue: "q", messages: [{ body: { case: "text", value: "1" } }] });
    const { messages } = await t.queues.receive({ queue: "q" });
    expect(messages).toHaveLength(1);
    t.clock.advance(30_000);
    expect((await t.queues.receive({ queue: "q" })).messages[0]?.receiveCount).toBe(2);
  });

  it("are not made to a long poll that hung up", async () => {
    await using t = await setUp();
    await t.queues.createQueue({ queue: "q" });
    const hangUp = new AbortController();
    const poll = t.queues.receive({ queue: "q", waitMs: 20_000 }, { signal: hangUp.signal });
    await until(() => t.broker.waiting === 1);
    hangUp.abort();
    await expect(poll).rejects.toThrow();
    await until(() => t.broker.waiting === 0);
    await t.queues.send({ queue: "q", messages: [{ body: { case: "text", value: "1" } }] });
    expect((await t.queues.receive({ queue: "q" })).messages[0]?.receiveCount).toBe(1);
  });

  it("come back at once when a gRPC stream was reset before its answer", async () => {
    await using t = await setUp();
    await t.queues.createQueue({ queue: "q" });
    const session = connectHttp2(t.server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": "/kqueuey.v1.QueueService/Receive",
      "content-type": "application/json",
    });
    stream.on("error", () => undefined);
    stream.end(JSON.stringify({ queue: "q", waitMs: 20_000 }));
    await until(() => t.broker.waiting === 1);
    stream.close(8);
    await until(() => t.broker.waiting === 0);
    session.destroy();
    await t.queues.send({ queue: "q", messages: [{ body: { case: "text", value: "1" } }] });
    expect((await t.queues.receive({ queue: "q" })).messages[0]?.receiveCount).toBe(1);
  });

  it("are undone and answered empty when little of the lease is left", async () => {
    await using t = await setUp();
    await t.queues.createQueue({ queue: "q" });
    await t.queues.send({ queue: "q", messages: [{ body: { case: "text", value: "1" } }] });
    const receive = t.broker.receive.bind(t.broker);
    t.broker.receive = async (...call) => {
      const delivery = await receive(...call);
      t.clock.advance(20_000);
      return delivery;
    };
    expect((await t.queues.receive({ queue: "q" })).messages).toEqual([]);
    t.broker.receive = receive;
    expect((await t.queues.receive({ queue: "q" })).messages[0]?.receiveCount).toBe(1);
  });
});

/** Turns the event loop until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => setImmediate(resolve));
}

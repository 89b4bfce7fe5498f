import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  beginFrame,
  CreateQueueRequestSchema,
  CreateQueueResponseSchema,
  DescribeQueueRequestSchema,
  DescribeQueueResponseSchema,
  decodeErrorPayload,
  decodeFrame,
  decodeReceiptResponse,
  decodeReceiveResponse,
  decodeSendResponse,
  encodeExtendRequest,
  encodeReceiveRequest,
  encodeReleaseRequest,
  encodeSendRequest,
  encodeTombstoneRequest,
  FRAME_KIND,
  type Frame,
  type HotReceivedMessage,
  type HotReceiveRequest,
  KQueueyError,
  METHOD,
  type Method,
  PROTOCOL_VERSION,
  STREAM_PATH,
  StreamGoAwaySchema,
  StreamHelloSchema,
  StreamWelcomeSchema,
  WireWriter,
} from "@kqueuey/contract";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { MemoryBroker } from "../../testing/memory-broker.ts";
import { type RpcServer, startRpcServer } from "../../testing/rpc-server.ts";
import { ManualClock } from "../../testing/timer-clock.ts";
import type { StreamLimits } from "./stream-connection.ts";

const utf8 = new TextEncoder();
const writer = new WireWriter();

/** A client as plain as can be: frames out, frames in, in order. */
class TestClient {
  readonly socket: WebSocket;
  readonly #frames: Frame[] = [];
  readonly closed: Promise<number>;
  #wake: () => void = () => undefined;
  #open = true;

  constructor(server: RpcServer) {
    this.socket = new WebSocket(`ws://${server.host}:${server.port}${STREAM_PATH}`);
    this.socket.on("message", (data: Buffer) => {
      this.#frames.push(decodeFrame(data));
      this.#wake();
    });
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code: number) => {
        this.#open = false;
        this.#wake();
        resolve(code);
      });
    });
  }

  async opened(): Promise<this> {
    if (this.socket.readyState === WebSocket.CONNECTING) {
      await new Promise((resolve) => this.socket.once("open", resolve));
    }
    return this;
  }

  frame(
    header: Parameters<typeof beginFrame>[1],
    payload: (w: WireWriter) => void = () => undefined,
  ) {
    beginFrame(writer, header);
    payload(writer);
    this.socket.send(writer.take());
  }

  request(requestId: number, method: Method, payload: (w: WireWriter) => void): void {
    this.frame({ requestId, kind: FRAME_KIND.request, method }, payload);
  }

  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (!this.#open) throw new Error("the connection is closed");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async hello(versions = { protocolVersion: 1, protocolVersionMin: 1 }, clusterId?: string) {
    await this.opened();
    const message = create(StreamHelloSchema, {
      ...versions,
      client: "test/1",
      ...(clusterId === undefined ? {} : { clusterId }),
    });
    const payload = toBinary(StreamHelloSchema, message);
    this.frame({ requestId: 0, kind: FRAME_KIND.hello }, (w) => w.raw(payload));
    return this.next();
  }

  receive(requestId: number, more: Partial<HotReceiveRequest> = {}): void {
    const plain = { queue: "q", maxMessages: 10, bodiesAsData: true, packed: false, requestId: "" };
    const request = { ...plain, ...more };
    this.request(requestId, METHOD.receive, (w) => encodeReceiveRequest(w, request));
  }

  send(requestId: number, bodies: readonly (string | Uint8Array)[]): void {
    const messages = bodies.map((body) => ({ body }));
    const request = { queue: "q", messages, omitSuccesses: false, requestId: "" };
    this.request(requestId, METHOD.send, (w) => encodeSendRequest(w, request));
  }

  async received(): Promise<readonly HotReceivedMessage[]> {
    const frame = await this.next();
    expect(frame.kind).toBe(FRAME_KIND.response);
    return decodeReceiveResponse(frame.bytes, frame.payloadStart).messages;
  }
}

function sendOfNothing(w: WireWriter): void {
  encodeSendRequest(w, { queue: "q", messages: [], omitSuccesses: false, requestId: "" });
}

function errorOf(frame: Frame): KQueueyError {
  expect(frame.kind).toBe(FRAME_KIND.error);
  return decodeErrorPayload(frame.bytes, frame.payloadStart);
}

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function setUp(limits: Partial<StreamLimits> = {}) {
  let nowMs = 0;
  const clock = new ManualClock();
  const broker = new MemoryBroker(clock);
  const server = await startRpcServer(broker, { limits, monotonicMs: () => nowMs });
  cleanUps.push(() => server[Symbol.asyncDispose]());
  const context = { principal: "test", signal: new AbortController().signal };
  await broker.createQueue(context, "q", { attributes: {}, extra: {}, tags: {} });
  const connect = () => new TestClient(server).opened();
  const client = await connect();
  const elapse = (ms: number): void => {
    nowMs += ms;
    server.stream.sweep();
  };
  return { broker, clock, server, client, connect, context, elapse };
}

/** Turns the event loop until `condition` holds. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("the handshake", () => {
  it("tells who answers, who leads and what may be in flight", async () => {
    const { client, server } = await setUp({ requestsInFlightMax: 7 });
    const frame = await client.hello();
    expect(frame.kind).toBe(FRAME_KIND.welcome);
    expect(fromBinary(StreamWelcomeSchema, frame.bytes.subarray(frame.payloadStart))).toMatchObject(
      {
        protocolVersion: 1,
        clusterId: "memory",
        nodeId: 1,
        leaderUrl: server.url,
        maxRequestsInFlight: 7,
        maxFrameBytes: 8_388_608,
      },
    );
  });

  it("refuses versions that are not shared", async () => {
    const { client } = await setUp();
    const frame = await client.hello({ protocolVersion: 9, protocolVersionMin: 8 });
    expect(errorOf(frame)).toMatchObject({
      code: "UNSUPPORTED",
      message: `the client speaks protocol versions 8 to 9, this node 1 to ${PROTOCOL_VERSION}; upgrade the older one`,
    });
    expect(await client.closed).toBe(1002);
  });

  it("refuses a client that looks for another cluster", async () => {
    const { client } = await setUp();
    const frame = await client.hello(undefined, "other");
    expect(errorOf(frame).message).toBe("this node belongs to the cluster memory, not to other");
    expect(await client.closed).toBe(1002);
  });

  it("ends a client that says nothing", async () => {
    const { client, elapse } = await setUp();
    elapse(4_999);
    elapse(1);
    expect(errorOf(await client.next()).code).toBe("DEADLINE_EXCEEDED");
    expect(await client.closed).toBe(1008);
  });
});

describe("calls", () => {
  it("run a message's life", async () => {
    const { client } = await setUp();
    await client.hello();
    client.send(1, ["a", new Uint8Array([0xff]), ""]);
    const sent = await client.next();
    expect(sent).toMatchObject({ requestId: 1, kind: FRAME_KIND.response, method: METHOD.send });
    expect(decodeSendResponse(sent.bytes, sent.payloadStart)).toMatchObject([
      { ok: true, sequence: 1 },
      { ok: true, sequence: 2 },
      { ok: false, index: 2, error: { code: "INVALID_MESSAGE" } },
    ]);
    client.receive(2, { visibilityTimeoutMs: 5_000 });
    const [first, second] = await client.received();
    expect(first).toMatchObject({ body: Buffer.from("a"), receiveCount: 1, sender: "anonymous" });
    expect(second).toMatchObject({ body: Buffer.from([0xff]), leaseRemainingMs: 5_000 });
    const handles = [first?.receiptHandle ?? "", second?.receiptHandle ?? ""];
    const [handle = ""] = handles;
    const about = { queue: "q", omitSuccesses: false, requestId: "" };
    client.request(3, METHOD.extend, (w) =>
      encodeExtendRequest(w, {
        ...about,
        entries: handles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutMs: 9_000 })),
      }),
    );
    client.request(4, METHOD.release, (w) =>
      encodeReleaseRequest(w, { ...about, entries: [{ receiptHandle: handle, delayMs: 0 }] }),
    );
    client.request(5, METHOD.tombstone, (w) =>
      encodeTombstoneRequest(w, { ...about, receiptHandles: handles, runs: [] }),
    );
    const outcomes: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const frame = await client.next();
      outcomes[frame.requestId - 3] = decodeReceiptResponse(frame.bytes, frame.payloadStart);
    }
    expect(outcomes).toMatchObject([
      [{ effective: true }, { effective: true }],
      [{ effective: true }],
      [{ effective: false, reason: "stale" }, { effective: true }],
    ]);
  });

  it("administer queues by the schema's messages", async () => {
    const { client } = await setUp();
    await client.hello();
    const createQueue = create(CreateQueueRequestSchema, { queue: "new" });
    client.request(1, METHOD.createQueue, (w) =>
      w.raw(toBinary(CreateQueueRequestSchema, createQueue)),
    );
    const created = await client.next();
    expect(
      fromBinary(CreateQueueResponseSchema, created.bytes.subarray(created.payloadStart)).created,
    ).toBe(true);
    const describeQueue = create(DescribeQueueRequestSchema, { queue: "new" });
    client.request(2, METHOD.describeQueue, (w) =>
      w.raw(toBinary(DescribeQueueRequestSchema, describeQueue)),
    );
    const frame = await client.next();
    expect(
      fromBinary(DescribeQueueResponseSchema, frame.bytes.subarray(frame.payloadStart)),
    ).toMatchObject({ queue: "new", attributes: { visibilityTimeoutMs: 30_000 } });
  });

  it("are answered as they end, the waiting ones last", async () => {
    const { client } = await setUp();
    await client.hello();
    client.receive(1, { waitMs: 20_000 });
    for (let id = 2; id <= 101; id++) client.request(id, METHOD.send, sendOfNothing);
    const ids: number[] = [];
    for (let id = 2; id <= 101; id++) ids.push((await client.next()).requestId);
    expect(ids).not.toContain(1);
    client.send(102, ["a"]);
    expect([(await client.next()).requestId, (await client.next()).requestId].sort()).toEqual([
      1, 102,
    ]);
  });

  it("carry the leader's URL when this node had to forward them", async () => {
    const { client, server } = await setUp();
    await client.hello();
    server.leaderUrl = "http://10.0.0.2:9324";
    client.send(1, ["a"]);
    expect((await client.next()).leaderUrl).toBe("http://10.0.0.2:9324");
    server.leaderUrl = server.url;
    client.send(2, ["a"]);
    expect((await client.next()).leaderUrl).toBeUndefined();
  });

  it("past the limit are throttled", async () => {
    const { client, broker } = await setUp({ requestsInFlightMax: 2 });
    await client.hello();
    for (const id of [1, 2, 3]) client.receive(id, { waitMs: 20_000 });
    const frame = await client.next();
    expect(frame.requestId).toBe(3);
    expect(errorOf(frame)).toMatchObject({ code: "THROTTLED", retryable: true });
    expect(broker.waiting).toBe(2);
    broker.endPolls();
    expect(await client.received()).toEqual([]);
  });

  it("pass the cluster's errors on with their details", async () => {
    const { client, broker } = await setUp();
    await client.hello();
    const details = { retryAfterMs: 250, bytes: 7 };
    broker.failWith(new KQueueyError("THROTTLED", "too much in hand", { details }));
    client.send(1, ["a"]);
    const error = errorOf(await client.next());
    expect(error).toMatchObject({ code: "THROTTLED", message: "too much in hand" });
    expect(error.details).toEqual({ retryAfterMs: 250, bytes: "7" });
  });

  it("keep the words of an unforeseen fault to the log", async () => {
    const { client, broker, server } = await setUp();
    await client.hello();
    broker.send = () => Promise.reject(new Error("secret path /etc"));
    client.send(1, ["a"]);
    const error = errorOf(await client.next());
    expect(error.message).toBe("an internal fault; the node's log has it");
    expect(server.faults).toHaveLength(1);
  });
});

describe("deliveries", () => {
  it("go to nobody after a cancel", async () => {
    const { client, broker } = await setUp();
    await client.hello();
    client.receive(1, { waitMs: 20_000 });
    await until(() => broker.waiting === 1);
    client.frame({ requestId: 1, kind: FRAME_KIND.cancel });
    expect(errorOf(await client.next()).code).toBe("CANCELLED");
    expect(broker.waiting).toBe(0);
    client.send(2, ["a"]);
    await client.next();
    client.receive(3);
    expect(await client.received()).toMatchObject([{ receiveCount: 1 }]);
  });

  it("go to nobody after a hang-up", async () => {
    const { client, broker, connect } = await setUp();
    await client.hello();
    client.receive(1, { waitMs: 20_000 });
    await until(() => broker.waiting === 1);
    client.socket.terminate();
    await until(() => broker.waiting === 0);
    const other = await connect();
    await other.hello();
    other.send(1, ["a"]);
    await other.next();
    other.receive(2);
    expect(await other.received()).toMatchObject([{ receiveCount: 1 }]);
  });

  it("that are granted while the client hangs up come back with their count", async () => {
    const { client, broker, context } = await setUp();
    await client.hello();
    await broker.send(context, "q", [{ body: utf8.encode("a"), attributes: [] }]);
    const receive = broker.receive.bind(broker);
    let granted = false;
    broker.receive = async (...call) => {
      const delivery = await receive(...call);
      granted = true;
      await client.closed;
      await until(() => call[0].signal.aborted);
      return delivery;
    };
    client.receive(1);
    await until(() => granted);
    client.socket.terminate();
    await client.closed;
    broker.receive = receive;
    await until(async () => (await broker.describeQueue(context, "q")).available === 1);
    const again = await broker.receive(context, "q", { maxMessages: 1 });
    expect(again.messages).toMatchObject([{ receiveCount: 1 }]);
  });

  it("are undone and answered empty when little of the lease is left", async () => {
    const { client, broker, clock, context } = await setUp();
    await client.hello();
    await broker.send(context, "q", [{ body: utf8.encode("a"), attributes: [] }]);
    const receive = broker.receive.bind(broker);
    broker.receive = async (...call) => {
      const delivery = await receive(...call);
      clock.advance(20_000);
      return delivery;
    };
    client.receive(1);
    expect(await client.received()).toEqual([]);
    broker.receive = receive;
    client.receive(2);
    expect(await client.received()).toMatchObject([{ receiveCount: 1 }]);
  });

  it("to a client that does not read are undone, and it is cut off in the end", async () => {
    const limits = { sendBufferBytesMax: 1_000_000 };
    const { client, broker, server, context, elapse } = await setUp(limits);
    await client.hello();
    const body = new Uint8Array(1_000_000);
    for (let i = 0; i < 40; i++) await broker.send(context, "q", [{ body, attributes: [] }]);
    client.socket.pause();
    for (let id = 1; id <= 40; id++) client.receive(id, { maxMessages: 1 });
    // Asks on and on, until what it does not read fills every buffer.
    let id = 41;
    await until(() => {
      client.receive(id++, { maxMessages: 1 });
      elapse(1_000);
      return server.stream.connections === 0;
    });
    const { available, inFlight } = await broker.describeQueue(context, "q");
    expect(available).toBeGreaterThan(0);
    expect(available + inFlight).toBe(40);
    client.socket.terminate();
  });
});

describe("whatever a client sends", () => {
  it.each<readonly [title: string, send: (client: TestClient) => void, close: number]>([
    ["text", (client) => client.socket.send("hello"), 1003],
    ["nothing", (client) => client.socket.send(new Uint8Array(0)), 1002],
    ["a short frame", (client) => client.socket.send(new Uint8Array(5)), 1002],
    ["an unknown kind", (client) => client.socket.send(new Uint8Array(8).fill(99)), 1002],
    ["a welcome", (client) => client.frame({ requestId: 0, kind: FRAME_KIND.welcome }), 1002],
    [
      "one request id twice",
      (client) => {
        client.receive(1, { waitMs: 20_000 });
        client.receive(1, { waitMs: 20_000 });
      },
      1002,
    ],
  ])("%s is answered with a typed error and the end", async (_title, send, close) => {
    const { client, broker } = await setUp();
    await client.hello();
    send(client);
    expect(errorOf(await client.next()).code).toBe("MALFORMED_REQUEST");
    expect(await client.closed).toBe(close);
    await until(() => broker.waiting === 0);
  });

  it("a request before the hello ends the connection", async () => {
    const { client } = await setUp();
    client.send(1, ["a"]);
    expect(errorOf(await client.next()).message).toContain("the first frame must be a hello");
    expect(await client.closed).toBe(1002);
  });

  it("a payload that is no message fails that call alone", async () => {
    const { client } = await setUp();
    await client.hello();
    for (const method of Object.values(METHOD)) {
      client.request(method, method, (w) => w.raw(new Uint8Array([0x0a, 0xff, 0xff, 0xff])));
      const frame = await client.next();
      expect(frame).toMatchObject({ requestId: method, method });
      expect(errorOf(frame).code).toBe("MALFORMED_REQUEST");
    }
    client.frame({ requestId: 1, kind: FRAME_KIND.request });
    expect(errorOf(await client.next()).code).toBe("UNSUPPORTED");
    client.send(2, ["a"]);
    expect((await client.next()).kind).toBe(FRAME_KIND.response);
  });

  it("an oversized frame ends the connection", async () => {
    const { client } = await setUp();
    await client.hello();
    client.socket.send(new Uint8Array(8_388_609));
    expect(await client.closed).toBe(1009);
  });

  it("never stops the node", async () => {
    const { server, connect } = await setUp();
    let seed = 1;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 0x8000_0000;
      return seed;
    };
    for (let round = 0; round < 50; round++) {
      const client = await connect();
      if (round % 2 === 0) await client.hello();
      const bytes = new Uint8Array(random() % 200);
      for (let i = 0; i < bytes.length; i++) bytes[i] = random() >> 8;
      if (round % 4 === 0 && bytes.length > 5)
        bytes.set([FRAME_KIND.request, (random() % 6) + 1], 4);
      client.socket.send(bytes);
      client.socket.close();
      await client.closed;
    }
    const client = await connect();
    expect((await client.hello()).kind).toBe(FRAME_KIND.welcome);
    expect(server.faults).toEqual([]);
  });
});

describe("stopping", () => {
  it("asks clients to go, finishes calls and closes", async () => {
    const { client, server, broker } = await setUp();
    await client.hello();
    client.receive(1, { waitMs: 20_000 });
    await until(() => broker.waiting === 1);
    server.stream.goAway("the node is stopping");
    const frame = await client.next();
    expect(frame.kind).toBe(FRAME_KIND.goAway);
    expect(fromBinary(StreamGoAwaySchema, frame.bytes.subarray(frame.payloadStart)).reason).toBe(
      "the node is stopping",
    );
    const stopped = server.stream.stop(60_000);
    broker.endPolls();
    expect(await client.received()).toEqual([]);
    expect(await client.closed).toBe(1001);
    await stopped;
    expect(server.stream.connections).toBe(0);
  });

  it("cuts calls that take too long", async () => {
    const { client, server, broker } = await setUp();
    await client.hello();
    client.receive(1, { waitMs: 20_000 });
    await until(() => broker.waiting === 1);
    await server.stream.stop(0);
    expect(await client.closed).toBe(1006);
    expect(broker.waiting).toBe(0);
  });
});

describe("liveness", () => {
  it("keeps a silent client that answers pings", async () => {
    const { client, server, elapse } = await setUp({ pingIntervalMs: 100 });
    await client.hello();
    for (let i = 0; i < 5; i++) {
      const pinged = new Promise((resolve) => client.socket.once("ping", resolve));
      elapse(150);
      await pinged;
      // Its pong came before the answer to this.
      client.receive(1);
      await client.next();
    }
    expect(server.stream.connections).toBe(1);
  });

  it("cuts off one that does not", async () => {
    const { client, server, elapse } = await setUp({ pingIntervalMs: 100 });
    await client.hello();
    client.socket.pause();
    elapse(150);
    elapse(150);
    await until(() => server.stream.connections === 0);
    client.socket.terminate();
  });
});

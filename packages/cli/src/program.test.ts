import { KQueueyError } from "@kqueuey/contract";
import { describe, expect, it } from "vitest";
import type { CliContext } from "./context.ts";
import { runCli } from "./program.ts";
import {
  deliveredMessage,
  describedQueue,
  FakeCluster,
  fakeClient,
} from "./testing/fake-client.ts";

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function setUp(changes: Partial<CliContext> = {}) {
  const cluster = new FakeCluster();
  const stop = new AbortController();
  const connected: (readonly string[])[] = [];
  const run = async (...args: string[]): Promise<Ended> => {
    let out = "";
    let err = "";
    const context: CliContext = {
      env: {},
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      outIsTerminal: true,
      lines: undefined,
      readFile: (path) => {
        if (path !== "body.bin") throw new Error(`ENOENT: ${path}`);
        return new Uint8Array([0xff, 0]);
      },
      connect: (endpoints) => {
        connected.push(endpoints);
        return fakeClient(cluster);
      },
      signal: stop.signal,
      nowMs: () => 0,
      mainPath: "main.js",
      ...changes,
    };
    const code = await runCli(args, context);
    return { code, out, err };
  };
  return { cluster, run, stop, connected };
}

async function* linesOf(...lines: string[]): AsyncGenerator<string> {
  yield* lines;
}

describe("where a command goes", () => {
  it("is the cluster of dev, the variable, or the flag", async () => {
    const t = setUp();
    await t.run("queue", "list");
    await t.run("queue", "list", "-e", "http://a:1,b:2");
    const withVariable = setUp({ env: { KQUEUEY_ENDPOINT: "10.0.0.1:9324" } });
    await withVariable.run("queue", "list");
    expect([...t.connected, ...withVariable.connected]).toEqual([
      ["127.0.0.1:9324", "127.0.0.1:9334", "127.0.0.1:9344"],
      ["http://a:1", "b:2"],
      ["10.0.0.1:9324"],
    ]);
    expect(t.cluster.closed).toBe(2);
  });

  it("is refused when it is none", async () => {
    expect(await setUp().run("queue", "list", "-e", "nowhere")).toMatchObject({
      code: 2,
      err: expect.stringContaining('"nowhere" must be host:port'),
    });
    expect(await setUp({ env: { KQUEUEY_ENDPOINT: "x" } }).run("queue", "list")).toMatchObject({
      code: 2,
      err: 'kqueuey: KQUEUEY_ENDPOINT is wrong: "x" must be host:port or a URL with a port, such as 10.0.0.1:9324.\n',
    });
  });
});

describe("help", () => {
  it.each([
    ["--help"],
    ["send --help"],
    ["poll --help"],
    ["ack --help"],
    ["extend --help"],
    ["release --help"],
    ["bench --help"],
    ["cluster status --help"],
    ["queue create --help"],
    ["queue list --help"],
    ["queue show --help"],
    ["queue set --help"],
    ["queue delete --help"],
    ["queue purge --help"],
  ])("%s has examples", async (line) => {
    const { code, out } = await setUp().run(...line.split(" "));
    expect(code).toBe(0);
    expect(out).toContain("Examples:\n  $ kqueuey ");
  });

  it("names the version", async () => {
    expect(await setUp().run("--version")).toMatchObject({ code: 0, out: "0.1.0\n" });
  });

  it("says the exit codes, and is what no arguments give", async () => {
    const { code, out } = await setUp().run();
    expect(code).toBe(0);
    expect(out).toContain("4    the cluster can't do it now");
  });
});

describe("errors", () => {
  it.each<readonly [error: KQueueyError, code: number, step: string]>([
    [new KQueueyError("QUEUE_NOT_FOUND", "there is no queue q"), 3, "kqueuey queue create NAME"],
    [new KQueueyError("UNAVAILABLE", "no leader"), 4, "kqueuey dev"],
    [new KQueueyError("THROTTLED", "too much"), 4, "Try again"],
    [new KQueueyError("INVALID_QUEUE_NAME", "bad"), 2, "1 to 80 letters"],
    [new KQueueyError("LIMIT_REACHED", "full"), 5, "A configured limit"],
    [new KQueueyError("INTERNAL", "broken"), 1, "Report it"],
  ])("%s has an exit code and a next step", async (error, code, step) => {
    const t = setUp();
    t.cluster.failure = error;
    const ended = await t.run("queue", "purge", "q");
    expect(ended.code).toBe(code);
    expect(ended.out).toBe("");
    expect(ended.err).toContain(`kqueuey: ${error.code}: ${error.message}\n`);
    expect(ended.err).toContain(step);
    expect(t.cluster.closed).toBe(1);
  });

  it("are JSON when JSON was asked for", async () => {
    const t = setUp();
    t.cluster.failure = new KQueueyError("UNAVAILABLE", "no leader", { details: { node: 1 } });
    const ended = await t.run("queue", "purge", "q", "--json");
    expect(JSON.parse(ended.err)).toEqual({
      error: { code: "UNAVAILABLE", message: "no leader", retryable: true, details: { node: 1 } },
    });
  });

  it("of the command line itself suggest what was meant", async () => {
    const { code, err } = await setUp().run("queue", "creat", "q");
    expect(code).toBe(2);
    expect(err).toContain("Did you mean create?");
    expect((await setUp().run("queue", "create")).err).toContain(
      "missing required argument 'name'",
    );
    expect((await setUp().run("poll", "q", "--wait", "5")).err).toContain("must have a unit");
    expect((await setUp().run("poll", "q", "--max", "1001")).err).toContain("from 1 to 1000");
    expect((await setUp().run("extend", "q", "r")).err).toContain("'--for <time>' not specified");
  });

  it("that Ctrl-C caused end with 130 and say nothing", async () => {
    const t = setUp();
    t.stop.abort("SIGINT");
    t.cluster.failure = new KQueueyError("CANCELLED", "the caller is gone");
    expect(await t.run("queue", "purge", "q")).toEqual({ code: 130, out: "", err: "" });
  });
});

describe("queues", () => {
  it("are created with attributes and tags", async () => {
    const t = setUp();
    const line =
      "queue create q --visibility-timeout 5m --delay 500ms --retention 14d --maximum-message-size 256KiB " +
      "--receive-wait 20s --dead-letter-queue d --maximum-receives 5 --tag team=a --tag x=y=z";
    expect(await t.run(...line.split(" "))).toEqual({ code: 0, out: "created queue q\n", err: "" });
    expect(t.cluster.calls).toEqual([
      [
        "createQueue",
        "q",
        {
          visibilityTimeoutMs: 300_000,
          delayMs: 500,
          retentionMs: 1_209_600_000,
          maximumMessageBytes: 262_144,
          receiveWaitMs: 20_000,
          deadLetter: { queue: "d", maximumReceives: 5 },
        },
        { team: "a", x: "y=z" },
      ],
    ]);
    expect((await t.run("queue", "create", "q", "--json")).out).toBe(
      '{\n  "queue": "q",\n  "created": false\n}\n',
    );
    expect(await t.run("queue", "create", "r", "--dead-letter-queue", "d")).toMatchObject({
      code: 2,
      err: "kqueuey: --dead-letter-queue needs --maximum-receives: after how many deliveries\n",
    });
  });

  it("say when a message group is noisy, with both numbers or neither", async () => {
    const t = setUp();
    await t.run("queue", "create", "q", "--noisy-in-flight", "50", "--noisy-percent", "20");
    expect(t.cluster.calls.map((call) => call[2])).toEqual([
      { fairness: { inFlightMin: 50, inFlightPercent: 20 } },
    ]);
    expect(await t.run("queue", "create", "r", "--noisy-percent", "20")).toMatchObject({
      code: 2,
      err: "kqueuey: --noisy-in-flight and --noisy-percent need each other: give both\n",
    });
  });

  it("are FIFO queues when asked for", async () => {
    const t = setUp();
    const line = "queue create q.fifo --fifo --deduplication-scope messageGroup";
    expect((await t.run(...line.split(" "))).code).toBe(0);
    await t.run("queue", "create", "r.fifo", "--fifo", "--content-based-deduplication");
    expect(t.cluster.calls.map((call) => call[2])).toEqual([
      { fifo: { deduplicationScope: "messageGroup", contentBasedDeduplication: false } },
      { fifo: { deduplicationScope: "queue", contentBasedDeduplication: true } },
    ]);
    expect(await t.run("queue", "create", "s", "--content-based-deduplication")).toMatchObject({
      code: 2,
      err: "kqueuey: deduplication is for FIFO queues: give --fifo, too\n",
    });
  });

  it("are listed with their depths, page after page", async () => {
    const t = setUp();
    expect((await t.run("queue", "list")).out).toBe("no queues\n");
    for (const name of ["a", "b", "c"]) {
      t.cluster.queues.set(name, describedQueue(name, { available: 138_398, inFlight: 2 }));
    }
    expect((await t.run("queue", "list")).out).toBe(
      [
        "QUEUE  AVAILABLE  IN FLIGHT  DELAYED",
        "a        138,398          2        0",
        "b        138,398          2        0",
        "c        138,398          2        0",
        "",
      ].join("\n"),
    );
    expect((await t.run("queue", "list", "--names")).out).toBe("a\nb\nc\n");
    const listed = JSON.parse((await t.run("queue", "list", "--json", "--prefix", "b")).out);
    expect(listed).toMatchObject([
      { name: "b", available: 138_398, attributes: { deadLetter: null } },
    ]);
  });

  it("are shown", async () => {
    const t = setUp();
    t.cluster.queues.set("q", describedQueue("q", { delayed: 3, tags: { team: "a" } }));
    const { out } = await t.run("queue", "show", "q");
    expect(out).toContain("delayed               3\n");
    expect(out).toContain("visibility timeout    30s\n");
    expect(out).toContain("retention             4d\n");
    expect(out).toContain("maximum message size  1MiB\n");
    expect(out).toContain("dead-letter queue     none\n");
    expect(out).toContain("tags                  team=a\n");
    expect(out).toContain("created               2023-11-14T22:13:20.000Z\n");
  });

  it("are redriven; tasks are listed and cancelled", async () => {
    const t = setUp();
    expect((await t.run("queue", "redrive", "dead")).out).toBe("started task task-1\n");
    const some = await t.run("queue", "redrive", "dead", "--to", "q", "--rate", "9", "--json");
    expect(JSON.parse(some.out)).toEqual({ queue: "dead", taskId: "task-1" });
    expect((await t.run("queue", "redrive", "dead", "--list")).out).toBe("no tasks\n");
    t.cluster.moveTasks.push({
      taskId: "task-1",
      status: "failed",
      failure: "no-source",
      destination: undefined,
      messagesPerSecond: 9,
      moved: 1_000,
      toMove: 2_000,
      startedAtMs: 1_700_000_000_000,
    });
    const { out } = await t.run("queue", "redrive", "dead", "--list");
    expect(out).toMatch(/task-1 +failed: no-source +back +9 +1,000 +2,000 +2023-11-14T22:13:20/);
    expect((await t.run("queue", "redrive", "dead", "--cancel", "task-1")).out).toBe(
      "cancelled task task-1, 7 messages were moved\n",
    );
    expect(t.cluster.calls.filter(([name]) => name !== "listMoveTasks")).toEqual([
      ["startMoveTask", "dead", undefined, undefined],
      ["startMoveTask", "dead", "q", 9],
      ["cancelMoveTask", "dead", "task-1"],
    ]);
    for (const rate of ["0", "100001", "x"]) {
      expect(await t.run("queue", "redrive", "dead", "--rate", rate)).toMatchObject({ code: 2 });
    }
    const both = await t.run("queue", "redrive", "dead", "--list", "--cancel", "x");
    expect(both).toMatchObject({ code: 2 });
  });

  it("are changed, purged and deleted", async () => {
    const t = setUp();
    expect((await t.run("queue", "set", "q", "--delay", "5s")).out).toBe("changed queue q\n");
    await t.run("queue", "set", "q", "--remove-dead-letter");
    expect((await t.run("queue", "purge", "q")).out).toBe("purged queue q\n");
    expect((await t.run("queue", "delete", "q")).out).toBe("deleted queue q\n");
    expect(t.cluster.calls).toEqual([
      ["setQueueAttributes", "q", { delayMs: 5_000 }],
      ["setQueueAttributes", "q", { deadLetter: null }],
      ["purgeQueue", "q"],
      ["deleteQueue", "q"],
    ]);
    expect(await t.run("queue", "set", "q")).toMatchObject({
      code: 2,
      err: "kqueuey: nothing to change: give an attribute, such as --visibility-timeout 2m\n",
    });
  });
});

describe("send", () => {
  it("sends its argument or a file", async () => {
    const t = setUp();
    expect((await t.run("send", "q", "hello")).out).toBe("sent message-1\n");
    const sent = await t.run("send", "q", "-f", "body.bin", "--delay", "5s", "--attribute", "a=b");
    expect(sent.code).toBe(0);
    expect(t.cluster.calls).toEqual([
      ["send", "q", { body: "hello" }],
      ["send", "q", { body: new Uint8Array([0xff, 0]), delayMs: 5_000, attributes: { a: "b" } }],
    ]);
    expect(JSON.parse((await t.run("send", "q", "x", "--json")).out)).toEqual({
      messageId: "message-1",
      sequence: 1,
    });
  });

  it("sends a group and a deduplication id", async () => {
    const t = setUp();
    await t.run("send", "q.fifo", "hello", "--group", "g", "--dedup-id", "d");
    expect(t.cluster.calls).toEqual([
      ["send", "q.fifo", { body: "hello", groupId: "g", deduplicationId: "d" }],
    ]);
  });

  it("sends lines, passing over empty ones", async () => {
    const t = setUp({ lines: () => linesOf("a", "", "b") });
    expect((await t.run("send", "q")).out).toBe("sent 2 messages\n");
    expect(t.cluster.calls).toEqual([["sendBatch", "q", ["a", "b"]]]);
  });

  it("says which lines were refused, and ends with 5", async () => {
    const t = setUp({ lines: () => linesOf("a", "bad", "c") });
    t.cluster.refusedBodies.add("bad");
    expect(await t.run("send", "q")).toEqual({
      code: 5,
      out: "sent 2 messages\n",
      err: "kqueuey: message 2: INVALID_MESSAGE: not this one\nkqueuey: 1 messages were not sent\n",
    });
  });

  it("needs something to send, and one thing only", async () => {
    expect(await setUp().run("send", "q")).toMatchObject({
      code: 2,
      err: "kqueuey: nothing to send: give a message, --file, or lines on standard input\n",
    });
    expect((await setUp().run("send", "q", "a", "-f", "body.bin")).code).toBe(2);
    expect((await setUp().run("send", "q", "-f", "none")).err).toContain(
      "--file none can't be read: ENOENT",
    );
  });
});

describe("poll", () => {
  it("prints messages with their receipts, what others wrote made harmless", async () => {
    const t = setUp();
    t.cluster.deliveries.push([
      deliveredMessage("hi\u001b[2J", { attributes: { kind: "greeting" } }),
      deliveredMessage(new Uint8Array([0xff]), { receiveCount: 3, receiptHandle: "receipt-2" }),
    ]);
    const { code, out } = await t.run("poll", "q", "--max", "10", "--wait", "5s");
    expect(code).toBe(0);
    expect(out).toBe(
      "message 00000001-0000-4000-8000-000000000001, received 1 time, 29.9 s left\n" +
        "  kind     greeting\n  receipt  receipt-1\n  hi\\u001b[2J\n\n" +
        "message 00000001-0000-4000-8000-000000000001, received 3 times, 29.9 s left\n" +
        "  receipt  receipt-2\n  /w== (base64)\n\n",
    );
    expect(t.cluster.calls).toEqual([
      ["receive", "q", { maxMessages: 10, waitMs: 5_000, visibilityTimeoutMs: undefined }],
    ]);
  });

  it("says on standard error when there is nothing", async () => {
    expect(await setUp().run("poll", "q")).toEqual({ code: 0, out: "", err: "no messages\n" });
    expect(await setUp().run("poll", "q", "--json")).toEqual({ code: 0, out: "", err: "" });
  });

  it("prints one JSON object a line", async () => {
    const t = setUp();
    t.cluster.deliveries.push([deliveredMessage("hi"), deliveredMessage(new Uint8Array([0xff]))]);
    const { out } = await t.run("poll", "q", "--json");
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { receiptHandle: "receipt-1", body: "hi", receiveCount: 1, fencingToken: 7 },
      { bodyBase64: "/w==", leaseRemainingMs: 29_900 },
    ]);
  });

  it("deletes what it printed with --ack, and says what it could not", async () => {
    const t = setUp();
    t.cluster.deliveries.push([deliveredMessage("a")], [deliveredMessage("b")]);
    expect((await t.run("poll", "q", "--ack")).code).toBe(0);
    t.cluster.outcomes.set("receipt-1", { outcome: "stale" });
    const ended = await t.run("poll", "q", "--ack");
    expect(ended).toMatchObject({
      code: 5,
      err: "kqueuey: 1 messages were not deleted: their leases were over\n",
    });
    expect(t.cluster.calls.filter(([name]) => name === "tombstone")).toHaveLength(2);
  });

  it("follows until Ctrl-C, which is no error", async () => {
    const t = setUp();
    t.cluster.deliveries.push([deliveredMessage("a")], [], [deliveredMessage("b")]);
    let receives = 0;
    t.cluster.onReceive = () => {
      receives += 1;
      if (receives === 4) t.stop.abort("SIGINT");
    };
    const { code, out, err } = await t.run("poll", "q", "--follow");
    expect([code, err]).toEqual([0, ""]);
    expect(out.match(/^message /gm)).toHaveLength(2);
    expect(t.cluster.calls[0]).toEqual([
      "receive",
      "q",
      { maxMessages: 1, waitMs: 20_000, visibilityTimeoutMs: undefined },
    ]);
  });
});

describe("ack, extend, release", () => {
  it("say how many", async () => {
    const t = setUp();
    expect((await t.run("ack", "q", "r1", "r2")).out).toBe("deleted 2 messages\n");
    expect((await t.run("extend", "q", "r1", "--for", "10m")).out).toBe("extended 1 message\n");
    expect((await t.run("release", "q", "r1", "--delay", "30s")).out).toBe("released 1 message\n");
    expect(t.cluster.calls).toEqual([
      ["tombstone", "q", ["r1", "r2"]],
      ["extend", "q", ["r1"], 600_000],
      ["release", "q", ["r1"], 30_000],
    ]);
  });

  it("say what became of each when not all had effect", async () => {
    const t = setUp();
    const long = "r".repeat(40);
    t.cluster.outcomes.set("r2", { outcome: "gone" });
    t.cluster.outcomes.set(long, {
      outcome: "error",
      error: new KQueueyError("RECEIPT_INVALID", "not of this queue"),
    });
    const ended = await t.run("ack", "q", "r1", "r2", long);
    expect(ended.code).toBe(5);
    expect(ended.out).toBe(
      [
        "RECEIPT                   OUTCOME",
        "r1                        deleted",
        "r2                        gone: the message was deleted before",
        "rrrrrrrrrrrrrrrrrrrrrrr…  RECEIPT_INVALID: not of this queue",
        "",
      ].join("\n"),
    );
    expect(JSON.parse((await t.run("ack", "q", "r1", "r2", "--json")).out)).toEqual([
      { receiptHandle: "r1", outcome: "effective" },
      { receiptHandle: "r2", outcome: "gone" },
    ]);
  });
});

describe("cluster status", () => {
  const status = {
    clusterId: "dev",
    leader: 2,
    term: 3,
    nodes: [
      {
        id: 1,
        role: "follower",
        clientUrl: "http://127.0.0.1:9324",
        peerAddress: "127.0.0.1:9325",
        appliedIndex: 1_234,
        healthy: true,
      },
    ],
  };

  it("is a table on a terminal", async () => {
    const t = setUp();
    t.cluster.status = status;
    expect((await t.run("cluster", "status")).out).toBe(
      [
        "cluster dev, term 3, node 2 leads",
        "",
        "NODE  ROLE      CLIENTS                PEERS           APPLIED  HEALTHY",
        "   1  follower  http://127.0.0.1:9324  127.0.0.1:9325    1,234  yes",
        "",
      ].join("\n"),
    );
  });

  it("is JSON for programs, with null for no leader", async () => {
    const t = setUp({ outIsTerminal: false });
    t.cluster.status = status;
    expect(JSON.parse((await t.run("cluster", "status")).out)).toEqual(status);
    t.cluster.status = { ...status, leader: undefined };
    expect(JSON.parse((await t.run("cluster", "status", "--json")).out)).toMatchObject({
      leader: null,
    });
  });
});

describe("bench", () => {
  it("sends, receives and deletes, prints rates and removes its queue", async () => {
    const t = setUp();
    const line = "bench --messages 6 --batch 2 --size 8 --in-flight 1";
    t.cluster.deliveries.push(
      ...["a", "b", "c"].map((body) => [deliveredMessage(body), deliveredMessage(body)]),
    );
    const { code, out } = await t.run(...line.split(" "));
    expect(code).toBe(0);
    expect(out).toMatch(/^6 messages of 8 bytes, 2 a call, in 0\.0 s\n/);
    expect(out).toMatch(/\ntombstone +6 /);
    expect(t.cluster.calls.at(-1)).toEqual(["deleteQueue", "kqueuey-bench"]);
  });

  it("ends with 5 when messages do not come back, and keeps a queue that was there", async () => {
    const t = setUp();
    t.cluster.queues.set("kqueuey-bench", describedQueue("kqueuey-bench"));
    const ended = await t.run("bench", "--messages", "2", "--in-flight", "1", "--json");
    expect(ended.code).toBe(5);
    expect(ended.err).toBe("kqueuey: 2 messages did not come back\n");
    expect(JSON.parse(ended.out)).toMatchObject({
      messages: 2,
      calls: [{ what: "send", messages: 2 }, {}, {}],
    });
    expect(t.cluster.queues.has("kqueuey-bench")).toBe(true);
  });
});

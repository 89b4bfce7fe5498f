/** The listener over real loopback sockets: what it passes on, what it refuses, how it stops. */
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterEach, describe, expect, test } from "vitest";
import type { Handover, PlainHandler, PlainRequest, PlainResponse } from "../exchange.ts";
import type { HttpLimits } from "./limits.ts";
import { createListener, type Listener } from "./listener.ts";
import { exactPath, pathPrefix, type Routes } from "./router.ts";

const open: Listener[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.stop(0)));
});

async function start(
  routes: Partial<Routes>,
  limits: Partial<HttpLimits> = {},
): Promise<{ port: number; base: string; listener: Listener; failures: unknown[] }> {
  const failures: unknown[] = [];
  const listener = createListener(
    { host: "127.0.0.1", port: 0, limits, onFailure: (error) => failures.push(error) },
    { requests: [], upgrades: [], ...routes },
  );
  open.push(listener);
  const { port } = await listener.listen();
  return { port, base: `http://127.0.0.1:${port}`, listener, failures };
}

function plain(handle: (request: PlainRequest) => Promise<PlainResponse>): Partial<Routes> {
  const handler: PlainHandler = { handle };
  return { requests: [{ kind: "plain", matches: () => true, handler }] };
}

function text(body: string): PlainResponse {
  return { status: 200, headers: { "Content-Type": "text/plain" }, body };
}

/** Sends bytes as they are and gives all that came back until the server closed. */
function exchangeBytes(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(received));
  });
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function deferredText(): { promise: Promise<string>; resolve: (value: string) => void } {
  let resolve: (value: string) => void = () => undefined;
  const promise = new Promise<string>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe("requests", () => {
  test("a handler sees method, path, query, headers and body; the client sees its answer", async () => {
    const { base } = await start(
      plain(async (request) =>
        text(
          [
            request.method,
            request.path,
            request.query,
            request.header("x-thing"),
            request.header("x-absent"),
            Buffer.from(request.body).toString(),
          ].join("|"),
        ),
      ),
    );
    const response = await fetch(`${base}/a%20b/c?x=1&y=%20`, {
      method: "POST",
      headers: { "X-Thing": "v" },
      body: "häl",
    });
    expect(await response.text()).toBe("POST|/a%20b/c|x=1&y=%20|v||häl");
    expect(response.headers.get("content-type")).toBe("text/plain");
  });

  test("a chunked body of many pieces arrives whole", async () => {
    const { port } = await start(plain(async (request) => text(String(request.body.length))));
    const chunk = `400\r\n${"x".repeat(1024)}\r\n`;
    const head =
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    const answer = await exchangeBytes(port, `${head}${chunk.repeat(300)}0\r\n\r\n`);
    expect(answer).toMatch(/\r\n\r\n307200$/);
  });

  test("a request whose first bytes come one by one is read whole", async () => {
    const { port } = await start(plain(async (request) => text(request.method)));
    const socket = net.connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    for (const part of ["P", "R", "OPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]) {
      socket.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let received = "";
    for await (const chunk of socket) received += String(chunk);
    expect(received).toMatch(/\r\n\r\nPROPFIND$/);
  });

  test("pipelined requests of one connection are answered in order", async () => {
    const { port } = await start(plain(async (request) => text(request.path)));
    const one = (path: string, last = ""): string =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\n${last}\r\n`;
    const answer = await exchangeBytes(
      port,
      one("/1") + one("/2") + one("/3", "Connection: close\r\n"),
    );
    expect(answer.match(/\r\n\r\n\/\d/g)).toEqual(["\r\n\r\n/1", "\r\n\r\n/2", "\r\n\r\n/3"]);
  });

  test("the first route that matches answers; none is 404", async () => {
    const answers = (body: string): PlainHandler => ({ handle: async () => text(body) });
    const { base } = await start({
      requests: [
        exactPath("/healthz", answers("fine")),
        pathPrefix("/kqueuey.v1.", (_request, response) => {
          response.writeHead(200);
          response.end("raw");
        }),
        exactPath("/kqueuey.v1.never", answers("shadowed")),
      ],
    });
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(base + path);
      return [response.status, await response.text()];
    };
    expect(await get("/healthz?verbose=1")).toEqual([200, "fine"]);
    expect(await get("/kqueuey.v1.never")).toEqual([200, "raw"]);
    expect(await get("/healthz/")).toEqual([404, "Nothing is served here.\n"]);
  });

  test("HTTP/2 by prior knowledge reaches the same handlers on the same port", async () => {
    const { base } = await start(
      plain(async (request) => text(`${request.method} ${request.path} ${request.body.length}`)),
    );
    const session = http2.connect(base);
    const stream = session.request({ ":method": "POST", ":path": "/deep" });
    stream.end("12345");
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe("POST /deep 5");
    session.close();
  });

  test("Connect's handler plugs in", async () => {
    const { base } = await start({
      requests: [pathPrefix("/kqueuey.v1.", connectNodeAdapter({ routes: () => undefined }))],
    });
    expect((await fetch(`${base}/kqueuey.v1.Nothing/There`, { method: "POST" })).status).toBe(404);
  });

  test("a handler that throws is answered 500 and reported, and the node goes on", async () => {
    const { base, failures } = await start(
      plain(async (request) => {
        if (request.path === "/bad") throw new Error("boom");
        return text("ok");
      }),
    );
    expect((await fetch(`${base}/bad`)).status).toBe(500);
    expect(failures).toEqual([new Error("boom")]);
    expect(await (await fetch(`${base}/good`)).text()).toBe("ok");
  });

  test("an upgrade goes to the handler of its path; another path is 404", async () => {
    const { port } = await start({
      upgrades: [
        {
          path: "/stream",
          handle: (_request, socket, head) => socket.end(`taken over ${head.toString()}`),
        },
      ],
    });
    const upgrade = (path: string): string =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst`;
    expect(await exchangeBytes(port, upgrade("/stream"))).toBe("taken over first");
    expect(await exchangeBytes(port, upgrade("/other"))).toContain("404 Not Found");
  });

  test("an offer to change to HTTP/2 is ignored: the request is answered in HTTP/1.1", async () => {
    const { port } = await start({
      ...plain(async (request) => text(`${request.method} ${request.body.length}`)),
      upgrades: [{ path: "/", handle: (_request, socket) => socket.end("taken over") }],
    });
    const socket = net.connect(port, "127.0.0.1");
    const first =
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Length: 4\r\n\r\nbody";
    const second = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const answers: string[] = [];
    socket.write(first);
    for await (const chunk of socket) {
      if (answers.push(String(chunk)) === 1) socket.write(second);
    }
    expect(answers).toEqual([
      expect.stringMatching(/200 OK[\s\S]*POST 4$/),
      expect.stringMatching(/200 OK[\s\S]*GET 0$/),
    ]);
  });
});

describe("bounds", () => {
  test.each([
    [1000, 200],
    [1001, 413],
  ])("a body of %i bytes where 1000 are read is answered %i", async (bytes, status) => {
    const { base } = await start(
      plain(async () => text("ok")),
      { bodyBytesMax: 1000 },
    );
    const response = await fetch(base, { method: "POST", body: "x".repeat(bytes) });
    expect(response.status).toBe(status);
  });

  test("a chunked body past the bound is refused in the handler's words", async () => {
    const handler: PlainHandler = {
      handle: async () => text("ok"),
      refuse: (_head, refusal) => ({ status: 400, headers: {}, body: refusal.reason }),
    };
    const { port } = await start({ requests: [exactPath("/", handler)] }, { bodyBytesMax: 1000 });
    const head =
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    const answer = await exchangeBytes(port, `${head}3e9\r\n${"x".repeat(1001)}\r\n0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*too-large$/);
  });

  test("a body without end is cut off", async () => {
    const { port } = await start(
      plain(async () => text("ok")),
      { bodyBytesMax: 1000 },
    );
    const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const chunk = `400\r\n${"x".repeat(1024)}\r\n`;
    expect(await exchangeBytes(port, head + chunk.repeat(5))).toBe("");
  });

  test("bodies over the shared bound are refused as busy, and the room comes back", async () => {
    const gate = deferred();
    const entered = deferred();
    const { base } = await start(
      plain(async () => {
        entered.resolve();
        await gate.promise;
        return text("ok");
      }),
      { bodyBytesInFlightMax: 1500 },
    );
    const post = (): Promise<Response> => fetch(base, { method: "POST", body: "x".repeat(1000) });
    const first = post();
    await entered.promise;
    expect((await post()).status).toBe(503);
    gate.resolve();
    expect((await first).status).toBe(200);
    expect((await post()).status).toBe(200);
  });

  test("too long header lines are answered 431", async () => {
    const { port } = await start(
      plain(async () => text("ok")),
      { headerBytesMax: 2000 },
    );
    const answer = await exchangeBytes(
      port,
      `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(3000)}\r\n\r\n`,
    );
    expect(answer).toContain("431");
  });

  test("one connection too many is closed at once", async () => {
    const { port, listener } = await start(
      plain(async () => text("ok")),
      { connectionsMax: 1 },
    );
    const first = net.connect(port, "127.0.0.1");
    first.on("error", () => undefined);
    await new Promise((resolve) => first.once("connect", resolve));
    expect(await exchangeBytes(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("");
    expect(listener.connections).toBe(1);
    first.destroy();
  });

  test.each([
    ["nothing at all", "", ""],
    ["the beginning of a preface", "PR", ""],
    ["half a header", "GET / HTTP/1.1\r\nHo", "408"],
  ])("a client that sends %s is cut after the header timeout", async (_what, bytes, status) => {
    const { port } = await start(
      plain(async () => text("ok")),
      { headersTimeoutMs: 150 },
    );
    const answer = await exchangeBytes(port, bytes);
    expect(answer).toContain(status);
  });

  test("a body that does not come is answered 408", async () => {
    const { port } = await start(
      plain(async () => text("ok")),
      {
        headersTimeoutMs: 100,
        requestTimeoutMs: 200,
      },
    );
    const answer = await exchangeBytes(
      port,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
    );
    expect(answer).toContain("408");
  });

  test("times are watched on a connection that offers HTTP/2 too", async () => {
    const { port } = await start(
      plain(async () => text("ok")),
      { headersTimeoutMs: 150 },
    );
    const answer = await exchangeBytes(port, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnec");
    expect(answer).toContain("408");
  });

  test("random bytes never stop it", async () => {
    const { base, port, failures } = await start(plain(async () => text("ok")));
    let state = 12345;
    const garbage = (): Buffer =>
      Buffer.from(
        Array.from({ length: 400 }, () => {
          state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
          return state >>> 24;
        }),
      );
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for (let round = 0; round < 30; round++) {
      const bytes = round % 2 === 0 ? garbage() : Buffer.concat([preface, garbage()]);
      await new Promise<void>((resolve) => {
        const socket = net.connect(port, "127.0.0.1", () => socket.end(bytes));
        socket.on("error", () => undefined);
        socket.on("close", () => resolve());
        socket.resume();
      });
    }
    expect(await (await fetch(base)).text()).toBe("ok");
    expect(failures).toEqual([]);
  });
});

describe("handing over", () => {
  function handover(fresh: boolean): { told: string[]; settled: Promise<void>; value: Handover } {
    const told: string[] = [];
    const done = deferred();
    const tell = (what: string) => () => {
      told.push(what);
      done.resolve();
    };
    const value: Handover = {
      stillFresh: () => fresh,
      stale: text("stale"),
      written: tell("written"),
      undelivered: tell("undelivered"),
    };
    return { told, settled: done.promise, value };
  }

  test("an answer that went out is told as written", async () => {
    const { told, settled, value } = handover(true);
    const { base } = await start(plain(async () => ({ ...text("fresh"), handover: value })));
    expect(await (await fetch(base)).text()).toBe("fresh");
    await settled;
    expect(told).toEqual(["written"]);
  });

  test("a stale answer is replaced and told as undelivered", async () => {
    const { told, value } = handover(false);
    const { base } = await start(plain(async () => ({ ...text("fresh"), handover: value })));
    expect(await (await fetch(base)).text()).toBe("stale");
    expect(told).toEqual(["undelivered"]);
  });

  test("a client that hangs up aborts the signal, and its answer is undelivered", async () => {
    const { told, settled, value } = handover(true);
    const entered = deferred();
    const { port } = await start(
      plain(async (request) => {
        entered.resolve();
        await new Promise((resolve) =>
          request.signal.addEventListener("abort", () => resolve(undefined)),
        );
        return { ...text("late"), handover: value };
      }),
    );
    const socket = net.connect(port, "127.0.0.1", () =>
      socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    );
    await entered.promise;
    socket.destroy();
    await settled;
    expect(told).toEqual(["undelivered"]);
  });

  test("a client that never reads: what the kernel did not take is undelivered", async () => {
    const { told, settled, value } = handover(true);
    const answered = deferred();
    const { port } = await start(
      plain(async () => {
        answered.resolve();
        return { ...text("x".repeat(64 * 1_048_576)), handover: value };
      }),
    );
    const socket = net.connect(port, "127.0.0.1", () =>
      socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    );
    socket.pause();
    await answered.promise;
    socket.destroy();
    await settled;
    expect(told).toEqual(["undelivered"]);
  });

  test("a client that takes nothing of its answer is cut off", async () => {
    const { told, settled, value } = handover(true);
    const { port } = await start(
      plain(async () => ({ ...text("x".repeat(64 * 1_048_576)), handover: value })),
      { writeTimeoutMs: 100 },
    );
    const socket = net.connect(port, "127.0.0.1", () =>
      socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    );
    socket.on("error", () => undefined);
    socket.pause();
    await settled;
    expect(told).toEqual(["undelivered"]);
    socket.destroy();
  });
});

describe("handing over on HTTP/2", () => {
  test.each([
    ["an answer that went out is written", false, "written"],
    ["a call that is cancelled is undelivered", true, "undelivered"],
  ])("%s", async (_title, cancel, expected) => {
    const told = deferredText();
    const entered = deferred();
    const { base } = await start(
      plain(async (request) => {
        entered.resolve();
        if (cancel) {
          await new Promise((resolve) =>
            request.signal.addEventListener("abort", () => resolve(undefined)),
          );
        }
        const handover: Handover = {
          stillFresh: () => true,
          stale: text("stale"),
          written: () => told.resolve("written"),
          undelivered: () => told.resolve("undelivered"),
        };
        return { ...text("answer"), handover };
      }),
    );
    const session = http2.connect(base);
    const stream = session.request({ ":path": "/" });
    stream.resume();
    await entered.promise;
    if (cancel) stream.close(http2.constants.NGHTTP2_CANCEL);
    expect(await told.promise).toBe(expected);
    session.close();
  });
});

describe("stopping", () => {
  test("a request in hand is answered, with Connection: close; idle and silent ones are closed", async () => {
    const gate = deferred();
    const entered = deferred();
    const { port, base, listener } = await start(
      plain(async (request) => {
        if (request.path !== "/slow") return text("ok");
        entered.resolve();
        await gate.promise;
        return text("done");
      }),
    );
    const agent = new http.Agent({ keepAlive: true });
    await new Promise((resolve) => {
      http.get(`${base}/quick`, { agent }, (response) => response.resume().once("end", resolve));
    });
    const silent = net.connect(port, "127.0.0.1");
    silent.on("error", () => undefined);
    await new Promise((resolve) => silent.once("connect", resolve));
    const slow = exchangeBytes(port, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    await entered.promise;
    const stopped = listener.stop(10_000);
    gate.resolve();
    expect(await slow).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*Connection: close[\s\S]*done$/);
    await stopped;
    expect(listener.connections).toBe(0);
    await expect(fetch(base)).rejects.toThrow();
    agent.destroy();
  });

  test("a kept-alive connection ends after its last answer, not after the grace", async () => {
    const entered = deferred();
    const going = deferred();
    // A handler of Node's own responses, which does not say "Connection: close".
    const route = pathPrefix("/", (_request, response) => {
      entered.resolve();
      void going.promise.then(() => response.end("done"));
    });
    const { port, listener } = await start({ requests: [route] });
    const exchange = exchangeBytes(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await entered.promise;
    const stopped = listener.stop(60_000);
    going.resolve();
    await stopped;
    expect(await exchange).toContain("done");
  });

  test("what is left after the grace is cut", async () => {
    const entered = deferred();
    const { port, listener } = await start(
      plain(async () => {
        entered.resolve();
        await new Promise(() => undefined);
        return text("never");
      }),
    );
    const hanging = exchangeBytes(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await entered.promise;
    await listener.stop(50);
    expect(await hanging).toBe("");
  });

  test("an address in use is a clear error", async () => {
    const { port } = await start({});
    const second = createListener({ host: "127.0.0.1", port }, { requests: [], upgrades: [] });
    await expect(second.listen()).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(`127.0.0.1:${port} is already in use.*--client-listen`),
    });
  });
});

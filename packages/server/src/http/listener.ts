/**
 * The one listener on the client port: SQS, the native API over Connect and gRPC, health, and the
 * WebSocket upgrade of the stream. It turns Node's HTTP into plain values and back, and bounds what a
 * stranger can make grow: connections, header and body bytes, time.
 *
 * Stopping: no new connection is accepted, idle ones are closed, answers say "Connection: close"; what
 * is left after the grace period is cut.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttp2Server, type Http2Server, type Http2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { KQueueyError } from "@kqueuey/contract";
import { HangUp } from "../call-signal.ts";
import type { PlainResponse, Refusal, RequestHead } from "../exchange.ts";
import { BodyBudget, readBody } from "./body.ts";
import { type ConnectionFront, routeConnection } from "./connection-front.ts";
import { readHead } from "./head.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import type { NodeRequest, NodeResponse } from "./node-types.ts";
import { isGone, respond } from "./respond.ts";
import { findRoute, type PlainRoute, type Routes } from "./router.ts";

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly limits?: Partial<HttpLimits>;
  /** A handler threw: a fault of ours, answered 500. Wants a line in the log. */
  readonly onFailure?: (error: unknown, head: RequestHead) => void;
}

export interface Listener {
  /** Starts accepting; throws CONFIG_INVALID when the address is taken or not ours. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Drains, then cuts what is left after `graceMs`. */
  stop(graceMs: number): Promise<void>;
  /** Open connections, upgraded ones included. */
  readonly connections: number;
}

/** A listener for `routes`; it accepts nothing before `listen()`. */
export function createListener(options: ListenerOptions, routes: Routes): Listener {
  return new HttpListener(options, routes);
}

/** How often a listener that stops looks for connections that became idle. */
const IDLE_SWEEP_MS = 50;

class HttpListener implements Listener {
  readonly #options: ListenerOptions;
  readonly #limits: HttpLimits;
  readonly #routes: Routes;
  readonly #budget: BodyBudget;
  /** The one that listens. */
  readonly #http1: Server;
  readonly #http1WithoutUpgrades: Server;
  readonly #http2: Http2Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that have not said a byte yet: no server knows them. */
  readonly #silent = new Set<Socket>();
  readonly #sessions = new Set<Http2Session>();
  #draining = false;

  constructor(options: ListenerOptions, routes: Routes) {
    this.#options = options;
    this.#limits = { ...HTTP_LIMITS, ...options.limits };
    this.#routes = routes;
    this.#budget = new BodyBudget(this.#limits.bodyBytesInFlightMax);
    this.#http2 = this.#makeHttp2();
    this.#http1WithoutUpgrades = this.#makeHttp1();
    this.#http1 = this.#makeFront();
  }

  get connections(): number {
    return this.#sockets.size;
  }

  listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => reject(listenError(host, port, error));
      this.#http1.once("error", onError);
      this.#http1.listen({ host, port, backlog: 1_024 }, () => {
        this.#http1.off("error", onError);
        const address = this.#http1.address();
        resolve({ host, port: isAddressInfo(address) ? address.port : port });
      });
    });
  }

  stop(graceMs: number): Promise<void> {
    this.#draining = true;
    return new Promise((resolve) => {
      const cut = setTimeout(() => {
        for (const socket of this.#sockets) socket.destroy();
      }, graceMs);
      this.#http1.close(() => {
        clearTimeout(cut);
        clearInterval(sweep);
        resolve();
      });
      this.#http1WithoutUpgrades.close();
      // Connections that are idle now are closed by that; those whose last answer is still to come, by this.
      const sweep = setInterval(() => {
        this.#http1.closeIdleConnections();
        this.#http1WithoutUpgrades.closeIdleConnections();
      }, IDLE_SWEEP_MS);
      for (const socket of this.#silent) socket.destroy();
      for (const session of this.#sessions) session.close();
    });
  }

  /** The server that listens: it counts connections and gives each to the server of its kind. */
  #makeFront(): Server {
    const server = this.#makeHttp1();
    server.maxConnections = this.#limits.connectionsMax;
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#onUpgrade(request, socket, head),
    );
    // Node's own reader of connections stays in charge, after the first bytes told the version.
    const [serveHttp1] = server.listeners("connection");
    server.removeAllListeners("connection");
    const front: ConnectionFront = {
      http1: (socket) => {
        this.#silent.delete(socket);
        serveHttp1?.call(server, socket);
      },
      http1WithoutUpgrades: (socket) => {
        this.#silent.delete(socket);
        this.#http1WithoutUpgrades.emit("connection", socket);
      },
      http2: (socket) => {
        this.#silent.delete(socket);
        this.#http2.emit("connection", socket);
      },
      firstByteTimeoutMs: this.#limits.headersTimeoutMs,
    };
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      this.#silent.add(socket);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        this.#silent.delete(socket);
      });
      routeConnection(socket, front);
    });
    // Node watches the times of a server's connections from this event on; the second server never listens.
    server.on("listening", () => this.#http1WithoutUpgrades.emit("listening"));
    return server;
  }

  #makeHttp1(): Server {
    const limits = this.#limits;
    return createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: Math.max(100, Math.min(1_000, limits.headersTimeoutMs / 4)),
      },
      (request: IncomingMessage, response: ServerResponse) => this.#onRequest(request, response),
    );
  }

  #makeHttp2(): Http2Server {
    const limits = this.#limits;
    const server = createHttp2Server(
      {
        settings: {
          maxConcurrentStreams: limits.streamsPerConnectionMax,
          maxHeaderListSize: limits.headerBytesMax,
        },
        maxSessionMemory: 16,
      },
      (request, response) => {
        request.stream.setTimeout(limits.requestTimeoutMs, () => {
          // Only while the body is awaited: a waiting poll is silent for longer.
          if (!request.complete) request.stream.close();
        });
        this.#onRequest(request, response);
      },
    );
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.setTimeout(limits.keepAliveMs, () => session.close());
      session.on("error", () => session.destroy());
      session.once("close", () => this.#sessions.delete(session));
      if (this.#draining) session.close();
    });
    server.on("sessionError", () => undefined);
    return server;
  }

  #onRequest(request: NodeRequest, response: NodeResponse): void {
    const head = readHead(request);
    const route = findRoute(this.#routes, head);
    if (route === undefined) {
      request.resume();
      this.#respond(response, NOT_FOUND);
    } else if (route.kind === "plain") {
      this.#answer(request, response, { route, head }).catch((error: unknown) =>
        this.#fail(response, error, head),
      );
    } else {
      route.handle(request, response);
    }
  }

  async #answer(
    request: NodeRequest,
    response: NodeResponse,
    matched: { readonly route: PlainRoute; readonly head: RequestHead },
  ): Promise<void> {
    const { handler } = matched.route;
    const { head } = matched;
    const body = await readBody(request, this.#limits, this.#budget);
    if (body.kind === "gone") return;
    if (body.kind === "refused") {
      const refused = handler.refuse?.(head, body.refusal) ?? plainRefusal(body.refusal);
      this.#respond(response, refused);
      return;
    }
    const { bytes } = body;
    if (isGone(response)) {
      this.#budget.give(bytes.length);
      return;
    }
    const signal = new HangUp();
    let answered = false;
    response.once("close", () => {
      this.#budget.give(bytes.length);
      if (!answered) signal.abort();
    });
    const { method, path, query, header } = head;
    const answer = await handler.handle({ method, path, query, header, body: bytes, signal });
    answered = true;
    this.#respond(response, answer);
  }

  #fail(response: NodeResponse, error: unknown, head: RequestHead): void {
    // A caller that hung up gets no answer, and its end is no fault.
    if (KQueueyError.is(error) && error.code === "CANCELLED") {
      if (!response.headersSent) this.#respond(response, CANCELLED);
      return;
    }
    this.#options.onFailure?.(error, head);
    if (response.headersSent) response.destroy();
    else this.#respond(response, FAILED);
  }

  #respond(response: NodeResponse, answer: PlainResponse): void {
    const { writeTimeoutMs } = this.#limits;
    respond(response, answer, { lastOnConnection: this.#draining, writeTimeoutMs });
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const { path } = readHead(request);
    const route = this.#routes.upgrades.find((candidate) => candidate.path === path);
    if (route === undefined || this.#draining) {
      const status = this.#draining ? "503 Service Unavailable" : "404 Not Found";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    } else {
      route.handle(request, socket, head);
    }
  }
}

const TEXT = { "Content-Type": "text/plain; charset=utf-8" };
const NOT_FOUND: PlainResponse = { status: 404, headers: TEXT, body: "Nothing is served here.\n" };
const FAILED: PlainResponse = { status: 500, headers: TEXT, body: "An internal fault.\n" };
const CANCELLED: PlainResponse = { status: 499, headers: TEXT, body: "The call was cancelled.\n" };

function plainRefusal(refusal: Refusal): PlainResponse {
  switch (refusal.reason) {
    case "too-large": {
      const body = `The body is larger than ${refusal.bytesMax} bytes.\n`;
      return { status: 413, headers: TEXT, body };
    }
    case "busy":
      return {
        status: 503,
        headers: { ...TEXT, "Retry-After": "1" },
        body: "Too many bytes are being read at once; try again.\n",
      };
  }
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

function listenError(host: string, port: number, error: Error): KQueueyError {
  const code = "code" in error ? error.code : undefined;
  const why =
    code === "EADDRINUSE"
      ? "is already in use: end what listens there, or choose another with --client-listen"
      : code === "EADDRNOTAVAIL"
        ? "is not an address of this machine"
        : `can't be listened on: ${error.message}`;
  return new KQueueyError("CONFIG_INVALID", `The client address ${host}:${port} ${why}.`, {
    details: { host, port },
    cause: error,
  });
}

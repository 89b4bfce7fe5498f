/** The stream's WebSocket endpoint: takes upgrades over from the listener and looks after the connections. */
import {
  FRAME_BYTES_MAX,
  HANDSHAKE_TIMEOUT_MS,
  REQUESTS_IN_FLIGHT_MAX,
  WireWriter,
} from "@kqueuey/contract";
import { type WebSocket, WebSocketServer } from "ws";
import type { Broker } from "../../broker.ts";
import { createStreamCalls } from "./stream-calls.ts";
import type { StreamContext, StreamLimits, StreamNode } from "./stream-connection.ts";
import { StreamConnection } from "./stream-connection.ts";
import type { UpgradedSocket } from "./stream-socket.ts";
import { StreamSocket } from "./stream-socket.ts";

type UpgradeArguments = Parameters<WebSocketServer["handleUpgrade"]>;

/** Limits that suit a small machine. */
export const STREAM_LIMITS: StreamLimits = {
  requestsInFlightMax: REQUESTS_IN_FLIGHT_MAX,
  requestBytesInFlightMax: 16 * 1_048_576,
  sendBufferBytesMax: 16 * 1_048_576,
  slowReaderTimeoutMs: 30_000,
  handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
  pingIntervalMs: 20_000,
};

export interface StreamEndpointOptions {
  readonly node: StreamNode;
  readonly limits?: Partial<StreamLimits>;
  /** A clock whose differences count; the host's unless given. */
  readonly monotonicMs?: () => number;
  /** Told of every error that should not have happened. */
  readonly onFault: (error: unknown, method: string) => void;
}

const SWEEP_INTERVAL_MS = 1_000;

export class StreamEndpoint {
  readonly #context: StreamContext;
  readonly #connections = new Map<StreamConnection, StreamSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
    // Many small frames in one packet are handled at once; a promise between each would cost more than they do.
    allowSynchronousEvents: true,
  });
  readonly #timer: ReturnType<typeof setInterval>;
  /** Called when the last connection is gone; set while stopping. */
  #onEmpty: (() => void) | undefined;

  constructor(broker: Broker, options: StreamEndpointOptions) {
    this.#context = {
      node: options.node,
      limits: { ...STREAM_LIMITS, ...options.limits },
      calls: createStreamCalls(broker),
      writer: new WireWriter(),
      monotonicMs: options.monotonicMs ?? (() => performance.now()),
      onFault: options.onFault,
    };
    this.#timer = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Takes over the socket of an upgrade request for `STREAM_PATH`; answers 400 to what is no WebSocket. */
  upgrade(request: UpgradeArguments[0], socket: UpgradedSocket, head: UpgradeArguments[2]): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) =>
      this.#onConnection(webSocket, socket),
    );
  }

  /** Enforces what depends on time, on every connection. */
  sweep(): void {
    for (const connection of this.#connections.keys()) connection.sweep();
  }

  /** Asks every client to go elsewhere. Calls go on. */
  goAway(reason: string): void {
    for (const connection of this.#connections.keys()) connection.goAway(reason);
  }

  /** Closes each connection when its calls are done, and cuts what is left after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    clearInterval(this.#timer);
    const emptied = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const connection of this.#connections.keys()) connection.drain();
    if (this.#connections.size > 0) {
      const cut = setTimeout(() => {
        for (const socket of this.#connections.values()) socket.terminate();
      }, graceMs);
      await emptied;
      clearTimeout(cut);
    }
    this.#server.close();
  }

  #onConnection(webSocket: WebSocket, socket: UpgradedSocket): void {
    const streamSocket = new StreamSocket(webSocket, socket);
    const connection = new StreamConnection(this.#context, streamSocket);
    this.#connections.set(connection, streamSocket);
    webSocket.on("message", (data: unknown, isBinary: boolean) => {
      if (data instanceof Uint8Array) connection.onMessage(data, isBinary);
    });
    webSocket.on("ping", () => connection.onHeard());
    webSocket.on("pong", () => connection.onHeard());
    // A broken frame or a reset: the library closes the socket itself, "close" follows.
    webSocket.on("error", () => undefined);
    webSocket.on("close", () => {
      this.#connections.delete(connection);
      connection.onClose();
      if (this.#connections.size === 0) this.#onEmpty?.();
    });
  }
}

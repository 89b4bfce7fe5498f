/** The transport of production: WebSockets of the `ws` package, the host's clock and timers. */
import { FRAME_BYTES_MAX, HANDSHAKE_TIMEOUT_MS } from "@kqueuey/contract";
import { WebSocket } from "ws";
import type { SocketEvents, StreamSocket, Transport } from "./transport.ts";

/** WebSockets and the host's clock. */
export const webSocketTransport: Transport = {
  connect: connectWebSocket,
  timers: {
    nowMs: () => performance.now(),
    schedule: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
  },
  random: () => Math.random(),
};

function connectWebSocket(url: string, events: SocketEvents): StreamSocket {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    // Masks guard caches of proxies against scripts in browsers (RFC 6455, 10.3). Here no stranger chooses the
    // bytes, and a mask of zeros spares both sides a pass over every frame.
    generateMask: (mask) => mask.fill(0),
  });
  let reason = "";
  socket.on("open", () => events.opened());
  socket.on("message", (data: unknown, isBinary: boolean) => {
    if (isBinary && data instanceof Uint8Array) events.received(data);
    else socket.close(1003, "binary frames only");
  });
  socket.on("pong", () => events.ponged());
  socket.on("error", (error) => {
    reason = describe(error);
  });
  socket.on("close", (code, text) => {
    if (reason === "") reason = text.length > 0 ? text.toString() : `closed with code ${code}`;
    events.closed(reason);
  });
  return {
    send: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes, ignoreError);
    },
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping(undefined, undefined, ignoreError);
    },
    terminate: () => socket.terminate(),
    bufferedBytes: () => socket.bufferedAmount,
  };
}

/** A write that fails is followed by `close`, which says all there is to say. */
function ignoreError(): void {}

function describe(error: Error): string {
  // Node tries several addresses of a name and reports them together, without a message.
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map((part: unknown) => String(part)).join(", ");
  }
  return error.message;
}

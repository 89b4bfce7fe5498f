/**
 * One port, two versions of HTTP: a connection's first bytes tell them apart. gRPC speaks HTTP/2
 * without TLS by prior knowledge (RFC 9113, section 3.3), which begins with "PRI"; no HTTP/1.1 method
 * that we serve does. The bytes are put back and the socket is given to its server.
 *
 * Some clients (Java's) begin in HTTP/1.1 and offer to change to HTTP/2 by an Upgrade header. A server
 * may ignore that (RFC 9110, section 7.8), but Node's, when it takes upgrades at all, takes every one:
 * such connections go to a server that takes none.
 */
import type { Socket } from "node:net";

const PREFACE = "PRI";

/** Where a connection goes, and how long it may be silent first. */
export interface ConnectionFront {
  readonly http1: (socket: Socket) => void;
  /** HTTP/1.1 whose Upgrade header is ignored. */
  readonly http1WithoutUpgrades: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
  readonly firstByteTimeoutMs: number;
}

/** Waits for a connection's first bytes and passes it on. */
export function routeConnection(socket: Socket, front: ConnectionFront): void {
  const giveUp = (): void => {
    socket.destroy();
  };
  // At most two bytes are held here: those of a preface that came in pieces.
  let first: Buffer = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
    const start = first.toString("latin1", 0, PREFACE.length);
    if (start.length < PREFACE.length && PREFACE.startsWith(start)) return;
    socket.setTimeout(0);
    socket.off("timeout", giveUp);
    socket.off("error", giveUp);
    socket.off("end", giveUp);
    socket.off("readable", onReadable);
    socket.unshift(first);
    if (start === PREFACE) front.http2(socket);
    else if (offersHttp2(first)) front.http1WithoutUpgrades(socket);
    else front.http1(socket);
  };
  socket.setTimeout(front.firstByteTimeoutMs);
  socket.on("timeout", giveUp);
  socket.on("error", giveUp);
  socket.on("end", giveUp);
  socket.on("readable", onReadable);
}

function offersHttp2(first: Buffer): boolean {
  return first.includes("h2c") && /\r\nupgrade:[^\r\n]*\bh2c\b/i.test(first.toString("latin1"));
}

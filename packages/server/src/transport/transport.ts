/**
 * Frames between nodes over TCP: one connection a pair, direction and channel. Accepting side:
 * verifies the handshake, then reads frames. Dialling side: `PeerLink`.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Incarnation, NodeId } from "@kqueuey/base";
import { equalBytes } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type { Channel, Net } from "@kqueuey/replica";
import { FrameReader } from "./frame-reader.ts";
import type { Hello, Verdict } from "./handshake.ts";
import { decodeHello, encodeAnswer, HELLO_BYTES, PEER_PROTOCOL_VERSION } from "./handshake.ts";
import { PeerLink } from "./peer-link.ts";

const HELLO_TIMEOUT_MS = 3_000;
/** A peer that has sent nothing for this long may be replaced by a restarted process of the same id. */
const SILENT_AFTER_MS = 1_000;
/** Connections that have not proved who they are yet. */
const STRANGERS_MAX = 64;

export interface PeerAddress {
  readonly id: NodeId;
  readonly host: string;
  readonly port: number;
}

export interface TransportOptions {
  readonly id: NodeId;
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly listen: { readonly host: string; readonly port: number };
  /** Everybody else. */
  readonly peers: readonly PeerAddress[];
  readonly frameBytesMax: number;
  readonly sendBytesMax: number;
  /** Drawn once per process. */
  readonly nonce: number;
  incarnation(): Incarnation;
}

export interface TransportEvents {
  onFrame(from: NodeId, channel: Channel, frame: Uint8Array): void;
  onPeerUp(peer: NodeId, channel: Channel): void;
  /** Our connection to the peer, or the peer's to us, is gone. */
  onPeerDown(peer: NodeId, channel: Channel): void;
  /** A peer said no, or we did: worth a line in the log. */
  onRefused(peer: NodeId | undefined, verdict: Verdict, by: "us" | "them"): void;
}

interface Incoming {
  readonly socket: Socket;
  readonly hello: Hello;
  lastHeardMs: number;
}

export class Transport implements Net {
  readonly #options: TransportOptions;
  readonly #events: TransportEvents;
  readonly #server: Server;
  readonly #links = new Map<string, PeerLink>();
  readonly #incoming = new Map<string, Incoming>();
  readonly #strangers = new Set<Socket>();
  #closed = false;

  constructor(options: TransportOptions, events: TransportEvents) {
    this.#options = options;
    this.#events = events;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    for (const peer of options.peers) {
      for (const channel of ["main", "bulk"] as const) {
        this.#links.set(key(peer.id, channel), this.#makeLink(peer, channel));
      }
    }
  }

  /** Listens and starts dialling. Rejects with CONFIG_INVALID that names the address when it cannot listen. */
  async open(): Promise<void> {
    const { host, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: NodeJS.ErrnoException): void => {
        const why =
          cause.code === "EADDRINUSE" ? "is in use" : `cannot be opened (${cause.message})`;
        reject(
          new KQueueyError(
            "CONFIG_INVALID",
            `peer address ${host}:${port} ${why}: choose another with --peer-listen`,
            { cause },
          ),
        );
      };
      this.#server.once("error", fail);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", fail);
        resolve();
      });
    });
    this.#server.on("error", () => undefined);
    for (const link of this.#links.values()) link.open();
  }

  /** The port that is listened on. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  send(to: NodeId, channel: Channel, frame: readonly Uint8Array[]): boolean {
    return this.#links.get(key(to, channel))?.send(frame) ?? false;
  }

  isUp(peer: NodeId): boolean {
    return this.#links.get(key(peer, "main"))?.isUp ?? false;
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    const done = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket } of this.#incoming.values()) socket.destroy();
    for (const socket of this.#strangers) socket.destroy();
    await done;
  }

  #makeLink(peer: PeerAddress, channel: Channel): PeerLink {
    const { id, clusterId, nonce, sendBytesMax } = this.#options;
    return new PeerLink({
      to: peer.id,
      channel,
      host: peer.host,
      port: peer.port,
      sendBytesMax,
      hello: () => ({
        protocol: PEER_PROTOCOL_VERSION,
        clusterId,
        from: id,
        to: peer.id,
        incarnation: this.#options.incarnation(),
        channel,
        nonce,
      }),
      onUp: () => this.#events.onPeerUp(peer.id, channel),
      onDown: () => this.#events.onPeerDown(peer.id, channel),
      onRefused: (verdict) => this.#events.onRefused(peer.id, verdict, "them"),
    });
  }

  #accept(socket: Socket): void {
    if (this.#closed || this.#strangers.size >= STRANGERS_MAX) {
      socket.destroy();
      return;
    }
    this.#strangers.add(socket);
    socket.setTimeout(HELLO_TIMEOUT_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#strangers.delete(socket));
    let bytes: Buffer = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < HELLO_BYTES) return;
      socket.off("data", onData);
      this.#greet(socket, bytes.subarray(0, HELLO_BYTES), bytes.subarray(HELLO_BYTES));
    };
    socket.on("data", onData);
  }

  #greet(socket: Socket, bytes: Uint8Array, rest: Uint8Array): void {
    const hello = decodeHello(bytes);
    if (hello === undefined) {
      socket.destroy();
      return;
    }
    const verdict = this.#judge(hello);
    const answer = { protocol: PEER_PROTOCOL_VERSION, verdict, from: this.#options.id };
    if (verdict !== "welcome") {
      this.#events.onRefused(hello.from, verdict, "us");
      socket.end(encodeAnswer(answer));
      return;
    }
    socket.write(encodeAnswer(answer));
    this.#strangers.delete(socket);
    socket.setTimeout(0);
    this.#read(socket, hello, rest);
  }

  #judge(hello: Hello): Verdict {
    const { id, clusterId, peers } = this.#options;
    if (hello.protocol !== PEER_PROTOCOL_VERSION) return "wrong-protocol";
    if (!equalBytes(hello.clusterId, clusterId)) return "wrong-cluster";
    if (hello.to !== id) return "wrong-node";
    if (hello.from === id) return "duplicate-id";
    if (!peers.some((peer) => peer.id === hello.from)) return "unknown-node";
    const known = this.#incoming.get(key(hello.from, hello.channel));
    if (known === undefined || known.hello.nonce === hello.nonce) return "welcome";
    const silent = performance.now() - known.lastHeardMs > SILENT_AFTER_MS;
    return silent ? "welcome" : "duplicate-id";
  }

  #read(socket: Socket, hello: Hello, rest: Uint8Array): void {
    const at = key(hello.from, hello.channel);
    const incoming: Incoming = { socket, hello, lastHeardMs: performance.now() };
    this.#incoming.get(at)?.socket.destroy();
    this.#incoming.set(at, incoming);
    const reader = new FrameReader(this.#options.frameBytesMax);
    const feed = (chunk: Uint8Array): void => {
      incoming.lastHeardMs = performance.now();
      const sound = reader.push(chunk, (frame) =>
        this.#events.onFrame(hello.from, hello.channel, frame),
      );
      if (!sound) socket.destroy();
    };
    socket.on("data", feed);
    socket.on("close", () => {
      if (this.#incoming.get(at) !== incoming) return;
      this.#incoming.delete(at);
      if (!this.#closed) this.#events.onPeerDown(hello.from, hello.channel);
    });
    if (rest.length > 0) feed(rest);
  }
}

function key(peer: NodeId, channel: Channel): string {
  return `${peer}/${channel}`;
}

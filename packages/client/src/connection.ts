/**
 * One stream to one node: handshake, pipelined calls, and the watch that finds out when it is dead.
 *
 * States: connecting (until the welcome) → ready → closed. A connection that ends fails what was in
 * flight with OUTCOME_UNKNOWN: the caller tries again with the same request id, on this node or another.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  beginFrame,
  decodeErrorPayload,
  decodeFrame,
  FRAME_KIND,
  type Frame,
  HANDSHAKE_TIMEOUT_MS,
  KQueueyError,
  type Method,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  REQUESTS_IN_FLIGHT_MAX,
  StreamGoAwaySchema,
  StreamHelloSchema,
  StreamWelcomeSchema,
  WireWriter,
} from "@kqueuey/contract";
import type { StreamSocket, Transport } from "./transport.ts";

/** How often a connection is looked at. */
const WATCH_MS = 1_000;
/** Silence after which a ping is sent: while calls are in flight, and while none is. */
const PING_BUSY_MS = 2_000;
const PING_IDLE_MS = 15_000;
/** A ping that is not answered within this time: the connection is dead. */
const PONG_MS = 4_000;
/** How long a node that said it goes away may take to finish what it has in hand. */
const GOING_MS = 15_000;
/** Cancelled calls whose late answer is still of interest. */
const ABANDONED_MAX = 1_024;
/** Bytes that the host may hold unsent before the connection takes no more calls. */
const UNSENT_BYTES_MAX = 16_777_216;

/** Who waits for the answer of one call. Exactly one of the two is called, once, unless the call is cancelled. */
export interface AnswerSink {
  /** The payload is `bytes` from `start` on; `leaderUrl` when the node forwarded the call. */
  response(bytes: Uint8Array, start: number, leaderUrl: string | undefined): void;
  /** `mayHaveHappened`: the call may have taken effect although it failed. */
  failed(error: KQueueyError, mayHaveHappened: boolean): void;
}

/** Takes the answer of a call that was cancelled before. */
export type LateAnswer = (bytes: Uint8Array, start: number) => void;

/** What the pool learns of its connection. */
export interface ConnectionEvents {
  ready(connection: Connection): void;
  /** The node will close soon: new calls go elsewhere. */
  goingAway(connection: Connection, leaderUrl: string | undefined): void;
  /** `wasReady` tells a node that went from one that could not be reached. */
  closed(connection: Connection, reason: string, wasReady: boolean): void;
}

/** What the connection says of itself. */
export interface ConnectionConfig {
  readonly url: string;
  readonly clientName: string;
  /** Undefined: any cluster. */
  readonly clusterId: string | undefined;
}

/** One stream to one node. */
export class Connection {
  readonly url: string;
  readonly #config: ConnectionConfig;
  readonly #transport: Transport;
  readonly #events: ConnectionEvents;
  readonly #socket: StreamSocket;
  readonly #writer = new WireWriter();
  readonly #calls = new Map<number, AnswerSink>();
  readonly #abandoned = new Map<number, LateAnswer | undefined>();
  #state: "connecting" | "ready" | "closed" = "connecting";
  /** When the node said that it goes away. */
  #goingSinceMs: number | undefined;
  #nextId = 1;
  #maxInFlight = REQUESTS_IN_FLIGHT_MAX;
  #cancelTimer: () => void;
  #lastReceivedMs: number;
  #lastWatchMs = 0;
  #pingSentMs: number | undefined;
  #roundTripMs = 0;
  /** Known from the welcome on. */
  nodeId = 0;
  clusterId = "";
  leaderUrl: string | undefined;

  constructor(config: ConnectionConfig, transport: Transport, events: ConnectionEvents) {
    this.url = config.url;
    this.#config = config;
    this.#transport = transport;
    this.#events = events;
    this.#lastReceivedMs = transport.timers.nowMs();
    this.#cancelTimer = transport.timers.schedule(HANDSHAKE_TIMEOUT_MS, () =>
      this.#close(`no welcome within ${HANDSHAKE_TIMEOUT_MS} ms`),
    );
    this.#socket = transport.connect(config.url, {
      opened: () => this.#hello(),
      received: (bytes) => this.#received(bytes),
      ponged: () => this.#ponged(),
      closed: (reason) => this.#close(reason),
    });
  }

  /** Whether calls may be made. */
  get usable(): boolean {
    return this.#state === "ready" && this.#goingSinceMs === undefined;
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  /** What a ping took lately: an answer is at most this old when it arrives. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** Makes a call and gives its id, or undefined, and nothing was sent, when the connection has no room or is gone. */
  request(
    method: Method,
    write: (writer: WireWriter) => void,
    sink: AnswerSink,
  ): number | undefined {
    if (!this.usable || this.#calls.size >= this.#maxInFlight) return undefined;
    if (this.#socket.bufferedBytes() > UNSENT_BYTES_MAX) return undefined;
    const id = this.#newId();
    const writer = this.#writer;
    try {
      beginFrame(writer, { requestId: id, kind: FRAME_KIND.request, method });
      write(writer);
    } catch (error) {
      writer.reset();
      throw error;
    }
    this.#calls.set(id, sink);
    this.#socket.send(writer.take());
    return id;
  }

  /** Nobody waits for the call any more; `late` gets its response if it comes all the same. */
  cancel(id: number, late: LateAnswer | undefined): void {
    if (!this.#calls.delete(id) || this.#state === "closed") return;
    this.#abandoned.set(id, late);
    if (this.#abandoned.size > ABANDONED_MAX) {
      for (const oldest of this.#abandoned.keys()) {
        this.#abandoned.delete(oldest);
        break;
      }
    }
    beginFrame(this.#writer, { requestId: id, kind: FRAME_KIND.cancel });
    this.#socket.send(this.#writer.take());
  }

  /** Ends the connection; calls in flight fail. */
  terminate(reason: string): void {
    this.#close(reason);
  }

  #newId(): number {
    let id = this.#nextId;
    while (this.#calls.has(id) || this.#abandoned.has(id)) id = id === 0xffff_ffff ? 1 : id + 1;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return id;
  }

  #hello(): void {
    if (this.#state !== "connecting") return;
    const { clientName, clusterId } = this.#config;
    const hello = create(StreamHelloSchema, {
      protocolVersion: PROTOCOL_VERSION,
      protocolVersionMin: PROTOCOL_VERSION_MIN,
      client: clientName,
      ...(clusterId === undefined ? {} : { clusterId }),
    });
    beginFrame(this.#writer, { requestId: 0, kind: FRAME_KIND.hello });
    this.#writer.raw(toBinary(StreamHelloSchema, hello));
    this.#socket.send(this.#writer.take());
  }

  #received(bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#lastReceivedMs = this.#transport.timers.nowMs();
    this.#pingSentMs = undefined;
    try {
      this.#dispatch(decodeFrame(bytes));
    } catch (error) {
      // A peer that sends broken frames cannot be understood from here on.
      this.#close(error instanceof Error ? error.message : String(error));
    }
  }

  #dispatch(frame: Frame): void {
    const { bytes, payloadStart, requestId } = frame;
    switch (frame.kind) {
      case FRAME_KIND.response:
        this.#response(frame);
        return;
      case FRAME_KIND.error: {
        const error = decodeErrorPayload(bytes, payloadStart);
        if (this.#state === "connecting") {
          this.#close(`refused: ${error.message}`);
          return;
        }
        const sink = this.#take(requestId);
        // An error says that the call did not happen, unless it says that nobody knows.
        const unknown = error.code === "OUTCOME_UNKNOWN" || error.code === "DEADLINE_EXCEEDED";
        sink?.failed(error, unknown);
        return;
      }
      case FRAME_KIND.welcome:
        this.#welcome(bytes.subarray(payloadStart));
        return;
      case FRAME_KIND.goAway: {
        const { leaderUrl } = fromBinary(StreamGoAwaySchema, bytes.subarray(payloadStart));
        this.#goingSinceMs ??= this.#transport.timers.nowMs();
        this.#events.goingAway(this, leaderUrl);
        return;
      }
      case FRAME_KIND.hello:
      case FRAME_KIND.request:
      case FRAME_KIND.cancel:
        this.#close("the node sent a frame that only clients send");
        return;
    }
  }

  #response(frame: Frame): void {
    const late = this.#abandoned.get(frame.requestId);
    if (late !== undefined) late(frame.bytes, frame.payloadStart);
    this.#take(frame.requestId)?.response(frame.bytes, frame.payloadStart, frame.leaderUrl);
  }

  #take(id: number): AnswerSink | undefined {
    const sink = this.#calls.get(id);
    if (sink === undefined) this.#abandoned.delete(id);
    else this.#calls.delete(id);
    return sink;
  }

  #welcome(payload: Uint8Array): void {
    if (this.#state !== "connecting") return;
    const welcome = fromBinary(StreamWelcomeSchema, payload);
    const expected = this.#config.clusterId;
    if (expected !== undefined && welcome.clusterId !== expected) {
      this.#close(`it belongs to the cluster ${welcome.clusterId}, not to ${expected}`);
      return;
    }
    this.#state = "ready";
    this.nodeId = welcome.nodeId;
    this.clusterId = welcome.clusterId;
    this.leaderUrl = welcome.leaderUrl;
    if (welcome.maxRequestsInFlight > 0) this.#maxInFlight = welcome.maxRequestsInFlight;
    this.#cancelTimer();
    this.#ping();
    this.#watchLater();
    this.#events.ready(this);
  }

  #watchLater(): void {
    this.#lastWatchMs = this.#transport.timers.nowMs();
    this.#cancelTimer = this.#transport.timers.schedule(WATCH_MS, () => this.#watch());
  }

  #watch(): void {
    const nowMs = this.#transport.timers.nowMs();
    // When this process itself stood still, what the node sent is still unread: judge at the next turn.
    const stoodStill = nowMs - this.#lastWatchMs > WATCH_MS * 2;
    if (this.#hasGone(nowMs)) {
      // It need not wait for the node, which may have changed its mind: a new connection shows.
      this.#close("the node said that it goes away");
      return;
    }
    if (!stoodStill) {
      const pingedMs = this.#pingSentMs;
      if (pingedMs !== undefined && nowMs - pingedMs >= PONG_MS) {
        this.#close(`no answer to a ping within ${PONG_MS} ms`);
        return;
      }
      const patience = this.#calls.size > 0 ? PING_BUSY_MS : PING_IDLE_MS;
      if (pingedMs === undefined && nowMs - this.#lastReceivedMs >= patience) this.#ping();
    }
    this.#watchLater();
  }

  /** Nothing is left that a node which goes away could still answer, or it had its time. */
  #hasGone(nowMs: number): boolean {
    if (this.#goingSinceMs === undefined) return false;
    const idle = this.#calls.size === 0 && this.#abandoned.size === 0;
    return idle || nowMs - this.#goingSinceMs >= GOING_MS;
  }

  #ping(): void {
    this.#pingSentMs = this.#transport.timers.nowMs();
    this.#socket.ping();
  }

  #ponged(): void {
    if (this.#state === "closed") return;
    const nowMs = this.#transport.timers.nowMs();
    if (this.#pingSentMs !== undefined) this.#roundTripMs = nowMs - this.#pingSentMs;
    this.#lastReceivedMs = nowMs;
    this.#pingSentMs = undefined;
  }

  #close(reason: string): void {
    if (this.#state === "closed") return;
    const wasReady = this.#state === "ready";
    this.#state = "closed";
    this.#cancelTimer();
    this.#socket.terminate();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#abandoned.clear();
    this.#events.closed(this, reason, wasReady);
    for (const sink of calls) {
      const message = `the connection to ${this.url} ended before the answer came: ${reason}`;
      sink.failed(new KQueueyError("OUTCOME_UNKNOWN", message), true);
    }
  }
}

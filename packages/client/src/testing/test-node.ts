/** A node of the test cluster: speaks the stream's frames over in-process sockets. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  beginFrame,
  decodeFrame,
  encodeErrorDetail,
  FRAME_KIND,
  type Frame,
  KQueueyError,
  METHOD,
  type MethodName,
  methodName,
  PROTOCOL_VERSION,
  StreamGoAwaySchema,
  StreamHelloSchema,
  StreamWelcomeSchema,
  WireWriter,
} from "@kqueuey/contract";
import type { SocketEvents, StreamSocket } from "../transport.ts";
import { type ServeParts, serve } from "./test-serve.ts";

/** A request as a test sees it. */
export interface TestRequest {
  readonly nodeId: number;
  readonly method: MethodName;
  readonly queue: string;
  /** "" when there is none. */
  readonly requestId: string;
}

/**
 * What a test wants done with a request. `answer`: as usual. `lose`: executed, but the connection ends before
 * the answer. `ignore`: nothing, ever. An error: the answer, instead of executing it.
 */
export type Verdict = "answer" | "lose" | "ignore" | KQueueyError;

/** What a node shares with its cluster. */
export interface NodeParts extends ServeParts {
  readonly clusterId: string;
  readonly url: string;
  readonly nodeId: number;
  leaderUrl(): string | undefined;
  judge(request: TestRequest): Verdict;
}

/** One node. */
export class TestNode {
  readonly #parts: NodeParts;
  readonly #links = new Set<Link>();
  #down = false;
  #paused = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
  }

  get id(): number {
    return this.#parts.nodeId;
  }

  get url(): string {
    return this.#parts.url;
  }

  get healthy(): boolean {
    return !this.#down && !this.#paused;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#links.size;
  }

  /** The process dies: its connections end, new ones are refused. */
  crash(): void {
    this.#down = true;
    for (const link of [...this.#links]) link.end("connection reset");
  }

  /** The process is back after `crash`. */
  restart(): void {
    this.#down = false;
  }

  /** The process stands still: it takes bytes and says nothing. */
  pause(): void {
    this.#paused = true;
  }

  /** The process goes on after `pause`, with what has come meanwhile. */
  resume(): void {
    this.#paused = false;
    for (const link of [...this.#links]) link.catchUp();
  }

  /** The node is about to stop, and says so to its clients. */
  goAway(reason: string): void {
    for (const link of this.#links) link.goAway(reason);
  }

  /** A client connects. */
  connect(events: SocketEvents): StreamSocket {
    if (this.#down) return refuse(events, "connection refused");
    const link = new Link(this.#parts, events, {
      paused: () => this.#paused,
      ended: () => this.#links.delete(link),
    });
    this.#links.add(link);
    return link.socket;
  }
}

/** A connection that cannot be made. */
export function refuse(events: SocketEvents, reason: string): StreamSocket {
  queueMicrotask(() => events.closed(reason));
  return { send: nothing, ping: nothing, terminate: nothing, bufferedBytes: () => 0 };
}

interface LinkHooks {
  paused(): boolean;
  ended(): void;
}

/** One connection, seen from the node. */
class Link {
  readonly socket: StreamSocket;
  readonly #parts: NodeParts;
  readonly #events: SocketEvents;
  readonly #hooks: LinkHooks;
  readonly #writer = new WireWriter();
  readonly #cancels = new Map<number, () => void>();
  #inbox: (() => void)[] = [];
  #open = true;

  constructor(parts: NodeParts, events: SocketEvents, hooks: LinkHooks) {
    this.#parts = parts;
    this.#events = events;
    this.#hooks = hooks;
    this.socket = {
      send: (bytes) => this.#arrive(() => this.#received(bytes)),
      ping: () => this.#arrive(() => this.#deliver(() => this.#events.ponged())),
      terminate: () => this.end("terminated by the client"),
      bufferedBytes: () => 0,
    };
    this.#deliver(() => this.#events.opened());
  }

  end(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#hooks.ended();
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    queueMicrotask(() => this.#events.closed(reason));
  }

  catchUp(): void {
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const run of inbox) run();
  }

  goAway(reason: string): void {
    const leaderUrl = this.#parts.leaderUrl();
    const message = create(StreamGoAwaySchema, {
      reason,
      ...(leaderUrl === undefined ? {} : { leaderUrl }),
    });
    beginFrame(this.#writer, { requestId: 0, kind: FRAME_KIND.goAway });
    this.#writer.raw(toBinary(StreamGoAwaySchema, message));
    this.#send();
  }

  /** Bytes travel for the rest of the turn; a node that stands still keeps them. */
  #arrive(run: () => void): void {
    queueMicrotask(() => {
      if (!this.#open) return;
      if (this.#hooks.paused()) this.#inbox.push(run);
      else run();
    });
  }

  #deliver(run: () => void): void {
    queueMicrotask(() => {
      if (this.#open) run();
    });
  }

  #send(): void {
    const bytes = this.#writer.take();
    this.#deliver(() => this.#events.received(bytes));
  }

  #received(bytes: Uint8Array): void {
    if (!this.#open) return;
    const frame = decodeFrame(bytes);
    switch (frame.kind) {
      case FRAME_KIND.hello:
        this.#welcome(frame);
        return;
      case FRAME_KIND.request:
        this.#request(frame);
        return;
      case FRAME_KIND.cancel:
        this.#cancel(frame.requestId);
        return;
      case FRAME_KIND.welcome:
      case FRAME_KIND.response:
      case FRAME_KIND.error:
      case FRAME_KIND.goAway:
        this.end("a client does not send such frames");
        return;
    }
  }

  #welcome(frame: Frame): void {
    const hello = fromBinary(StreamHelloSchema, frame.bytes.subarray(frame.payloadStart));
    const { clusterId, nodeId } = this.#parts;
    if (hello.clusterId !== undefined && hello.clusterId !== clusterId) {
      const text = `this is the cluster ${clusterId}, not ${hello.clusterId}`;
      this.#error(0, 0, new KQueueyError("INVALID_ARGUMENT", text));
      // After the error, which is on its way.
      queueMicrotask(() => this.end("refused"));
      return;
    }
    const leaderUrl = this.#parts.leaderUrl();
    const welcome = create(StreamWelcomeSchema, {
      protocolVersion: PROTOCOL_VERSION,
      clusterId,
      nodeId,
      ...(leaderUrl === undefined ? {} : { leaderUrl }),
    });
    beginFrame(this.#writer, { requestId: 0, kind: FRAME_KIND.welcome });
    this.#writer.raw(toBinary(StreamWelcomeSchema, welcome));
    this.#send();
  }

  #request(frame: Frame): void {
    const { requestId: id, method: number } = frame;
    const method = methodName(number);
    if (method === undefined) {
      this.#error(id, number, new KQueueyError("UNSUPPORTED", `there is no method ${number}`));
      return;
    }
    try {
      const served = serve(method, frame, this.#parts, (write) => this.#answer(id, method, write));
      const request = { nodeId: this.#parts.nodeId, method, ...served.head };
      const verdict = this.#parts.judge(request);
      if (verdict === "ignore") return;
      if (KQueueyError.is(verdict)) throw verdict;
      if (this.#parts.leaderUrl() === undefined && method !== "clusterStatus") {
        throw new KQueueyError("UNAVAILABLE", "there is no leader at the moment");
      }
      if (verdict === "lose") {
        // What the answer would have been is made, so that the request takes effect, and thrown away.
        served.run();
        this.end("connection reset");
        return;
      }
      this.#cancels.set(id, served.run());
    } catch (error) {
      this.#error(id, number, KQueueyError.from(error));
    }
  }

  #cancel(id: number): void {
    const cancel = this.#cancels.get(id);
    if (cancel === undefined) return;
    this.#cancels.delete(id);
    cancel();
    this.#error(id, 0, new KQueueyError("CANCELLED", "the client cancelled the call"));
  }

  #answer(id: number, method: MethodName, write: (writer: WireWriter) => void): void {
    this.#cancels.delete(id);
    if (!this.#open) return;
    const leaderUrl = this.#parts.leaderUrl();
    const isLeader = leaderUrl === undefined || leaderUrl === this.#parts.url;
    beginFrame(this.#writer, {
      requestId: id,
      kind: FRAME_KIND.response,
      method: METHOD[method],
      ...(isLeader ? {} : { leaderUrl }),
    });
    write(this.#writer);
    this.#send();
  }

  #error(id: number, method: number, error: KQueueyError): void {
    this.#cancels.delete(id);
    const name = methodName(method);
    const header = { requestId: id, kind: FRAME_KIND.error };
    beginFrame(this.#writer, name === undefined ? header : { ...header, method: METHOD[name] });
    encodeErrorDetail(this.#writer, error);
    this.#send();
  }
}

function nothing(): void {}

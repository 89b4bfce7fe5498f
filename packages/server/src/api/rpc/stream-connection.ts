/**
 * One client's stream: its handshake, its calls in flight, its answers.
 *
 *     greeting --hello--> open --close, garbage, slow reader, hang-up--> closed
 *
 * Bounded: calls in flight (one more is throttled), bytes of requests in hand (the socket is not read
 * meanwhile), bytes of answers that the client does not take (not read either; a delivery is undone; a
 * client that takes nothing for long is cut off). A hang-up or a cancel aborts the call's signal, so a
 * waiting receive is granted nothing. Whatever bytes a client sends, it gets a typed error at worst.
 */
import { setMaxListeners } from "node:events";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Frame, FrameHeader, Method, StreamHello } from "@kqueuey/contract";
import {
  beginFrame,
  decodeFrame,
  encodeErrorDetail,
  FRAME_BYTES_MAX,
  FRAME_KIND,
  KQueueyError,
  METHOD,
  methodName,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  StreamGoAwaySchema,
  StreamHelloSchema,
  StreamWelcomeSchema,
  type WireWriter,
} from "@kqueuey/contract";
import type { Delivery } from "../../broker.ts";
import type { StreamAnswer, StreamCall } from "./stream-calls.ts";
import { decode } from "./stream-calls.ts";
import type { StreamSocket } from "./stream-socket.ts";

/** What a stream bears. Sizes in bytes, times in ms. */
export interface StreamLimits {
  /** Calls in flight on one connection. */
  readonly requestsInFlightMax: number;
  /** Frames of calls in flight on one connection; past it the socket is not read. */
  readonly requestBytesInFlightMax: number;
  /** Answers not yet taken by the client, past which the socket is not read and deliveries are undone. */
  readonly sendBufferBytesMax: number;
  /** How long a client may leave a full send buffer untouched before it is cut off. */
  readonly slowReaderTimeoutMs: number;
  /** How long a client has to say hello. */
  readonly handshakeTimeoutMs: number;
  /** A client that was silent for so long is pinged; silent for twice as long, it is cut off. */
  readonly pingIntervalMs: number;
}

/** What the stream tells clients of this node. */
export interface StreamNode {
  readonly clusterId: string;
  readonly nodeId: number;
  /** This node's own client URL. */
  readonly clientUrl: () => string;
  /** Client URL of the leader of group 0, this node's own included; undefined while unknown. */
  readonly leaderUrl: () => string | undefined;
}

/** What all connections of a node share. */
export interface StreamContext {
  readonly node: StreamNode;
  readonly limits: StreamLimits;
  readonly calls: Readonly<Record<keyof typeof METHOD, StreamCall>>;
  /** Frames are encoded in one go, so one writer serves all. */
  readonly writer: WireWriter;
  readonly monotonicMs: () => number;
  /** Told of every error that should not have happened. */
  readonly onFault: (error: unknown, method: string) => void;
}

/** WebSocket close codes (RFC 6455, section 7.4.1). */
const CLOSE = {
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  policy: 1008,
} as const;

type SendDone = (error?: Error | null) => void;

interface Call {
  readonly bytes: number;
  /** Ends this call alone; undefined for calls that never wait long. */
  readonly abort: AbortController | undefined;
}

export class StreamConnection {
  readonly #context: StreamContext;
  readonly #socket: StreamSocket;
  readonly #calls = new Map<number, Call>();
  /** Aborted when the client is gone. */
  readonly #hangUp = new AbortController();
  #state: "greeting" | "open" | "closed" = "greeting";
  #requestBytes = 0;
  /** Since when the socket is not read because the client does not read; undefined while it is. */
  #fullSinceMs: number | undefined;
  #paused = false;
  #heardAtMs: number;
  #draining = false;

  constructor(context: StreamContext, socket: StreamSocket) {
    this.#context = context;
    this.#socket = socket;
    this.#heardAtMs = context.monotonicMs();
    // As many calls listen to it as are in flight; that is no leak.
    setMaxListeners(0, this.#hangUp.signal);
    socket.onDrain(() => this.#regulate());
  }

  /** Calls that are under way. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** A WebSocket message arrived. */
  onMessage(bytes: Uint8Array, isBinary: boolean): void {
    this.onHeard();
    if (this.#state === "closed") return;
    if (!isBinary) {
      this.#refuse(malformed("a text message; frames are binary"), CLOSE.unsupportedData);
      return;
    }
    try {
      this.#onFrame(decodeFrame(bytes));
    } catch (error) {
      this.#refuse(KQueueyError.from(error), CLOSE.protocolError);
    }
  }

  /** Anything at all came from the client. */
  onHeard(): void {
    this.#heardAtMs = this.#context.monotonicMs();
  }

  /** The WebSocket is gone, for whatever reason. */
  onClose(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#hangUp.abort();
    for (const call of this.#calls.values()) call.abort?.abort();
  }

  /** Enforces what depends on time; called every second or so. */
  sweep(): void {
    const { limits } = this.#context;
    const nowMs = this.#context.monotonicMs();
    const silentMs = nowMs - this.#heardAtMs;
    if (this.#state === "closed") return;
    if (this.#state === "greeting") {
      if (silentMs < limits.handshakeTimeoutMs) return;
      const text = `no hello within ${limits.handshakeTimeoutMs} ms`;
      this.#refuse(new KQueueyError("DEADLINE_EXCEEDED", text), CLOSE.policy);
    } else if (this.#fullSinceMs !== undefined) {
      if (nowMs - this.#fullSinceMs >= limits.slowReaderTimeoutMs) this.#socket.terminate();
    } else if (this.#paused) {
      // Not read, so its pongs are not heard: silence means nothing.
      this.#heardAtMs = nowMs;
    } else if (silentMs >= 2 * limits.pingIntervalMs) {
      this.#socket.terminate();
    } else if (silentMs >= limits.pingIntervalMs) {
      this.#socket.ping();
    }
  }

  /** Asks the client to go elsewhere; calls go on meanwhile. */
  goAway(reason: string): void {
    if (this.#state !== "open") return;
    const leaderUrl = this.#context.node.leaderUrl();
    const message = create(StreamGoAwaySchema, {
      reason,
      ...(leaderUrl === undefined ? {} : { leaderUrl }),
    });
    const payload = toBinary(StreamGoAwaySchema, message);
    this.#send({ requestId: 0, kind: FRAME_KIND.goAway }, (writer) => writer.raw(payload));
  }

  /** Closes as soon as no call is in flight. */
  drain(): void {
    this.#draining = true;
    this.#maybeClose();
  }

  #maybeClose(): void {
    if (!this.#draining || this.#calls.size > 0) return;
    this.#socket.close(CLOSE.goingAway, "the node is stopping");
  }

  #onFrame(frame: Frame): void {
    if (this.#state === "greeting") {
      if (frame.kind !== FRAME_KIND.hello) throw malformed("the first frame must be a hello");
      this.#welcome(decode(StreamHelloSchema, frame.bytes.subarray(frame.payloadStart)));
      return;
    }
    switch (frame.kind) {
      case FRAME_KIND.request:
        this.#onRequest(frame);
        return;
      case FRAME_KIND.cancel:
        this.#calls.get(frame.requestId)?.abort?.abort();
        return;
      case FRAME_KIND.hello:
      case FRAME_KIND.welcome:
      case FRAME_KIND.response:
      case FRAME_KIND.error:
      case FRAME_KIND.goAway:
        throw malformed(`a client sends no frame of kind ${frame.kind} here`);
    }
  }

  #welcome(hello: StreamHello): void {
    const { node, limits } = this.#context;
    if (
      hello.protocolVersion < PROTOCOL_VERSION_MIN ||
      hello.protocolVersionMin > PROTOCOL_VERSION
    ) {
      throw new KQueueyError(
        "UNSUPPORTED",
        `the client speaks protocol versions ${hello.protocolVersionMin} to ${hello.protocolVersion}, ` +
          `this node ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}; upgrade the older one`,
      );
    }
    if (hello.clusterId !== undefined && hello.clusterId !== node.clusterId) {
      throw new KQueueyError(
        "INVALID_ARGUMENT",
        `this node belongs to the cluster ${node.clusterId}, not to ${hello.clusterId}`,
      );
    }
    this.#state = "open";
    const leaderUrl = node.leaderUrl();
    const message = create(StreamWelcomeSchema, {
      protocolVersion: Math.min(hello.protocolVersion, PROTOCOL_VERSION),
      clusterId: node.clusterId,
      nodeId: node.nodeId,
      maxRequestsInFlight: limits.requestsInFlightMax,
      maxFrameBytes: FRAME_BYTES_MAX,
      ...(leaderUrl === undefined ? {} : { leaderUrl }),
    });
    const payload = toBinary(StreamWelcomeSchema, message);
    this.#send({ requestId: 0, kind: FRAME_KIND.welcome }, (writer) => writer.raw(payload));
  }

  #onRequest(frame: Frame): void {
    const { requestId, method } = frame;
    const name = methodName(method);
    if (name === undefined) {
      const text = `there is no method ${method} in protocol version ${PROTOCOL_VERSION}`;
      this.#fail(requestId, new KQueueyError("UNSUPPORTED", text));
      return;
    }
    if (this.#calls.has(requestId)) {
      throw malformed(`request id ${requestId} is in flight already`);
    }
    const { limits, calls } = this.#context;
    if (this.#calls.size >= limits.requestsInFlightMax) {
      const text = `${limits.requestsInFlightMax} calls are in flight on this connection`;
      const details = { retryAfterMs: 10 };
      this.#fail(requestId, new KQueueyError("THROTTLED", text, { details }), METHOD[name]);
      return;
    }
    // Only a receive waits for long, so only it is worth a signal of its own.
    const abort = method === METHOD.receive ? new AbortController() : undefined;
    const signal = abort?.signal ?? this.#hangUp.signal;
    const call: Call = { bytes: frame.bytes.length, abort };
    this.#calls.set(requestId, call);
    this.#requestBytes += call.bytes;
    this.#regulate();
    calls[name]({ principal: "anonymous", signal }, frame)
      .then((answer) => this.#onAnswer(requestId, METHOD[name], answer))
      .catch((error: unknown) => {
        this.#endCall(requestId);
        const known = KQueueyError.from(error);
        if (known.code === "INTERNAL") this.#context.onFault(error, name);
        this.#fail(requestId, known.code === "INTERNAL" ? INTERNAL : known, METHOD[name]);
      });
  }

  #onAnswer(requestId: number, method: Method, answer: StreamAnswer): void {
    const call = this.#calls.get(requestId);
    const unwanted = call?.abort?.signal.aborted ?? false;
    this.#endCall(requestId);
    const { delivery } = answer;
    if (delivery !== undefined) {
      this.#deliver({ requestId, method, unwanted }, answer, delivery);
    } else if (this.#state === "open") {
      this.#respond({ requestId, kind: FRAME_KIND.response, method }, answer);
    }
  }

  #deliver(
    about: { readonly requestId: number; readonly method: Method; readonly unwanted: boolean },
    answer: StreamAnswer,
    delivery: Delivery,
  ): void {
    const { requestId, method } = about;
    if (this.#state !== "open" || !this.#socket.open || about.unwanted) {
      delivery.undelivered();
      return;
    }
    if (delivery.count > 0) {
      if (this.#socket.bufferedBytes > this.#context.limits.sendBufferBytesMax) {
        delivery.undelivered();
        const text = "answers wait that this connection has not taken; read faster";
        const details = { retryAfterMs: 100 };
        this.#fail(requestId, new KQueueyError("THROTTLED", text, { details }), method);
        return;
      }
      if (!delivery.stillFresh()) {
        delivery.undelivered();
        this.#respond({ requestId, kind: FRAME_KIND.response, method }, NOTHING);
        return;
      }
    }
    const done: SendDone = (error) => {
      if (error === undefined || error === null) delivery.written();
      else delivery.undelivered();
    };
    try {
      this.#respond({ requestId, kind: FRAME_KIND.response, method }, answer, done);
    } catch (error) {
      delivery.undelivered();
      throw error;
    }
  }

  #respond(header: FrameHeader, answer: StreamAnswer, done?: SendDone): void {
    const { node } = this.#context;
    const leaderUrl = node.leaderUrl();
    // The hint spares the next call a hop; a client that is at the leader needs none.
    const needless = leaderUrl === undefined || leaderUrl === node.clientUrl();
    this.#send(needless ? header : { ...header, leaderUrl }, answer.encode, done);
  }

  #endCall(requestId: number): void {
    const call = this.#calls.get(requestId);
    if (call === undefined) return;
    this.#calls.delete(requestId);
    this.#requestBytes -= call.bytes;
    this.#regulate();
    // The answer to this very call is written first.
    if (this.#draining) queueMicrotask(() => this.#maybeClose());
  }

  /** Answers one call with an error. */
  #fail(requestId: number, error: KQueueyError, method?: Method): void {
    if (this.#state === "closed") return;
    const header = {
      requestId,
      kind: FRAME_KIND.error,
      ...(method === undefined ? {} : { method }),
    };
    this.#send(header, (writer) => encodeErrorDetail(writer, error));
  }

  /** Says what was wrong with the connection as a whole, and ends it. */
  #refuse(error: KQueueyError, code: number): void {
    this.#fail(0, error);
    // A close reason has at most 123 bytes (RFC 6455, section 5.5).
    this.#socket.close(code, error.code);
    this.onClose();
  }

  #send(header: FrameHeader, encode: (writer: WireWriter) => void, done?: SendDone): void {
    const { writer } = this.#context;
    try {
      beginFrame(writer, header);
      encode(writer);
    } catch (error) {
      writer.reset();
      throw error;
    }
    const bytes = writer.take();
    this.#socket.send(
      bytes,
      bytes.length < LARGE_FRAME_BYTES ? done : reusing(writer, bytes, done),
    );
    this.#regulate();
  }

  /** Reads the socket exactly while there is room for more requests and for their answers. */
  #regulate(): void {
    const { limits } = this.#context;
    const full = this.#socket.bufferedBytes > limits.sendBufferBytesMax;
    if (!full) this.#fullSinceMs = undefined;
    else this.#fullSinceMs ??= this.#context.monotonicMs();
    const shouldPause = full || this.#requestBytes > limits.requestBytesInFlightMax;
    if (shouldPause === this.#paused) return;
    this.#paused = shouldPause;
    if (shouldPause) this.#socket.pause();
    else this.#socket.resume();
  }
}

/** Frames from this size on have memory of their own, which is worth using again. */
const LARGE_FRAME_BYTES = 16 * 1024;

/** Only what was written is surely read by nobody any more. */
function reusing(writer: WireWriter, bytes: Uint8Array, done: SendDone | undefined): SendDone {
  return (error) => {
    if (error === undefined || error === null) writer.giveBack(bytes);
    done?.(error);
  };
}

const INTERNAL = new KQueueyError("INTERNAL", "an internal fault; the node's log has it");
const NOTHING: StreamAnswer = { encode: () => undefined, delivery: undefined };

function malformed(reason: string): KQueueyError {
  return new KQueueyError("MALFORMED_REQUEST", `malformed stream: ${reason}`);
}

/**
 * The stream: one WebSocket that carries pipelined calls in binary frames, for clients that need speed.
 *
 * A frame is an 8-byte header and a payload; numbers in the header are little-endian:
 *
 *   bytes 0-3  request id: chosen by the client, unique among its calls in flight on this connection
 *   byte  4    kind (`FRAME_KIND`)
 *   byte  5    method (`METHOD`) of a request, response or error; 0 elsewhere
 *   bytes 6-7  flags
 *   then       the payload: a protobuf message
 *
 * The client opens with a hello, the server answers with a welcome; both name protocol versions. From
 * then on the client sends requests and cancels, the server responses and errors, in any order. A cancel
 * means that nobody waits any more: the server ends the call and answers it all the same, with the response if
 * there is one already, else with the error CANCELLED. So a receive that crossed its cancel is not lost: the
 * client gives the messages back.
 */
import { KQueueyError } from "./errors.ts";
import type { WireWriter } from "./wire/writer.ts";

/** Path of the WebSocket on a node's client port. */
export const STREAM_PATH = "/kqueuey.v1.Stream";

/** Length of the header, and the payload's offset in a frame. */
export const FRAME_HEADER_BYTES = 8;

/** Largest frame that either side reads: a full batch, its attributes and what frames them. */
export const FRAME_BYTES_MAX = 8_388_608;

/** Calls that may be in flight on one connection, unless the welcome says less. */
export const REQUESTS_IN_FLIGHT_MAX = 1_024;

/** How long the server waits for a hello, and the client for a welcome, in ms. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/**
 * What a frame is. Payloads, in this order: StreamHello, StreamWelcome, the method's request, its response,
 * ErrorDetail, none, StreamGoAway.
 */
export const FRAME_KIND: {
  readonly hello: 1;
  readonly welcome: 2;
  readonly request: 3;
  readonly response: 4;
  readonly error: 5;
  readonly cancel: 6;
  readonly goAway: 7;
} = { hello: 1, welcome: 2, request: 3, response: 4, error: 5, cancel: 6, goAway: 7 };

export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

/** What a request asks for. The first five have hand-written codecs, the others the schema's. */
export const METHOD: {
  readonly send: 1;
  readonly receive: 2;
  readonly tombstone: 3;
  readonly extend: 4;
  readonly release: 5;
  readonly createQueue: 16;
  readonly describeQueue: 17;
  readonly listQueues: 18;
  readonly setQueueAttributes: 19;
  readonly deleteQueue: 20;
  readonly purgeQueue: 21;
  readonly startMoveTask: 22;
  readonly listMoveTasks: 23;
  readonly cancelMoveTask: 24;
  readonly clusterStatus: 32;
} = {
  send: 1,
  receive: 2,
  tombstone: 3,
  extend: 4,
  release: 5,
  createQueue: 16,
  describeQueue: 17,
  listQueues: 18,
  setQueueAttributes: 19,
  deleteQueue: 20,
  purgeQueue: 21,
  startMoveTask: 22,
  listMoveTasks: 23,
  cancelMoveTask: 24,
  clusterStatus: 32,
};

export type MethodName = keyof typeof METHOD;
export type Method = (typeof METHOD)[MethodName];

/**
 * On a response: its payload is preceded by a leader hint, a u16 length and the client URL of the node that
 * leads the queue's group. The answering node sets it when it had to forward the call.
 */
export const FLAG_LEADER_HINT = 1;

/** A frame's header and where its payload lies in `bytes`. */
export interface Frame {
  readonly requestId: number;
  readonly kind: FrameKind;
  /** 0 where the kind has none. Any number: an unknown one is answered with UNSUPPORTED. */
  readonly method: number;
  /** Present on a response with a leader hint. */
  readonly leaderUrl: string | undefined;
  readonly bytes: Uint8Array;
  /** The payload is `bytes` from here to the end. */
  readonly payloadStart: number;
}

/** What a header says. */
export interface FrameHeader {
  readonly requestId: number;
  readonly kind: FrameKind;
  readonly method?: Method;
  /** Responses only. */
  readonly leaderUrl?: string;
}

const KINDS: ReadonlySet<number> = new Set(Object.values(FRAME_KIND));
const METHOD_NAMES: ReadonlyMap<number, MethodName> = new Map(
  (Object.keys(METHOD) as MethodName[]).map((name) => [METHOD[name], name]),
);

/** The name of a method number, or undefined when this version has none. */
export function methodName(method: number): MethodName | undefined {
  return METHOD_NAMES.get(method);
}

/** Writes a header; the payload is written next, then `writer.take()` is the frame. */
export function beginFrame(writer: WireWriter, header: FrameHeader): void {
  const hint = header.leaderUrl;
  writer.u32(header.requestId);
  writer.u8(header.kind);
  writer.u8(header.method ?? 0);
  writer.u16(hint === undefined ? 0 : FLAG_LEADER_HINT);
  if (hint !== undefined) writer.text16(hint);
}

/**
 * Reads a frame's header. Throws MALFORMED_REQUEST for bytes that are no frame: the receiver closes the
 * connection. Flags that this version does not know are ignored.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length < FRAME_HEADER_BYTES) {
    throw malformedFrame(`it has ${bytes.length} bytes, fewer than its header`);
  }
  const kind = at(bytes, 4);
  if (!isFrameKind(kind)) throw malformedFrame(`its kind is ${kind}`);
  const requestId =
    (at(bytes, 0) | (at(bytes, 1) << 8) | (at(bytes, 2) << 16) | (at(bytes, 3) << 24)) >>> 0;
  const method = at(bytes, 5);
  const flags = at(bytes, 6) | (at(bytes, 7) << 8);
  if (kind !== FRAME_KIND.response || (flags & FLAG_LEADER_HINT) === 0) {
    const payloadStart = FRAME_HEADER_BYTES;
    return { requestId, kind, method, leaderUrl: undefined, bytes, payloadStart };
  }
  const length = at(bytes, FRAME_HEADER_BYTES) | (at(bytes, FRAME_HEADER_BYTES + 1) << 8);
  const urlStart = FRAME_HEADER_BYTES + 2;
  const payloadStart = urlStart + length;
  if (payloadStart > bytes.length) throw malformedFrame("its leader hint is longer than it is");
  let leaderUrl = "";
  for (let i = urlStart; i < payloadStart; i++) leaderUrl += String.fromCharCode(at(bytes, i));
  return { requestId, kind, method, leaderUrl, bytes, payloadStart };
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

function isFrameKind(kind: number): kind is FrameKind {
  return KINDS.has(kind);
}

function malformedFrame(reason: string): KQueueyError {
  return new KQueueyError("MALFORMED_REQUEST", `malformed frame: ${reason}`);
}

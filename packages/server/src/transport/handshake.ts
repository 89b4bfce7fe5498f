/**
 * The handshake between nodes. The dialler says who it is and whom it means; the acceptor says yes or
 * why not. Nothing else is read before, and both messages have a fixed size.
 *
 *     hello   "KQPEER" · u16 protocol · 16 cluster id · u16 from · u16 to · u32 incarnation · u8 channel · u53 process nonce
 *     answer  "KQPEER" · u16 protocol · u8 verdict · u16 node id
 */
import type { Incarnation, NodeId } from "@kqueuey/base";
import { ByteReader, ByteWriter, encodeUtf8, equalBytes, incarnation, nodeId } from "@kqueuey/base";
import type { Channel } from "@kqueuey/replica";

/** Version of the frames between nodes. Raised when an older node could not read a newer one's. */
export const PEER_PROTOCOL_VERSION = 1;

const MAGIC = encodeUtf8("KQPEER");

export const HELLO_BYTES: number = 6 + 2 + 16 + 2 + 2 + 4 + 1 + 8;
export const ANSWER_BYTES: number = 6 + 2 + 1 + 2;

/** What a dialler says first. */
export interface Hello {
  readonly protocol: number;
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly incarnation: Incarnation;
  readonly channel: Channel;
  /** Drawn once per process: tells a restarted node from a second one with the same id. */
  readonly nonce: number;
}

/** Why an acceptor refused; `welcome` is yes. */
export type Verdict =
  | "welcome"
  | "wrong-cluster"
  | "wrong-node"
  | "unknown-node"
  | "wrong-protocol"
  | "duplicate-id";

const VERDICTS: readonly Verdict[] = [
  "welcome",
  "wrong-cluster",
  "wrong-node",
  "unknown-node",
  "wrong-protocol",
  "duplicate-id",
];

export interface Answer {
  readonly protocol: number;
  readonly verdict: Verdict;
  readonly from: number;
}

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new ByteWriter(HELLO_BYTES);
  writer.raw(MAGIC);
  writer.u16(hello.protocol);
  writer.raw(hello.clusterId);
  writer.u16(hello.from);
  writer.u16(hello.to);
  writer.u32(hello.incarnation);
  writer.u8(hello.channel === "main" ? 0 : 1);
  writer.u53(hello.nonce);
  return writer.take();
}

/** The hello in exactly `HELLO_BYTES` bytes, or undefined when they are none. */
export function decodeHello(bytes: Uint8Array): Hello | undefined {
  const reader = new ByteReader(bytes);
  if (!equalBytes(reader.raw(MAGIC.length), MAGIC)) return undefined;
  const protocol = reader.u16();
  const clusterId = reader.raw(16).slice();
  const from = reader.u16();
  const to = reader.u16();
  const at = reader.u32();
  const channel = reader.u8();
  const nonce = reader.u53();
  if (!reader.ok || from === 0 || to === 0 || channel > 1) return undefined;
  return {
    protocol,
    clusterId,
    from: nodeId(from),
    to: nodeId(to),
    incarnation: incarnation(at),
    channel: channel === 0 ? "main" : "bulk",
    nonce,
  };
}

export function encodeAnswer(answer: Answer): Uint8Array {
  const writer = new ByteWriter(ANSWER_BYTES);
  writer.raw(MAGIC);
  writer.u16(answer.protocol);
  writer.u8(VERDICTS.indexOf(answer.verdict));
  writer.u16(answer.from);
  return writer.take();
}

/** The answer in exactly `ANSWER_BYTES` bytes, or undefined when they are none. */
export function decodeAnswer(bytes: Uint8Array): Answer | undefined {
  const reader = new ByteReader(bytes);
  if (!equalBytes(reader.raw(MAGIC.length), MAGIC)) return undefined;
  const protocol = reader.u16();
  const verdict = VERDICTS[reader.u8()];
  const from = reader.u16();
  if (!reader.ok || verdict === undefined) return undefined;
  return { protocol, verdict, from };
}

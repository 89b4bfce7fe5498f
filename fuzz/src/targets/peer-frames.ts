/** What a peer's bytes may be: frames and everything that is inside of them. */
import { isDeepStrictEqual } from "node:util";
import {
  ByteReader,
  clusterTime,
  groupId,
  incarnation,
  logIndex,
  nodeId,
  term,
} from "@kqueuey/base";
import {
  bootstrapMembership,
  decodeMembership,
  decodeMembershipAt,
  encodeMembership,
  encodeMembershipAt,
} from "@kqueuey/raft";
import {
  controlFrame,
  decodeFrame,
  type OutgoingPacket,
  type RaftPacket,
  raftFrame,
} from "../../../packages/replica/src/wire/frame.ts";
import { decodeGroupMeta, encodeGroupMeta } from "../../../packages/replica/src/wire/group-meta.ts";
import {
  decodeRaftMessage,
  encodeRaftMessage,
} from "../../../packages/replica/src/wire/raft-message.ts";
import { decodeReply, encodeReply } from "../../../packages/replica/src/wire/reply.ts";
import { decodeRequest, encodeRequest } from "../../../packages/replica/src/wire/request.ts";
import {
  decodeSnapshotMessage,
  encodeSnapshotMessage,
} from "../../../packages/replica/src/wire/snapshot-message.ts";
import { engineReplies, engineRequests, joined, raftMessages } from "../samples.ts";
import { promise, type Target } from "../target.ts";

interface Codec {
  readonly what: string;
  decode(bytes: Uint8Array): unknown;
  /** Decodes and encodes again; undefined when the bytes are none. */
  again(bytes: Uint8Array): Uint8Array | undefined;
}

/** A codec whose decoder answers undefined for what it does not take. */
function codec<T>(
  what: string,
  decode: (bytes: Uint8Array) => T | undefined,
  encode: (value: T) => Uint8Array,
): Codec {
  return {
    what,
    decode,
    again: (bytes) => {
      const value = decode(bytes);
      return value === undefined ? undefined : encode(value);
    },
  };
}

const CODECS: readonly Codec[] = [
  codec("frame", decodeFrame, (frame) =>
    joined(frame.kind === "raft" ? raftFrame(frame.packets.map(outgoing)) : controlFrame(frame)),
  ),
  codec("raft message", decodeRaftMessage, (message) => joined(encodeRaftMessage(message))),
  codec("request", decodeRequest, encodeRequest),
  codec("reply", (bytes) => decodeReply(new ByteReader(bytes)), encodeReply),
  codec("snapshot message", decodeSnapshotMessage, encodeSnapshotMessage),
  codec("checkpoint's facts", decodeGroupMeta, encodeGroupMeta),
  codec("membership", decodeMembership, encodeMembership),
  codec("membership at an index", decodeMembershipAt, encodeMembershipAt),
];

export const peerFrames: Target = {
  name: "peer-frames",
  promise:
    "Bytes of a peer are a frame or are none: no decoder throws, and what it takes, it writes alike.",
  smokeInputs: 5_000,
  open: () => ({ samples: samples(), run }),
};

function outgoing(packet: RaftPacket): OutgoingPacket {
  return { ...packet, message: [packet.message] };
}

function run(input: Uint8Array): void {
  for (const { what, decode, again } of CODECS) {
    const bytes = again(input);
    if (bytes === undefined) continue;
    const [first, second] = [decode(input), decode(bytes)];
    promise(isDeepStrictEqual(first, second), `a ${what} was read, and written as another`);
  }
}

function samples(): readonly Uint8Array[] {
  const messages = raftMessages().map((message) => joined(encodeRaftMessage(message)));
  const requests = engineRequests().map(encodeRequest);
  const replies = engineReplies().map(encodeReply);
  const membership = bootstrapMembership([nodeId(1), nodeId(2), nodeId(3)]);
  const at = { index: logIndex(4), membership };
  const recorded = [{ node: nodeId(2), incarnation: incarnation(1), boot: 9, match: logIndex(8) }];
  const id = new Uint8Array(16).fill(3);
  const transfers = [
    encodeSnapshotMessage({ kind: "offer", term: term(2), manifest: Uint8Array.of(1, 2) }),
    encodeSnapshotMessage({ kind: "want", id, piece: 4 }),
    encodeSnapshotMessage({ kind: "piece", id, piece: 4, bytes: Uint8Array.of(5, 6, 7) }),
    encodeSnapshotMessage({ kind: "done", id, installed: true }),
    encodeSnapshotMessage({ kind: "gone", id }),
  ];
  return [
    ...messages,
    ...requests,
    ...replies,
    ...transfers,
    encodeGroupMeta({ membership: at, recorded }),
    encodeMembership(membership),
    encodeMembershipAt(at),
    ...frames(messages, requests, replies),
  ];
}

function frames(
  messages: readonly Uint8Array[],
  requests: readonly Uint8Array[],
  replies: readonly Uint8Array[],
): readonly Uint8Array[] {
  const group = groupId(0);
  const index = logIndex(8);
  const packets = messages.map((message, i) => ({
    group: groupId(i),
    clusterTime: i % 2 === 0 ? undefined : clusterTime(i * 1_000),
    message,
  }));
  const applied = { term: term(7), applied: index };
  return [
    ...packets.map((packet) => raftFrame([outgoing(packet)])),
    raftFrame(packets.map(outgoing)),
    ...requests.map((request) =>
      controlFrame({ kind: "request", serial: 1, group, waitMs: 5, request }),
    ),
    ...replies.map((reply) => controlFrame({ kind: "reply", serial: 2, reply })),
    controlFrame({ kind: "cancel", serial: 3 }),
    controlFrame({ kind: "greet", state: "new", term: term(4) }),
    controlFrame({ kind: "snapshot", group, message: Uint8Array.of(5) }),
    controlFrame({ kind: "hash", group, index, hash: "0123456789abcdef" }),
    controlFrame({ kind: "status", role: "learner", ...applied, clientUrl: "http://x" }),
  ].map(joined);
}

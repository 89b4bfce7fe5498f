/**
 * Frames between nodes, inside the transport's length prefix. Version 1.
 *
 *     raft      u8 1 · repeated {
 *                 u16 group · u8 flags (1: from the leader) · u48 cluster time · u32 length · raft message }
 *     request   u8 2 · u53 serial · u16 group · u32 ms the sender still waits · engine request
 *     reply     u8 3 · u53 serial · engine reply
 *     cancel    u8 4 · u53 serial
 *     greet     u8 5 · u8 state · u53 term            how far a node's directory is, for bootstrap
 *     snapshot  u8 6 · u16 group · snapshot message   on the bulk channel
 *     hash      u8 7 · u16 group · u53 index · text   the leader's state hash at that index
 *     status    u8 8 · u8 role · u53 term · u53 applied index · text client URL    twice a second, of group 0
 *
 * A decoder takes any bytes and answers undefined for what is no frame.
 */
import type { ClusterTimeMs, GroupId, LogIndex, Term } from "@kqueuey/base";
import { ByteReader, ByteWriter, clusterTime, groupId, logIndex, term } from "@kqueuey/base";

/** One Raft message of one group as it travels; heartbeats of many groups share a frame. */
export interface RaftPacket {
  readonly group: GroupId;
  /** The leader's cluster time when the frame was made; undefined from a node that does not lead. */
  readonly clusterTime: ClusterTimeMs | undefined;
  /** An encoded RaftMessage. */
  readonly message: Uint8Array;
}

/** A packet that is to be sent: its message in chunks. */
export interface OutgoingPacket extends Omit<RaftPacket, "message"> {
  readonly message: readonly Uint8Array[];
}

/** What a directory holds: `fresh` nothing, `new` a cluster that never voted, `member` more than that. */
export type DirectoryState = "fresh" | "new" | "member";

export type Frame =
  | { readonly kind: "raft"; readonly packets: readonly RaftPacket[] }
  | {
      readonly kind: "request";
      readonly serial: number;
      readonly group: GroupId;
      readonly waitMs: number;
      readonly request: Uint8Array;
    }
  | { readonly kind: "reply"; readonly serial: number; readonly reply: Uint8Array }
  | { readonly kind: "cancel"; readonly serial: number }
  | { readonly kind: "greet"; readonly state: DirectoryState; readonly term: Term }
  | { readonly kind: "snapshot"; readonly group: GroupId; readonly message: Uint8Array }
  | {
      readonly kind: "hash";
      readonly group: GroupId;
      readonly index: LogIndex;
      readonly hash: string;
    }
  | {
      readonly kind: "status";
      readonly role: NodeRole;
      readonly term: Term;
      readonly applied: LogIndex;
      readonly clientUrl: string;
    };

/** A node's part in group 0, as people are told. */
export type NodeRole = "leader" | "follower" | "candidate" | "learner" | "probation" | "unknown";

const RAFT = 1;
const REQUEST = 2;
const REPLY = 3;
const CANCEL = 4;
const GREET = 5;
const SNAPSHOT = 6;
const HASH = 7;
const STATUS = 8;
const FROM_LEADER = 1;
const ROLES: readonly NodeRole[] = [
  "leader",
  "follower",
  "candidate",
  "learner",
  "probation",
  "unknown",
];
const STATES: readonly DirectoryState[] = ["fresh", "new", "member"];

/** Heads are small; a writer of one frame's head is copied out of this one. */
const head = new ByteWriter(64);

/** Raft messages as the chunks of a frame: the messages' bytes are not copied. */
export function raftFrame(packets: readonly OutgoingPacket[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  head.truncate(0);
  head.u8(RAFT);
  for (const packet of packets) {
    head.u16(packet.group);
    head.u8(packet.clusterTime === undefined ? 0 : FROM_LEADER);
    head.u48(packet.clusterTime ?? 0);
    let length = 0;
    for (const chunk of packet.message) length += chunk.length;
    head.u32(length);
    chunks.push(head.take(), ...packet.message);
  }
  return chunks;
}

/** The chunks of any frame but `raft`. */
export function controlFrame(frame: Exclude<Frame, { kind: "raft" }>): Uint8Array[] {
  head.truncate(0);
  switch (frame.kind) {
    case "request":
      head.u8(REQUEST);
      head.u53(frame.serial);
      head.u16(frame.group);
      head.u32(frame.waitMs);
      return [head.take(), frame.request];
    case "reply":
      head.u8(REPLY);
      head.u53(frame.serial);
      return [head.take(), frame.reply];
    case "cancel":
      head.u8(CANCEL);
      head.u53(frame.serial);
      return [head.take()];
    case "greet":
      head.u8(GREET);
      head.u8(STATES.indexOf(frame.state));
      head.u53(frame.term);
      return [head.take()];
    case "snapshot":
      head.u8(SNAPSHOT);
      head.u16(frame.group);
      return [head.take(), frame.message];
    case "hash":
      head.u8(HASH);
      head.u16(frame.group);
      head.u53(frame.index);
      head.text(frame.hash);
      return [head.take()];
    case "status":
      head.u8(STATUS);
      head.u8(ROLES.indexOf(frame.role));
      head.u53(frame.term);
      head.u53(frame.applied);
      head.text(frame.clientUrl);
      return [head.take()];
  }
}

/** The frame in `bytes`, sharing memory with them, or undefined when they are none. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  switch (kind) {
    case RAFT:
      return decodeRaft(reader);
    case REQUEST: {
      const serial = reader.u53();
      const group = reader.u16();
      const waitMs = reader.u32();
      const request = reader.raw(reader.remaining);
      if (!reader.ok) return undefined;
      return { kind: "request", serial, group: groupId(group), waitMs, request };
    }
    case REPLY: {
      const serial = reader.u53();
      const reply = reader.raw(reader.remaining);
      return reader.ok ? { kind: "reply", serial, reply } : undefined;
    }
    case CANCEL: {
      const serial = reader.u53();
      return reader.ok && reader.remaining === 0 ? { kind: "cancel", serial } : undefined;
    }
    case GREET: {
      const state = STATES[reader.u8()];
      const at = reader.u53();
      if (!reader.ok || state === undefined || reader.remaining > 0) return undefined;
      return { kind: "greet", state, term: term(at) };
    }
    case SNAPSHOT: {
      const group = reader.u16();
      const message = reader.raw(reader.remaining);
      return reader.ok ? { kind: "snapshot", group: groupId(group), message } : undefined;
    }
    case HASH: {
      const group = reader.u16();
      const index = reader.u53();
      const hash = reader.text();
      if (!reader.ok || reader.remaining > 0) return undefined;
      return { kind: "hash", group: groupId(group), index: logIndex(index), hash };
    }
    case STATUS: {
      const role = ROLES[reader.u8()];
      const at = reader.u53();
      const applied = reader.u53();
      const clientUrl = reader.text();
      if (!reader.ok || role === undefined || reader.remaining > 0) return undefined;
      return { kind: "status", role, term: term(at), applied: logIndex(applied), clientUrl };
    }
    default:
      return undefined;
  }
}

function decodeRaft(reader: ByteReader): Frame | undefined {
  const packets: RaftPacket[] = [];
  while (reader.ok && reader.remaining > 0) {
    const group = reader.u16();
    const flags = reader.u8();
    const time = reader.u48();
    const message = reader.raw(reader.u32());
    if (!reader.ok) return undefined;
    packets.push({
      group: groupId(group),
      clusterTime: (flags & FROM_LEADER) === 0 ? undefined : clusterTime(time),
      message,
    });
  }
  return packets.length > 0 ? { kind: "raft", packets } : undefined;
}

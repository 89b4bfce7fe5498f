/**
 * What a checkpoint keeps for raft beside the state machine's units: who is a member, and what the log
 * recorded of each member's progress.
 *
 *     u8 version 1 · u53 index of the membership entry · u32 last incarnation
 *     u16 count of members · per member u16 node · u32 incarnation · u8 role
 *     u16 count of outgoing · the same
 *     u16 count of records · per record u16 node · u32 incarnation · u53 boot · u53 match
 */
import type { Incarnation } from "@kqueuey/base";
import { ByteReader, ByteWriter, incarnation, logIndex, nodeId } from "@kqueuey/base";
import type { Member, MemberRole, MembershipAt, RecordedMatch } from "@kqueuey/raft";

export interface GroupMeta {
  readonly membership: MembershipAt;
  readonly recorded: readonly RecordedMatch[];
}

const VERSION = 1;
const ROLES: readonly MemberRole[] = ["voter", "learner", "joining"];

export function encodeGroupMeta(meta: GroupMeta): Uint8Array {
  const writer = new ByteWriter(128);
  const { index, membership } = meta.membership;
  writer.u8(VERSION);
  writer.u53(index);
  writer.u32(membership.lastIncarnation);
  writeMembers(writer, membership.members);
  writeMembers(writer, membership.outgoing);
  writer.u16(meta.recorded.length);
  for (const record of meta.recorded) {
    writer.u16(record.node);
    writer.u32(record.incarnation);
    writer.u53(record.boot);
    writer.u53(record.match);
  }
  return writer.take();
}

/** Undefined when the bytes are none, or of a newer version. */
export function decodeGroupMeta(bytes: Uint8Array): GroupMeta | undefined {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) return undefined;
  const index = logIndex(reader.u53());
  const lastIncarnation = incarnation(reader.u32());
  const members = readMembers(reader);
  const outgoing = readMembers(reader);
  if (members === undefined || outgoing === undefined) return undefined;
  const recorded: RecordedMatch[] = [];
  const count = reader.u16();
  for (let i = 0; i < count && reader.ok; i++) {
    const node = reader.u16();
    const at: Incarnation = incarnation(reader.u32());
    const boot = reader.u53();
    const match = logIndex(reader.u53());
    if (node === 0) return undefined;
    recorded.push({ node: nodeId(node), incarnation: at, boot, match });
  }
  if (!reader.ok || reader.remaining > 0) return undefined;
  return { membership: { index, membership: { members, outgoing, lastIncarnation } }, recorded };
}

function writeMembers(writer: ByteWriter, members: readonly Member[]): void {
  writer.u16(members.length);
  for (const member of members) {
    writer.u16(member.id);
    writer.u32(member.incarnation);
    writer.u8(ROLES.indexOf(member.role));
  }
}

function readMembers(reader: ByteReader): Member[] | undefined {
  const members: Member[] = [];
  const count = reader.u16();
  for (let i = 0; i < count && reader.ok; i++) {
    const id = reader.u16();
    const at = incarnation(reader.u32());
    const role = ROLES[reader.u8()];
    if (id === 0 || role === undefined) return undefined;
    members.push({ id: nodeId(id), incarnation: at, role });
  }
  return reader.ok ? members : undefined;
}

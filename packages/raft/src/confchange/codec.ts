/**
 * Memberships as bytes: the data of `membership` entries, and what checkpoints keep. The whole
 * membership is written, not the difference, so the newest entry alone says who belongs to the group.
 *
 *     u8 version (1) · varint lastIncarnation · list of members · list of outgoing
 *     list: varint count · count times (u16 id · varint incarnation · u8 role)
 */
import {
  ByteReader,
  ByteWriter,
  type Incarnation,
  incarnation,
  logIndex,
  nodeId,
} from "@kqueuey/base";
import type { Member, MemberRole, Membership, MembershipAt } from "../types.ts";

const VERSION = 1;
/** More members than any group has; keeps a garbled count from costing memory. */
const MEMBERS_MAX = 128;
const INCARNATION_MAX = 0xffff_ffff;
const ROLE_CODES: Readonly<Record<MemberRole, number>> = { voter: 0, learner: 1, joining: 2 };
const ROLES: readonly MemberRole[] = ["voter", "learner", "joining"];

export function encodeMembership(membership: Membership): Uint8Array {
  const writer = new ByteWriter(64);
  writeMembership(writer, membership);
  return writer.take();
}

/** The membership, or undefined for bytes that no version of this wrote. */
export function decodeMembership(bytes: Uint8Array): Membership | undefined {
  const reader = new ByteReader(bytes);
  const membership = readMembership(reader);
  return reader.ok && reader.remaining === 0 ? membership : undefined;
}

/** As {@link encodeMembership}, with the index of the entry that brought it: for checkpoints and snapshots. */
export function encodeMembershipAt(at: MembershipAt): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u53(at.index);
  writeMembership(writer, at.membership);
  return writer.take();
}

/** The inverse of {@link encodeMembershipAt}; undefined for anything else. */
export function decodeMembershipAt(bytes: Uint8Array): MembershipAt | undefined {
  const reader = new ByteReader(bytes);
  const index = logIndex(reader.u53());
  const membership = readMembership(reader);
  if (membership === undefined || !reader.ok || reader.remaining !== 0) return undefined;
  return { index, membership };
}

function writeMembership(writer: ByteWriter, membership: Membership): void {
  writer.u8(VERSION);
  writer.varint(membership.lastIncarnation);
  writeMembers(writer, membership.members);
  writeMembers(writer, membership.outgoing);
}

function writeMembers(writer: ByteWriter, members: readonly Member[]): void {
  writer.varint(members.length);
  for (const member of members) {
    writer.u16(member.id);
    writer.varint(member.incarnation);
    writer.u8(ROLE_CODES[member.role]);
  }
}

function readMembership(reader: ByteReader): Membership | undefined {
  if (reader.u8() !== VERSION) return undefined;
  const lastIncarnation = readIncarnation(reader);
  const members = readMembers(reader);
  const outgoing = readMembers(reader);
  if (lastIncarnation === undefined || members === undefined || outgoing === undefined) {
    return undefined;
  }
  return { members, outgoing, lastIncarnation };
}

function readMembers(reader: ByteReader): Member[] | undefined {
  const count = reader.varint();
  if (!reader.ok || count > MEMBERS_MAX) return undefined;
  const members: Member[] = [];
  let previous = 0;
  for (let i = 0; i < count; i++) {
    const id = reader.u16();
    const admission = readIncarnation(reader);
    const role = ROLES[reader.u8()];
    if (!reader.ok || id <= previous || admission === undefined || admission === 0)
      return undefined;
    if (role === undefined) return undefined;
    members.push({ id: nodeId(id), incarnation: admission, role });
    previous = id;
  }
  return members;
}

function readIncarnation(reader: ByteReader): Incarnation | undefined {
  const value = reader.varint();
  return reader.ok && value <= INCARNATION_MAX ? incarnation(value) : undefined;
}

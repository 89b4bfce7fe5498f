/**
 * Raft messages as bytes. Version 1 of every layout; a layout that changes gets a new tag, so both can be
 * read during an upgrade.
 *
 *     u8 tag · u16 from · u16 to · varint term · body
 *
 *     1 pre-vote request    position · identity             2 pre-vote response   u8 granted · identity
 *     3 vote request        position · u8 transfer · identity    4 vote response  u8 granted · identity
 *     5 append              position · varint commit · varint count · count entries
 *     6 append accepted     varint match · identity
 *     7 append rejected     varint rejected · position · identity
 *     8 heartbeat           varint commit · varint round    9 heartbeat response  varint round · identity
 *    10 timeout now         (nothing)                      11 readmit             varint incarnation · varint boot
 *
 *     position   varint index · varint term
 *     identity   varint incarnation · varint boot · varint boot last index
 *     entry      u8 kind · varint term · varint length · data       (indexes follow from the append's)
 *
 * A decoder takes any bytes, never throws, and answers undefined for what is no message.
 */
import {
  ByteReader,
  ByteWriter,
  type Incarnation,
  incarnation,
  type LogIndex,
  logIndex,
  type NodeId,
  nodeId,
  type Term,
  term,
  unreachable,
} from "@kqueuey/base";
import {
  type AppendRequest,
  ENTRY_KIND_CODES,
  type Entry,
  entryKindOf,
  type Identity,
  type RaftMessage,
  type RaftMessageKind,
} from "@kqueuey/raft";

const TAGS: Readonly<Record<RaftMessageKind, number>> = {
  "pre-vote-request": 1,
  "pre-vote-response": 2,
  "vote-request": 3,
  "vote-response": 4,
  "append-request": 5,
  "append-accepted": 6,
  "append-rejected": 7,
  heartbeat: 8,
  "heartbeat-response": 9,
  "timeout-now": 10,
  readmit: 11,
};

const HEAD_BYTES = 80;
const ENTRY_HEAD_BYTES = 17;
/** Entry data from this size on is sent from where it is; a chunk more costs about what copying this much does. */
const SHARED_DATA_BYTES = 4_096;
const INCARNATION_MAX = 0xffff_ffff;
/** No index of a real log comes near; keeps sums of what peers say exact. */
const INDEX_MAX = 2 ** 52;

/** The bytes of `message` as chunks, one after another. Large data of entries is shared, not copied. */
export function encodeRaftMessage(message: RaftMessage): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  // Large enough for all that is copied: chunks are cut from it while it is written, so it must not move.
  const writer = new ByteWriter(HEAD_BYTES + copiedBytes(message));
  writer.u8(TAGS[message.kind]);
  writer.u16(message.from);
  writer.u16(message.to);
  writer.varint(message.term);
  if (message.kind === "append-request") writeAppend(writer, message, chunks);
  else {
    writeBody(writer, message);
    chunks.push(writer.view());
  }
  return chunks;
}

/**
 * The message in `bytes`, or undefined when they are none. Entries share memory with `bytes`, which must
 * therefore be a buffer that nothing else is written to, and no larger than the frame.
 */
export function decodeRaftMessage(bytes: Uint8Array): RaftMessage | undefined {
  const reader = new ByteReader(bytes);
  const tag = reader.u8();
  const from = readNode(reader);
  const to = readNode(reader);
  const head: Head = { from, to, term: readTerm(reader) };
  const message = readBody(reader, tag, head);
  return reader.ok && reader.remaining === 0 ? message : undefined;
}

interface Head {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

function copiedBytes(message: RaftMessage): number {
  if (message.kind !== "append-request") return 0;
  let bytes = 0;
  for (const { data } of message.entries) {
    bytes += ENTRY_HEAD_BYTES + (data.length < SHARED_DATA_BYTES ? data.length : 0);
  }
  return bytes;
}

function writeBody(writer: ByteWriter, message: Exclude<RaftMessage, AppendRequest>): void {
  switch (message.kind) {
    case "pre-vote-request":
      writePosition(writer, message.lastIndex, message.lastTerm);
      writeIdentity(writer, message.identity);
      return;
    case "vote-request":
      writePosition(writer, message.lastIndex, message.lastTerm);
      writer.u8(message.transfer ? 1 : 0);
      writeIdentity(writer, message.identity);
      return;
    case "pre-vote-response":
    case "vote-response":
      writer.u8(message.granted ? 1 : 0);
      writeIdentity(writer, message.identity);
      return;
    case "append-accepted":
      writer.varint(message.match);
      writeIdentity(writer, message.identity);
      return;
    case "append-rejected":
      writer.varint(message.rejected);
      writePosition(writer, message.hintIndex, message.hintTerm);
      writeIdentity(writer, message.identity);
      return;
    case "heartbeat":
      writer.varint(message.commit);
      writer.varint(message.round);
      return;
    case "heartbeat-response":
      writer.varint(message.round);
      writeIdentity(writer, message.identity);
      return;
    case "timeout-now":
      return;
    case "readmit":
      writer.varint(message.incarnation);
      writer.varint(message.boot);
      return;
  }
  unreachable(message);
}

function writePosition(writer: ByteWriter, index: LogIndex, at: Term): void {
  writer.varint(index);
  writer.varint(at);
}

function writeIdentity(writer: ByteWriter, identity: Identity): void {
  writer.varint(identity.incarnation);
  writer.varint(identity.boot);
  writer.varint(identity.bootLastIndex);
}

function writeAppend(writer: ByteWriter, message: AppendRequest, chunks: Uint8Array[]): void {
  let cut = 0;
  writePosition(writer, message.prevIndex, message.prevTerm);
  writer.varint(message.commit);
  writer.varint(message.entries.length);
  for (const entry of message.entries) {
    writer.u8(ENTRY_KIND_CODES[entry.kind]);
    writer.varint(entry.term);
    writer.varint(entry.data.length);
    if (entry.data.length < SHARED_DATA_BYTES) {
      writer.raw(entry.data);
      continue;
    }
    chunks.push(writer.view(cut), entry.data);
    cut = writer.length;
  }
  if (writer.length > cut) chunks.push(writer.view(cut));
}

function readBody(reader: ByteReader, tag: number, head: Head): RaftMessage | undefined {
  switch (tag) {
    case TAGS["pre-vote-request"]:
      return {
        kind: "pre-vote-request",
        ...head,
        lastIndex: readIndex(reader),
        lastTerm: readTerm(reader),
        identity: readIdentity(reader),
      };
    case TAGS["vote-request"]:
      return {
        kind: "vote-request",
        ...head,
        lastIndex: readIndex(reader),
        lastTerm: readTerm(reader),
        transfer: readFlag(reader),
        identity: readIdentity(reader),
      };
    case TAGS["pre-vote-response"]:
      return { kind: "pre-vote-response", ...head, ...readVote(reader) };
    case TAGS["vote-response"]:
      return { kind: "vote-response", ...head, ...readVote(reader) };
    case TAGS["append-request"]:
      return readAppend(reader, head);
    default:
      return readAnswer(reader, tag, head);
  }
}

function readAnswer(reader: ByteReader, tag: number, head: Head): RaftMessage | undefined {
  switch (tag) {
    case TAGS["append-accepted"]:
      return {
        kind: "append-accepted",
        ...head,
        match: readIndex(reader),
        identity: readIdentity(reader),
      };
    case TAGS["append-rejected"]:
      return {
        kind: "append-rejected",
        ...head,
        rejected: readIndex(reader),
        hintIndex: readIndex(reader),
        hintTerm: readTerm(reader),
        identity: readIdentity(reader),
      };
    case TAGS.heartbeat:
      return { kind: "heartbeat", ...head, commit: readIndex(reader), round: reader.varint() };
    case TAGS["heartbeat-response"]:
      return {
        kind: "heartbeat-response",
        ...head,
        round: reader.varint(),
        identity: readIdentity(reader),
      };
    case TAGS["timeout-now"]:
      return { kind: "timeout-now", ...head };
    case TAGS.readmit:
      return {
        kind: "readmit",
        ...head,
        incarnation: readIncarnation(reader),
        boot: reader.varint(),
      };
    default:
      return undefined;
  }
}

function readAppend(reader: ByteReader, head: Head): AppendRequest | undefined {
  const prevIndex = readIndex(reader);
  const prevTerm = readTerm(reader);
  const commit = readIndex(reader);
  const count = reader.varint();
  // Every entry takes three bytes at least: a garbled count costs nothing.
  if (!reader.ok || count * 3 > reader.remaining) return undefined;
  const entries: Entry[] = [];
  for (let i = 1; i <= count; i++) {
    const kind = entryKindOf(reader.u8());
    const entryTerm = readTerm(reader);
    const data = reader.blob();
    if (kind === undefined || !reader.ok) return undefined;
    entries.push({ term: entryTerm, index: logIndex(prevIndex + i), kind, data });
  }
  return { kind: "append-request", ...head, prevIndex, prevTerm, entries, commit };
}

function readVote(reader: ByteReader): { granted: boolean; identity: Identity } {
  return { granted: readFlag(reader), identity: readIdentity(reader) };
}

function readIdentity(reader: ByteReader): Identity {
  return {
    incarnation: readIncarnation(reader),
    boot: reader.varint(),
    bootLastIndex: readIndex(reader),
  };
}

function readNode(reader: ByteReader): NodeId {
  const value = reader.u16();
  if (value > 0) return nodeId(value);
  reader.fail();
  return nodeId(1);
}

function readTerm(reader: ByteReader): Term {
  return term(reader.varint());
}

function readIndex(reader: ByteReader): LogIndex {
  const value = reader.varint();
  if (value <= INDEX_MAX) return logIndex(value);
  reader.fail();
  return logIndex(0);
}

function readIncarnation(reader: ByteReader): Incarnation {
  const value = reader.varint();
  if (value <= INCARNATION_MAX) return incarnation(value);
  reader.fail();
  return incarnation(0);
}

function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) reader.fail();
  return value === 1;
}

/**
 * The records of a write group's directory. Final: a kind keeps its number and layout for ever; new
 * kinds get new numbers. Kinds from 128 on may be skipped by programs that do not know them; any other
 * unknown kind refuses the start, since what it says may matter.
 *
 *     kind u8 | detail u8 | group u16 | length u16 | body
 */
import {
  ByteReader,
  type ByteWriter,
  encodeUtf8,
  type GroupId,
  groupId,
  incarnation,
  type LogIndex,
  logIndex,
  nodeId,
  type Term,
  term,
} from "@kqueuey/base";
import type { EntryKind, HardState } from "@kqueuey/raft";
import { entryKindCode, entryKindOf } from "./placements.ts";
import type { LogPoint, SegmentId, SnapshotMarker } from "./types.ts";

const HARD_STATE = 1;
const ENTRY = 2;
const TRUNCATE = 3;
const SNAPSHOT_MARKER = 4;
const LOG_EXTENT = 5;
const SEGMENT_SEALED = 6;
const SEGMENT_RECLAIMED = 7;
const SKIPPABLE_FROM = 128;

/** Bytes before a record's body. */
const PREFIX_BYTES = 6;
/** Directory bytes of one entry. */
export const ENTRY_RECORD_BYTES: number = PREFIX_BYTES + 24;
/** Directory bytes of one extent. */
export const EXTENT_RECORD_BYTES: number = PREFIX_BYTES + 32;
/** Directory bytes of one given-back segment. */
export const RECLAIMED_RECORD_BYTES: number = PREFIX_BYTES + 4;
/** A path in a marker is no longer than this, in bytes. */
export const MARKER_PATH_BYTES_MAX = 1024;

export interface HardStateRecord {
  readonly kind: "hardState";
  readonly group: GroupId;
  readonly hardState: HardState;
}

/** An entry; its data follows the directory. */
export interface EntryRecord {
  readonly kind: "entry";
  readonly group: GroupId;
  readonly entryKind: EntryKind;
  readonly index: LogIndex;
  readonly term: Term;
  readonly dataBytes: number;
  /** CRC-32 of the data. */
  readonly dataCrc: number;
}

/** Entries from `from` on are void. */
export interface TruncateRecord {
  readonly kind: "truncate";
  readonly group: GroupId;
  readonly from: LogIndex;
}

/** A snapshot's folder took the place of the log up to its point; the log is empty. */
export interface SnapshotMarkerRecord {
  readonly kind: "snapshotMarker";
  readonly group: GroupId;
  readonly marker: SnapshotMarker;
  /** It stands in a head and says what was recorded before: nothing if that was read. */
  readonly repeated: boolean;
}

/** The group's log is what lies between these points: whatever else older segments say of it is not. */
export interface LogExtentRecord {
  readonly kind: "logExtent";
  readonly group: GroupId;
  readonly compacted: LogPoint;
  readonly last: LogPoint;
}

/** In a head: a segment that is still needed, and the number of its last group. */
export interface SegmentSealedRecord {
  readonly kind: "segmentSealed";
  readonly segment: SegmentId;
  readonly lastGroup: number;
}

/** The segment's file may be gone or hold something else. */
export interface SegmentReclaimedRecord {
  readonly kind: "segmentReclaimed";
  readonly segment: SegmentId;
}

export type WalRecord =
  | HardStateRecord
  | EntryRecord
  | TruncateRecord
  | SnapshotMarkerRecord
  | LogExtentRecord
  | SegmentSealedRecord
  | SegmentReclaimedRecord;

/** The records of one directory; `newer` names a kind of a later program; `malformed` is damage. */
export type DirectoryRead =
  | { readonly kind: "records"; readonly records: readonly WalRecord[] }
  | { readonly kind: "newer"; readonly recordKind: number }
  | { readonly kind: "malformed" };

export function encodeHardState(into: ByteWriter, group: GroupId, state: HardState): void {
  const at = begin(into, HARD_STATE, { group, detail: 0 });
  into.u53(state.term);
  into.u16(state.vote);
  into.u32(state.incarnation);
  into.u53(state.commit);
  end(into, at);
}

export function encodeEntry(into: ByteWriter, entry: Omit<EntryRecord, "kind">): void {
  const detail = entryKindCode(entry.entryKind);
  const at = begin(into, ENTRY, { group: entry.group, detail });
  into.u53(entry.index);
  into.u53(entry.term);
  into.u32(entry.dataBytes);
  into.u32(entry.dataCrc);
  end(into, at);
}

export function encodeTruncate(into: ByteWriter, group: GroupId, from: LogIndex): void {
  const at = begin(into, TRUNCATE, { group, detail: 0 });
  into.u53(from);
  end(into, at);
}

export function encodeMarker(into: ByteWriter, record: Omit<SnapshotMarkerRecord, "kind">): void {
  const { group, marker, repeated } = record;
  const at = begin(into, SNAPSHOT_MARKER, { group, detail: repeated ? 1 : 0 });
  into.u53(marker.index);
  into.u53(marker.term);
  into.blob(encodeUtf8(marker.directory));
  end(into, at);
}

export function encodeExtent(into: ByteWriter, extent: Omit<LogExtentRecord, "kind">): void {
  const at = begin(into, LOG_EXTENT, { group: extent.group, detail: 0 });
  into.u53(extent.compacted.index);
  into.u53(extent.compacted.term);
  into.u53(extent.last.index);
  into.u53(extent.last.term);
  end(into, at);
}

export function encodeSealed(into: ByteWriter, segment: SegmentId, lastGroup: number): void {
  const at = begin(into, SEGMENT_SEALED, { group: NO_GROUP, detail: 0 });
  into.u32(segment);
  into.u53(lastGroup);
  end(into, at);
}

export function encodeReclaimed(into: ByteWriter, segment: SegmentId): void {
  const at = begin(into, SEGMENT_RECLAIMED, { group: NO_GROUP, detail: 0 });
  into.u32(segment);
  end(into, at);
}

/** Reads a directory whose checksum was right. */
export function decodeDirectory(bytes: Uint8Array, count: number): DirectoryRead {
  const reader = new ByteReader(bytes);
  const records: WalRecord[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    const kind = reader.u8();
    const detail = reader.u8();
    const group = groupId(reader.u16());
    const length = reader.u16();
    const bodyEnd = reader.position + length;
    if (!reader.ok || bodyEnd > bytes.length) return MALFORMED;
    const record = decodeBody(new ByteReader(bytes, reader.position, bodyEnd), {
      kind,
      detail,
      group,
    });
    if (record === "newer") return { kind: "newer", recordKind: kind };
    if (record === "malformed") return MALFORMED;
    if (record !== "skip") records.push(record);
    reader.skip(length);
  }
  return reader.ok && reader.remaining === 0 ? { kind: "records", records } : MALFORMED;
}

const MALFORMED: DirectoryRead = { kind: "malformed" };
const NO_GROUP = groupId(0);

interface Prefix {
  readonly kind: number;
  readonly detail: number;
  readonly group: GroupId;
}

function begin(into: ByteWriter, kind: number, prefix: Omit<Prefix, "kind">): number {
  into.u8(kind);
  into.u8(prefix.detail);
  into.u16(prefix.group);
  into.u16(0);
  return into.length;
}

function end(into: ByteWriter, bodyAt: number): void {
  into.setU16(bodyAt - 2, into.length - bodyAt);
}

function decodeBody(body: ByteReader, prefix: Prefix): WalRecord | "newer" | "malformed" | "skip" {
  if (prefix.kind >= SKIPPABLE_FROM) return "skip";
  const record = decodeKnown(body, prefix);
  if (record === undefined) return "newer";
  return body.ok && body.remaining === 0 ? record : "malformed";
}

function decodeKnown(body: ByteReader, prefix: Prefix): WalRecord | undefined {
  const { group } = prefix;
  switch (prefix.kind) {
    case HARD_STATE:
      return { kind: "hardState", group, hardState: readHardState(body) };
    case ENTRY:
      return readEntry(body, prefix);
    case TRUNCATE:
      return { kind: "truncate", group, from: logIndex(body.u53()) };
    case SNAPSHOT_MARKER:
      return {
        kind: "snapshotMarker",
        group,
        marker: { ...readPoint(body), directory: body.text() },
        repeated: prefix.detail === 1,
      };
    case LOG_EXTENT:
      return { kind: "logExtent", group, compacted: readPoint(body), last: readPoint(body) };
    case SEGMENT_SEALED:
      return { kind: "segmentSealed", segment: body.u32() as SegmentId, lastGroup: body.u53() };
    case SEGMENT_RECLAIMED:
      return { kind: "segmentReclaimed", segment: body.u32() as SegmentId };
    default:
      return undefined;
  }
}

function readHardState(body: ByteReader): HardState {
  const at = term(body.u53());
  const vote = body.u16();
  return {
    term: at,
    vote: vote === 0 ? 0 : nodeId(vote),
    incarnation: incarnation(body.u32()),
    commit: logIndex(body.u53()),
  };
}

function readEntry(body: ByteReader, prefix: Prefix): EntryRecord | undefined {
  const entryKind = entryKindOf(prefix.detail);
  if (entryKind === undefined) return undefined;
  return {
    kind: "entry",
    group: prefix.group,
    entryKind,
    index: logIndex(body.u53()),
    term: term(body.u53()),
    dataBytes: body.u32(),
    dataCrc: body.u32(),
  };
}

function readPoint(body: ByteReader): LogPoint {
  return { index: logIndex(body.u53()), term: term(body.u53()) };
}

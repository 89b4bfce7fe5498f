/**
 * An entry's data: a batch of commands from many clients under one time.
 *
 *     u8 version (1, or 2 when a command needs it) · u8 flags (bit 0: a match vector follows the commands)
 *     u48 cluster time · u48 wall time · u16 count of commands
 *     the commands · [u8 count · that many (u16 node, u32 incarnation, u48 boot, u48 match)]
 *
 * An entry without commands is a time entry.
 */
import type { ClusterTimeMs, Incarnation, LogIndex, NodeId, WallTimeMs } from "@kqueuey/base";
import { assert, ByteReader } from "@kqueuey/base";
import { commandVersion } from "./command-version.ts";
import { validateCommand } from "./command-walk.ts";
import {
  ENTRY_BYTES_MAX,
  ENTRY_COMMANDS_MAX,
  ENTRY_OPERATIONS_MAX,
  MATCH_VECTOR_MAX,
} from "./limits.ts";

/**
 * The newest version that this machine knows. An entry is written under the version of its newest command, so that
 * a replica that does not know one stops before the entry and does not go another way.
 */
export const ENTRY_VERSION_MAX = 2;
/** Bytes before the first command. */
export const ENTRY_HEADER_BYTES = 16;
export const FLAG_MATCH_VECTOR = 1;
const MATCH_BYTES = 18;

/** What a leader knew of a member's log when it wrote the entry; raft refuses a member that comes back with less. */
export interface Match {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  readonly boot: number;
  readonly match: LogIndex;
}

/** At most 64 members. */
export type MatchVector = readonly Match[];

/** What the leader stamps on an entry. */
export interface EntryStamp {
  readonly clusterTimeMs: ClusterTimeMs;
  readonly wallTimeMs: WallTimeMs;
  readonly matchVector?: MatchVector | undefined;
}

/** The open entry of a leader: encoded commands go in, an entry's data comes out. */
export class EntryBuilder {
  #bytes: Uint8Array = new Uint8Array(16 * 1024);
  #length = ENTRY_HEADER_BYTES;
  #commands = 0;
  #operations = 0;
  #version: 1 | 2 = 1;

  /** Commands so far. */
  get commands(): number {
    return this.#commands;
  }

  /** Message operations so far: at most 4,096. */
  get operations(): number {
    return this.#operations;
  }

  /** Bytes that `finish` would give, without a match vector. */
  get bytes(): number {
    return this.#length;
  }

  get empty(): boolean {
    return this.#commands === 0;
  }

  /**
   * Copies one validated command in; gives its ordinal, or undefined, and nothing changed, when the
   * entry has no room for it: finish it and begin the next. An empty entry takes any valid command.
   */
  append(command: Uint8Array, operations: number): number | undefined {
    const room = ENTRY_BYTES_MAX - (1 + MATCH_VECTOR_MAX * MATCH_BYTES);
    if (this.#commands === ENTRY_COMMANDS_MAX || this.#length + command.length > room)
      return undefined;
    if (this.#operations + operations > ENTRY_OPERATIONS_MAX) return undefined;
    this.#reserve(command.length);
    this.#bytes.set(command, this.#length);
    if (this.#version === 1) this.#version = commandVersion(command);
    this.#length += command.length;
    this.#operations += operations;
    this.#commands += 1;
    return this.#commands - 1;
  }

  /** The entry's data, owned by the caller; the builder is empty again. */
  finish(stamp: EntryStamp): Uint8Array {
    const vector = stamp.matchVector ?? [];
    assert(vector.length <= MATCH_VECTOR_MAX, "match vector too long");
    if (vector.length > 0) this.#appendMatchVector(vector);
    const bytes = this.#bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    view.setUint8(0, this.#version);
    this.#version = 1;
    view.setUint8(1, vector.length > 0 ? FLAG_MATCH_VECTOR : 0);
    setU48(view, 2, stamp.clusterTimeMs);
    setU48(view, 8, stamp.wallTimeMs);
    view.setUint16(14, this.#commands, true);
    const length = this.#length;
    this.#length = ENTRY_HEADER_BYTES;
    this.#commands = 0;
    this.#operations = 0;
    // A well-filled buffer is given away uncopied; a mostly empty one would be pinned by those who keep the entry.
    if (length * 4 < bytes.length * 3) return bytes.slice(0, length);
    this.#bytes = new Uint8Array(bytes.length);
    return bytes.subarray(0, length);
  }

  #appendMatchVector(vector: MatchVector): void {
    this.#reserve(1 + vector.length * MATCH_BYTES);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    view.setUint8(this.#length, vector.length);
    let at = this.#length + 1;
    for (const match of vector) {
      view.setUint16(at, match.node, true);
      view.setUint32(at + 2, match.incarnation, true);
      setU48(view, at + 6, match.boot);
      setU48(view, at + 12, match.match);
      at += MATCH_BYTES;
    }
    this.#length = at;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    let capacity = this.#bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function setU48(view: DataView, at: number, value: number): void {
  assert(value >= 0 && value < 0x1_0000_0000_0000, "u48 out of range");
  view.setUint32(at, value % 0x1_0000_0000, true);
  view.setUint16(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** What the front of an entry says. */
export interface EntryHeader {
  readonly version: number;
  readonly clusterTimeMs: ClusterTimeMs;
  readonly wallTimeMs: WallTimeMs;
  readonly commands: number;
}

export function isKnownVersion(version: number): boolean {
  return version >= 1 && version <= ENTRY_VERSION_MAX;
}

/** Undefined when the bytes are too short. */
export function readEntryHeader(data: Uint8Array): EntryHeader | undefined {
  const reader = new ByteReader(data);
  const version = reader.u8();
  reader.skip(1);
  const clusterTimeMs = reader.u48() as ClusterTimeMs;
  const wallTimeMs = reader.u48() as WallTimeMs;
  const commands = reader.u16();
  return reader.ok ? { version, clusterTimeMs, wallTimeMs, commands } : undefined;
}

/**
 * The match vector that an entry carries, for `raft.recordMatch` when the entry is appended or applied;
 * undefined when it carries none (or is no entry of a version known here).
 */
export function readMatchVector(data: Uint8Array): MatchVector | undefined {
  const header = readEntryHeader(data);
  if (header === undefined || !isKnownVersion(header.version)) return undefined;
  if (((data[1] ?? 0) & FLAG_MATCH_VECTOR) === 0) return undefined;
  let at = ENTRY_HEADER_BYTES;
  for (let i = 0; i < header.commands; i++) {
    const command = validateCommand(data, at);
    if (!command.ok) return undefined;
    at += command.length;
  }
  return decodeMatchVector(new ByteReader(data, at));
}

/** Reads a vector; undefined when the bytes are none. */
export function decodeMatchVector(reader: ByteReader): MatchVector | undefined {
  const count = reader.u8();
  const vector: Match[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    vector.push({
      node: reader.u16() as NodeId,
      incarnation: reader.u32() as Incarnation,
      boot: reader.u48(),
      match: reader.u48() as LogIndex,
    });
  }
  return reader.ok && count <= MATCH_VECTOR_MAX ? vector : undefined;
}

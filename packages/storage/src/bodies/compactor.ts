/**
 * Copies what is alive in a mostly dead segment into a body segment, so that the segment can go.
 *
 * The order that makes it safe: the copies are synced under a durable name; then the map points at them
 * (readers find them from now on); then a manifest that names them becomes durable; then, and when nobody
 * reads it any more, the source is given up. The last two are the store's business: it is told of every
 * move, and keeps the source until the manifest after it.
 */
import { assert, type Crc32, type GroupId, type LogIndex, logIndex, must } from "@kqueuey/base";
import type { Disk } from "../disk.ts";
import { encodeFileHeader } from "../file-header.ts";
import { FileAppender, failureOf, runSteps, type SpaceReserve } from "../files.ts";
import { type BodyFraming, damage, type LiveBodies, type StoreFailure } from "../store-types.ts";
import {
  blockTableBytes,
  type DataRange,
  decodeBlockTable,
  encodeBlockTable,
} from "./body-block.ts";
import type { BodyEntry, EntryMap } from "./entry-map.ts";
import { bodySegmentRef, isBodySegment, type SegmentRef } from "./segment-ledger.ts";
import type { SegmentSource } from "./segment-source.ts";

/** Bytes read at a time; a larger entry is read alone. */
const READ_BYTES = 256 * 1024;
/** Entries further apart than this are read apart. */
const READ_GAP = 32 * 1024;
/** Chunks of the entry map looked at in one turn. */
const CHUNKS_A_TURN = 8;
/** Bytes copied between two syncs. */
const SYNC_BYTES = 4 * 1024 * 1024;

export interface CompactorPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly group: GroupId;
  readonly framing: BodyFraming;
  readonly reserve: SpaceReserve;
  readonly map: EntryMap;
  readonly source: SegmentSource;
  readonly live: LiveBodies;
  readonly folder: string;
  /** A body segment takes no further block past this many bytes. */
  readonly segmentBytesMax: number;
  /** Number of the newest read request, and whether all up to a number were answered. */
  readonly lastRead: () => number;
  readonly readsPast: (number: number) => boolean;
  /** First manifest that surely names what the map says now. */
  readonly nextSequence: () => number;
  readonly failed: (failure: StoreFailure) => void;
}

/** A copy that is written and not yet in the map. */
interface Move {
  readonly index: number;
  readonly from: SegmentRef;
  readonly position: number;
  readonly length: number;
  /** CRC-32 of the whole block. */
  readonly crc: number;
  readonly bodies: number;
}

interface Target {
  readonly number: number;
  readonly appender: FileAppender;
  named: boolean;
}

type Phase = "collect" | "copy" | "sync" | "move";

interface Task {
  readonly segment: SegmentRef;
  /** Chunks still to look at, the next one last. */
  readonly chunks: number[];
  /** Entries of the chunks looked at that are still to be copied, the next one first. */
  entries: BodyEntry[];
  readonly done: (failure: StoreFailure | undefined) => void;
  phase: Phase;
  /** Reads up to this one may need a record that was dead when its entry was copied. */
  lastRead: number;
}

export class Compactor {
  readonly #ports: CompactorPorts;
  #task: Task | undefined;
  #target: Target | undefined;
  #moves: Move[] = [];
  #unsynced = 0;
  #busy = false;
  #stopped = false;

  constructor(ports: CompactorPorts) {
    this.#ports = ports;
  }

  get running(): boolean {
    return this.#task !== undefined;
  }

  /** The segment being copied from: nobody may take it away meanwhile. */
  get reading(): SegmentRef | undefined {
    return this.#task?.segment;
  }

  /** The body segment being written, which must not be removed or compacted. */
  get writing(): SegmentRef | undefined {
    return this.#target === undefined ? undefined : bodySegmentRef(this.#target.number);
  }

  /** Begins to copy what is alive in `segment`, whose entries have left the log. None may be running. */
  begin(segment: SegmentRef, done: (failure: StoreFailure | undefined) => void): void {
    assert(this.#task === undefined, "one compaction at a time");
    const chunks = this.#ports.map.chunkNumbers().reverse();
    this.#task = { segment, chunks, entries: [], done, phase: "collect", lastRead: 0 };
  }

  /** Does a turn's worth; gives the bytes that it read and wrote. */
  pump(): number {
    const task = this.#task;
    if (task === undefined || this.#busy || this.#stopped) return 0;
    switch (task.phase) {
      case "collect":
        this.#collect(task);
        return 0;
      case "copy":
        return this.#copy(task);
      case "sync":
        this.#sync(task);
        return 0;
      case "move":
        this.#move(task);
        return 0;
    }
  }

  /** Nothing more is done or reported. */
  stop(): void {
    this.#stopped = true;
    this.#task = undefined;
    this.#target?.appender.close(() => undefined);
    this.#target = undefined;
  }

  #collect(task: Task): void {
    const { map } = this.#ports;
    for (let turn = 0; turn < CHUNKS_A_TURN && task.entries.length === 0; turn++) {
      const number = task.chunks.pop();
      if (number === undefined) {
        task.phase = this.#moves.length > 0 ? "sync" : "move";
        return;
      }
      for (const entry of map.bodyEntries(number)) {
        if (entry.place.segment === task.segment) task.entries.push(entry);
      }
    }
    if (task.entries.length === 0) return;
    task.entries.sort((a, b) => a.place.position - b.place.position);
    task.phase = "copy";
  }

  /** Copies the next entries that lie together. */
  #copy(task: Task): number {
    const run = this.#takeRun(task);
    const first = must(run[0], "a run has an entry");
    const last = must(run.at(-1), "a run has an entry");
    const position = first.place.position;
    const length = last.place.position + last.place.length - position;
    const offsets = this.#liveOffsets(run);
    task.lastRead = this.#ports.lastRead();
    this.#busy = true;
    this.#ports.source.read({ segment: task.segment, position, length }, (read) => {
      if (this.#task !== task) return;
      if (!read.ok) {
        this.#fail(task, read.failure);
        return;
      }
      const chunks: Uint8Array[] = [];
      this.#ensureTarget();
      for (const entry of run) {
        const from = entry.place.position - position;
        const bytes = read.value.subarray(from, from + entry.place.length);
        const wrong = this.#addBlock(task, entry, { bytes, offsets, chunks });
        if (wrong === undefined) continue;
        this.#fail(task, damage(`entry ${entry.index} in segment ${task.segment}`, wrong));
        return;
      }
      this.#write(task, chunks);
    });
    return length;
  }

  #takeRun(task: Task): BodyEntry[] {
    const run: BodyEntry[] = [];
    let start = 0;
    let end = 0;
    for (const entry of task.entries) {
      const { position, length } = entry.place;
      if (run.length > 0 && (position - end > READ_GAP || position + length - start > READ_BYTES)) {
        break;
      }
      if (run.length === 0) start = position;
      end = position + length;
      run.push(entry);
    }
    task.entries = task.entries.slice(run.length);
    return run;
  }

  /** Where the living bodies of the run's entries begin, per entry. */
  #liveOffsets(run: readonly BodyEntry[]): Map<number, number[]> {
    const wanted = new Map<number, number[]>();
    for (const entry of run) wanted.set(entry.index, []);
    let from = Number.MAX_SAFE_INTEGER;
    let upTo = 0;
    for (const index of wanted.keys()) {
      from = Math.min(from, index);
      upTo = Math.max(upTo, index);
    }
    const range = { from: logIndex(from), upTo: logIndex(upTo) };
    this.#ports.live.visitLiveBodies(range, (entry: LogIndex, offset: number) => {
      wanted.get(entry)?.push(offset);
    });
    return wanted;
  }

  /** Queues what is alive of one entry as a block; says what is wrong with its bytes otherwise. */
  #addBlock(
    task: Task,
    entry: BodyEntry,
    io: {
      readonly bytes: Uint8Array;
      readonly offsets: ReadonlyMap<number, number[]>;
      readonly chunks: Uint8Array[];
    },
  ): string | undefined {
    const offsets = [...new Set(io.offsets.get(entry.index))].sort((a, b) => a - b);
    const records = this.#cutRecords(entry, io.bytes, offsets);
    if (typeof records === "string") return records;
    const ranges: DataRange[] = [];
    const parts: Uint8Array[] = [];
    for (const { offset, bytes } of records) {
      const last = ranges.at(-1);
      if (last !== undefined && last.offset + last.length === offset) {
        ranges[ranges.length - 1] = { offset: last.offset, length: last.length + bytes.length };
      } else {
        ranges.push({ offset, length: bytes.length });
      }
      parts.push(bytes);
    }
    const target = must(this.#target, "a body segment is open");
    let position = target.appender.length;
    for (const chunk of io.chunks) position += chunk.length;
    const table = encodeBlockTable(entry.index, ranges, this.#ports.crc32);
    io.chunks.push(table, ...parts);
    const length = parts.reduce((sum, part) => sum + part.length, table.length);
    assert(table.length === blockTableBytes(ranges.length), "a table's length");
    const { index } = entry;
    let crc = this.#ports.crc32(table);
    for (const part of parts) crc = this.#ports.crc32(part, crc);
    this.#moves.push({ index, from: task.segment, position, length, crc, bodies: records.length });
    return undefined;
  }

  #cutRecords(
    entry: BodyEntry,
    bytes: Uint8Array,
    offsets: readonly number[],
  ): { readonly offset: number; readonly bytes: Uint8Array }[] | string {
    const { crc32, framing } = this.#ports;
    const inLog = !isBodySegment(entry.place.segment);
    if (crc32(bytes) !== entry.place.crc) return "its checksum does not hold";
    const table = inLog ? undefined : decodeBlockTable(bytes, crc32);
    if (table === "damaged" || (table !== undefined && "needed" in table)) return "a damaged table";
    if (table !== undefined && table.index !== entry.index) return "a block of another entry";
    const records: { offset: number; bytes: Uint8Array }[] = [];
    for (const offset of offsets) {
      const at = table === undefined ? whole(bytes, offset) : table.find(offset);
      // A snapshot leaves out what was dead at its sender; the log that follows says so here too.
      if (at === undefined) continue;
      const rest = bytes.subarray(at.position, at.position + at.available);
      const length = rest.length < framing.prefixBytes ? 0 : framing.recordLength(rest);
      if (length <= 0 || length > rest.length) return "a record's length is damaged";
      const record = rest.subarray(0, length);
      if (!framing.verify(record, crc32)) return "a record's checksum does not hold";
      records.push({ offset, bytes: record });
    }
    return records;
  }

  #ensureTarget(): void {
    if (this.#target !== undefined) return;
    const { disk, source, reserve } = this.#ports;
    const number = source.takeNumber();
    const appender = new FileAppender(disk, source.path(number), reserve);
    this.#target = { number, appender, named: false };
  }

  #write(task: Task, chunks: readonly Uint8Array[]): void {
    const { crc32, group, segmentBytesMax } = this.#ports;
    const target = must(this.#target, "a body segment is open");
    const { appender, number } = target;
    const before = appender.length;
    const isNew = before === 0;
    const header = encodeFileHeader({ kind: "bodies", group, number }, crc32);
    if (isNew) this.#shiftMoves(header.length);
    runSteps(
      [
        (next) => (isNew ? appender.create(next) : next(undefined)),
        (next) => appender.write(isNew ? [header, ...chunks] : chunks, next),
      ],
      (failure) => {
        this.#busy = false;
        if (this.#task !== task) return;
        if (failure !== undefined) {
          this.#fail(task, failure);
          return;
        }
        this.#unsynced += appender.length - before;
        const enough = this.#unsynced >= SYNC_BYTES || appender.length >= segmentBytesMax;
        const next = task.entries.length > 0 ? "copy" : "collect";
        task.phase = enough ? "sync" : next;
      },
    );
  }

  /** The first blocks of a new file lie behind its header. */
  #shiftMoves(bytes: number): void {
    this.#moves = this.#moves.map((move) => ({ ...move, position: move.position + bytes }));
  }

  #sync(task: Task): void {
    const { disk, folder } = this.#ports;
    const target = must(this.#target, "a body segment is open");
    this.#busy = true;
    runSteps(
      [
        (next) => target.appender.sync(next),
        (next) => {
          if (target.named) next(undefined);
          else disk.syncDirectory(folder, (result) => next(failureOf(result, folder)));
        },
      ],
      (failure) => {
        this.#busy = false;
        if (this.#task !== task) return;
        if (failure !== undefined) {
          this.#fail(task, failure);
          return;
        }
        target.named = true;
        this.#unsynced = 0;
        this.#ports.source.addBodySegment(target.number, target.appender.length);
        task.phase = "move";
      },
    );
  }

  /** Points the map at the copies, once nobody reads a record that they do not have. */
  #move(task: Task): void {
    const { map, source, readsPast, nextSequence, segmentBytesMax } = this.#ports;
    if (this.#moves.length > 0) {
      if (!readsPast(task.lastRead)) return;
      const number = must(this.#target, "a body segment is open").number;
      const segment = bodySegmentRef(number);
      for (const { index, from, position, length, crc, bodies } of this.#moves) {
        map.move(index, from, { segment, position, length, kind: 0, crc, bodies });
      }
      source.holdUntil(task.segment, nextSequence());
      this.#moves = [];
    }
    const target = this.#target;
    if (target !== undefined && target.appender.length >= segmentBytesMax) {
      target.appender.close(() => undefined);
      this.#target = undefined;
    }
    if (task.entries.length > 0) task.phase = "copy";
    else if (task.chunks.length > 0) task.phase = "collect";
    else this.#finish(task, undefined);
  }

  /** Copies not yet in the map are forgotten; a file without any other is removed. */
  #fail(task: Task, failure: StoreFailure): void {
    this.#busy = false;
    this.#moves = [];
    this.#unsynced = 0;
    const target = this.#target;
    this.#target = undefined;
    if (failure.code !== "no-space") {
      this.#stopped = true;
      this.#ports.failed(failure);
      return;
    }
    if (target?.named === true) target.appender.close(() => undefined);
    else target?.appender.discard(() => undefined);
    this.#finish(task, failure);
  }

  #finish(task: Task, failure: StoreFailure | undefined): void {
    this.#task = undefined;
    task.done(failure);
  }
}

/** The whole of an entry's data from `offset`. */
function whole(
  bytes: Uint8Array,
  offset: number,
): { readonly position: number; readonly available: number } {
  return { position: offset, available: Math.max(0, bytes.length - offset) };
}

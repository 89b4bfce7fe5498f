/**
 * The log's writer: appends queue up, one write group at a time takes as many as fit to the disk.
 *
 *     append -> queue -> group in flight -> durable -> completions, in order
 *
 * A group never crosses segments. When the next record does not fit, the next ready segment is opened
 * and its first group, the head, repeats what is known of every Raft group and which segments are
 * needed, so that any older segment can go. Nothing is written while no segment is ready.
 *
 * After a failed write or sync nobody knows what the disk holds: the log tells every waiter and is dead.
 */
import {
  assert,
  type ByteWriter,
  type GroupId,
  type LogIndex,
  type MonotonicMs,
  monotonic,
  must,
  Ring,
} from "@kqueuey/base";
import type { DiskError, DiskResult, FileHandle } from "../disk.ts";
import { entryBytesMax } from "./config.ts";
import { SegmentFiles } from "./files.ts";
import { BLOCK_BYTES, type SegmentSalt } from "./format.ts";
import { GroupBuilder } from "./group-builder.ts";
import { GroupLog, LOG_START } from "./group-log.ts";
import { Pending } from "./pending.ts";
import {
  EXTENT_RECORD_BYTES,
  encodeExtent,
  encodeHardState,
  encodeMarker,
  encodeReclaimed,
  encodeSealed,
  RECLAIMED_RECORD_BYTES,
} from "./records.ts";
import { Segment, type SegmentTable, segmentPath } from "./segments.ts";
import { type ReadySegment, SegmentSupply } from "./supply.ts";
import type {
  LogPoint,
  SegmentId,
  SegmentInfo,
  SegmentRange,
  Wal,
  WalAdmission,
  WalAppend,
  WalAppended,
  WalConfig,
  WalDone,
  WalFailure,
  WalPorts,
  WalResult,
  WalStats,
} from "./types.ts";

/** The segment that is being written. */
export interface ActiveSegment {
  readonly segment: Segment;
  readonly file: FileHandle;
  readonly salt: SegmentSalt;
  /** Where the next group goes. */
  position: number;
}

/** Where a writer takes over: what recovery found, or nothing. */
export interface WalStart {
  readonly logs: Map<GroupId, GroupLog>;
  readonly segments: SegmentTable;
  readonly active: ActiveSegment | undefined;
  readonly ready: readonly ReadySegment[];
  /** Files that nothing in the log refers to. */
  readonly returned: readonly ReadySegment[];
  /** The highest id that any segment file has; 0: none. */
  readonly lastId: number;
  readonly nextGroup: number;
}

type State =
  | { readonly kind: "open" }
  | { readonly kind: "closing"; readonly done: WalDone<undefined> }
  | { readonly kind: "failed"; readonly failure: WalFailure }
  | { readonly kind: "closed" };

/** The write group that the disk has. */
interface InFlight {
  readonly completed: readonly Pending[];
  readonly reclaimed: readonly Segment[];
  readonly bytes: number;
  readonly dataBytes: number;
  readonly records: number;
}

/** Appends that may wait, however small they are. */
const QUEUE_MAX = 65_536;

export class WalWriter implements Wal {
  readonly #ports: WalPorts;
  readonly #config: WalConfig;
  readonly #logs: Map<GroupId, GroupLog>;
  readonly #segments: SegmentTable;
  readonly #supply: SegmentSupply;
  readonly #files: SegmentFiles;
  readonly #builder: GroupBuilder;
  readonly #queue = new Ring<Pending>(QUEUE_MAX);
  /** Where each group's log ends once everything accepted is written. */
  readonly #acceptedLast = new Map<GroupId, number>();
  readonly #covered = new Map<GroupId, LogIndex>();
  /** Given back, read by nobody, not recorded yet. */
  #reclaims: Segment[] = [];
  #state: State = { kind: "open" };
  /** What the writer waits for; nothing new is written meanwhile. */
  #phase: "idle" | "switching" | "writing" | "delivering" = "idle";
  #inFlight: InFlight | undefined;
  #active: ActiveSegment | undefined;
  #nextGroup: number;
  /** The last group is not below any durable-up-to yet. */
  #unconfirmed = false;
  /** A group is written even if nothing waits, so that every group before it counts as durable. */
  #confirmDue: (() => void) | undefined;
  #begun: WalDone<undefined> | undefined;
  #reads = 0;
  #queuedBytes = 0;
  #nowMs: MonotonicMs = monotonic(0);
  #durableAtMs: MonotonicMs = monotonic(0);
  #writingSinceMs: MonotonicMs | undefined;
  #groupsWritten = 0;
  #dataBytesWritten = 0;
  #bytesWritten = 0;
  #syncs = 0;

  constructor(ports: WalPorts, config: WalConfig, start: WalStart) {
    this.#ports = ports;
    this.#config = config;
    this.#logs = start.logs;
    this.#segments = start.segments;
    this.#active = start.active;
    this.#nextGroup = start.nextGroup;
    for (const [group, log] of start.logs) this.#acceptedLast.set(group, log.last.index);
    this.#files = new SegmentFiles(ports.disk, config);
    this.#builder = new GroupBuilder(ports.crc32);
    const events = {
      changed: () => this.#pump(),
      failed: (error: DiskError, what: string) => this.#fail(error, what),
      noSpace: () => this.#noSpace(),
    };
    this.#supply = new SegmentSupply({ disk: ports.disk, events }, config, start);
    for (const segment of start.returned) this.#supply.giveBack(segment);
    this.#supply.work();
  }

  /**
   * Confirms what recovery read, or makes the first segment. Completes when the log can be used; it
   * can also be when there is no room to confirm, since recovery made everything durable.
   */
  begin(done: WalDone<undefined>): void {
    this.#begun = done;
    this.#confirmDue = () => this.#finishBeginning({ ok: true, value: undefined });
    this.#pump();
  }

  append(group: GroupId, request: WalAppend, done: WalDone<WalAppended>): WalAdmission {
    if (this.#state.kind !== "open") return "failed";
    if (this.#queuedBytes >= this.#config.queuedBytesMax || this.#queue.full) return "full";
    const pending = new Pending(group, request, done);
    const last = this.#acceptedLast.get(group) ?? 0;
    this.#acceptedLast.set(group, pending.check(last, entryBytesMax(this.#config)));
    this.#queuedBytes += pending.bytes;
    this.#queue.push(pending);
    this.#pump();
    return "accepted";
  }

  tick(nowMs: MonotonicMs): void {
    this.#nowMs = nowMs;
    if (this.#state.kind === "failed" || this.#state.kind === "closed") return;
    this.#supply.tick(nowMs);
    const idle = this.#phase === "idle" && this.#queue.size === 0;
    if (!idle || !this.#unconfirmed) return;
    if (nowMs - this.#durableAtMs < this.#config.idleMs) return;
    this.#confirmDue = () => undefined;
    this.#pump();
  }

  read(range: SegmentRange, done: WalDone<Uint8Array>): void {
    const segment = this.#segments.get(range.segment);
    assert(segment.state !== "reclaiming" || segment.pins > 0, "the segment was given back");
    segment.pins += 1;
    this.#reads += 1;
    this.#files.read(range, (result) => {
      this.#reads -= 1;
      this.#release(segment);
      if (!result.ok) done({ ok: false, failure: ioFailure(result.error, "read") });
      else if (result.value.length < range.length) done({ ok: false, failure: SHORT_READ });
      else done({ ok: true, value: result.value });
      this.#pump();
    });
  }

  pin(id: SegmentId): void {
    const segment = this.#segments.get(id);
    assert(segment.state !== "reclaiming", "the segment was given back");
    segment.pins += 1;
  }

  unpin(id: SegmentId): void {
    this.#release(this.#segments.get(id));
    this.#pump();
  }

  has(id: SegmentId): boolean {
    const segment = this.#segments.find(id);
    return segment !== undefined && segment.state !== "reclaiming";
  }

  segments(): readonly SegmentInfo[] {
    return Array.from(this.#segments.values(), (segment) => segment.info());
  }

  cover(group: GroupId, index: LogIndex): void {
    if (index > (this.#covered.get(group) ?? 0)) this.#covered.set(group, index);
  }

  coveredSegments(): readonly SegmentId[] {
    const covered: SegmentId[] = [];
    for (const segment of this.#segments.values()) {
      if (segment.state !== "sealed") continue;
      const uncovered = ([group, last]: readonly [GroupId, LogIndex]): boolean =>
        last > (this.#covered.get(group) ?? 0);
      if (!Array.from(segment.lastIndexes).some(uncovered)) covered.push(segment.id);
    }
    return covered;
  }

  reclaim(id: SegmentId): void {
    const segment = this.#segments.get(id);
    assert(segment.state === "sealed", "only a sealed segment is given back, and once");
    segment.state = "reclaiming";
    if (segment.pins === 0) this.#reclaims.push(segment);
    this.#pump();
  }

  compacted(group: GroupId): LogPoint {
    return this.#logs.get(group)?.compacted ?? LOG_START;
  }

  stats(): WalStats {
    const { kind } = this.#state;
    return {
      state: kind === "closing" ? "open" : kind,
      space: this.#supply.full ? "full" : "ample",
      queuedBytes: this.#queuedBytes,
      groupsWritten: this.#groupsWritten,
      dataBytesWritten: this.#dataBytesWritten,
      bytesWritten: this.#bytesWritten,
      syncs: this.#syncs,
      segments: this.#segments.count,
      aheadSegments: this.#supply.ready,
      diskBytes: this.#segments.bytes + this.#supply.bytes,
      writingSinceMs: this.#writingSinceMs,
    };
  }

  close(done: WalDone<undefined>): void {
    assert(this.#state.kind !== "closing" && this.#state.kind !== "closed", "closed twice");
    if (this.#state.kind === "failed") {
      done({ ok: false, failure: this.#state.failure });
      return;
    }
    this.#state = { kind: "closing", done };
    this.#supply.stop();
    this.#pump();
  }

  #finishBeginning(result: WalResult<undefined>): void {
    const begun = this.#begun;
    this.#begun = undefined;
    begun?.(result);
  }

  #noSpace(): void {
    if (this.#begun === undefined || this.#phase !== "idle") return;
    this.#confirmDue = undefined;
    if (this.#active !== undefined) this.#finishBeginning({ ok: true, value: undefined });
    else this.#finishBeginning({ ok: false, failure: NO_SPACE });
  }

  /** Writes the next group if there is something to write and nothing is under way. */
  #pump(): void {
    if (this.#phase !== "idle") return;
    if (this.#state.kind === "failed" || this.#state.kind === "closed") return;
    const work = this.#queue.size + this.#reclaims.length > 0 || this.#confirmDue !== undefined;
    if (!work) {
      this.#maybeFinishClosing();
      return;
    }
    const active = this.#active;
    if (active === undefined || active.position + BLOCK_BYTES > active.segment.bytes) {
      this.#switchSegment();
      return;
    }
    this.#builder.begin(active.segment.bytes - active.position);
    if (active.position === 0) this.#buildHead();
    const reclaimed = this.#buildReclaims();
    const filled = this.#buildAppends(active);
    const progress = reclaimed.length > 0 || filled.progress;
    const nothingFits = !progress && this.#queue.size + this.#reclaims.length > 0;
    if (nothingFits) {
      assert(active.position > 0, "a record fits an empty segment");
      this.#switchSegment();
      return;
    }
    this.#write(active, { completed: filled.completed, reclaimed });
  }

  #switchSegment(): void {
    const next = this.#supply.take();
    if (next === undefined) {
      if (this.#state.kind === "closing" && !this.#supply.working) this.#giveUpQueue();
      return;
    }
    this.#phase = "switching";
    const path = segmentPath(this.#config.directory, next.id);
    const dsync = this.#config.syncMode === "dsync";
    this.#ports.disk.open(path, { mode: "write", dsync, urgent: true }, (opened) => {
      if (this.#state.kind === "failed") return;
      if (!opened.ok) {
        this.#fail(opened.error, path);
        return;
      }
      this.#sealActive();
      const segment = new Segment(next.id, next.bytes);
      this.#segments.add(segment);
      const salt = { a: this.#ports.random.nextU32(), b: this.#ports.random.nextU32() };
      this.#active = { segment, file: opened.value, salt, position: 0 };
      this.#phase = "idle";
      this.#pump();
    });
  }

  #sealActive(): void {
    const sealed = this.#active;
    if (sealed === undefined) return;
    assert(sealed.segment.lastGroup > 0, "a segment is left only when it holds something");
    sealed.segment.state = "sealed";
    // Everything in it is durable: a failing close loses nothing.
    this.#ports.disk.close(sealed.file, () => undefined);
  }

  /** What every segment begins with: all that is needed to forget the older ones. */
  #buildHead(): void {
    const record = this.#record;
    for (const segment of this.#segments.values()) {
      if (segment.state === "active") continue;
      record((into) => encodeSealed(into, segment.id, segment.lastGroup));
    }
    for (const [group, log] of this.#logs) {
      const { hardState, marker, compacted, last } = log;
      if (hardState !== undefined) record((into) => encodeHardState(into, group, hardState));
      if (marker !== undefined) {
        record((into) => encodeMarker(into, { group, marker, repeated: true }));
      }
      record((into) => encodeExtent(into, { group, compacted, last }));
    }
    assert(this.#builder.hasRoom(0), "the state of all groups fits a segment");
  }

  #buildReclaims(): readonly Segment[] {
    const built: Segment[] = [];
    for (const segment of this.#reclaims) {
      const bytes = RECLAIMED_RECORD_BYTES + segment.lastIndexes.size * EXTENT_RECORD_BYTES;
      if (!this.#builder.hasRoom(bytes)) break;
      for (const [group, index] of segment.lastIndexes) {
        const log = must(this.#logs.get(group), "a group with entries is known");
        if (index <= log.compacted.index) continue;
        log.compact(index);
        const { compacted, last } = log;
        this.#record((into) => encodeExtent(into, { group, compacted, last }));
      }
      this.#record((into) => encodeReclaimed(into, segment.id));
      built.push(segment);
    }
    this.#reclaims = this.#reclaims.slice(built.length);
    return built;
  }

  /** Moves from the queue into the group what fits. */
  #buildAppends(active: ActiveSegment): {
    readonly completed: readonly Pending[];
    readonly progress: boolean;
  } {
    const completed: Pending[] = [];
    let progress = false;
    for (;;) {
      const pending = this.#queue.peek();
      if (pending === undefined) break;
      const log = this.#log(pending.group);
      if (!pending.prefaced) {
        if (!this.#builder.hasRoom(pending.prefaceBytes)) break;
        pending.preface({ log, segments: this.#segments }, this.#record);
        progress = true;
      }
      if (this.#buildEntries(pending, { log, segment: active.segment })) progress = true;
      if (pending.nextEntry !== undefined) break;
      this.#queue.shift();
      completed.push(pending);
    }
    return { completed, progress };
  }

  #buildEntries(
    pending: Pending,
    into: { readonly log: GroupLog; readonly segment: Segment },
  ): boolean {
    let progress = false;
    for (;;) {
      const entry = pending.nextEntry;
      if (entry === undefined) break;
      if (!this.#builder.hasRoomFor(entry, this.#config.groupBytesMax)) break;
      into.log.append(entry);
      into.segment.lastIndexes.set(pending.group, entry.index);
      into.segment.dataBytes += entry.data.length;
      this.#builder.entry(pending.group, entry, pending.placements);
      pending.advance();
      progress = true;
    }
    return progress;
  }

  #write(active: ActiveSegment, done: Pick<InFlight, "completed" | "reclaimed">): void {
    const { segment, position, salt } = active;
    const { chunks, bytes } = this.#builder.finish({
      segment: segment.id,
      segmentBytes: segment.bytes,
      position,
      salt,
      head: position === 0,
      number: this.#nextGroup,
    });
    const { records, dataBytes } = this.#builder;
    const { completed, reclaimed } = done;
    const inFlight: InFlight = { completed, reclaimed, bytes, dataBytes, records };
    this.#inFlight = inFlight;
    this.#phase = "writing";
    this.#writingSinceMs = this.#nowMs;
    const path = segmentPath(this.#config.directory, segment.id);
    const durable = (result: DiskResult<undefined>): void => {
      if (result.ok) this.#durable(active, inFlight);
      else this.#fail(result.error, path);
    };
    this.#ports.disk.write(active.file, position, chunks, (written) => {
      if (this.#state.kind === "failed") return;
      const synced = !written.ok || this.#config.syncMode === "dsync";
      if (synced) durable(written);
      else this.#ports.disk.sync(active.file, durable);
    });
  }

  #durable(active: ActiveSegment, group: InFlight): void {
    if (this.#state.kind === "failed") return;
    active.position += group.bytes;
    active.segment.lastGroup = this.#nextGroup;
    this.#nextGroup += 1;
    this.#groupsWritten += 1;
    this.#syncs += 1;
    this.#bytesWritten += group.bytes;
    this.#dataBytesWritten += group.dataBytes;
    this.#unconfirmed = group.records > 0;
    this.#durableAtMs = this.#nowMs;
    this.#writingSinceMs = undefined;
    this.#inFlight = undefined;
    this.#phase = "delivering";
    for (const pending of group.completed) {
      this.#queuedBytes -= pending.bytes;
      pending.done({ ok: true, value: { placements: pending.placements } });
    }
    for (const segment of group.reclaimed) this.#free(segment);
    const confirmed = this.#confirmDue;
    this.#confirmDue = undefined;
    confirmed?.();
    this.#phase = "idle";
    this.#pump();
  }

  /** The record that gives the segment up is durable. */
  #free(segment: Segment): void {
    this.#files.forget(segment.id);
    this.#segments.remove(segment.id);
    this.#supply.giveBack({ id: segment.id, bytes: segment.bytes });
  }

  #release(segment: Segment): void {
    assert(segment.pins > 0, "released more often than held");
    segment.pins -= 1;
    if (segment.pins === 0 && segment.state === "reclaiming") this.#reclaims.push(segment);
  }

  #log(group: GroupId): GroupLog {
    let log = this.#logs.get(group);
    if (log === undefined) {
      log = new GroupLog();
      this.#logs.set(group, log);
    }
    return log;
  }

  readonly #record = (encode: (into: ByteWriter) => void): void => this.#builder.record(encode);

  #fail(error: DiskError, what: string): void {
    if (this.#state.kind === "failed" || this.#state.kind === "closed") return;
    const failure = ioFailure(error, what);
    const closing = this.#state.kind === "closing" ? this.#state.done : undefined;
    this.#state = { kind: "failed", failure };
    this.#supply.stop();
    const completed = this.#inFlight?.completed ?? [];
    this.#inFlight = undefined;
    for (const pending of completed) pending.done({ ok: false, failure });
    this.#dropQueue(failure);
    this.#finishBeginning({ ok: false, failure });
    this.#ports.failed?.(failure);
    closing?.({ ok: false, failure });
  }

  /** The log is closing and no segment will come: what waits can't be written. */
  #giveUpQueue(): void {
    this.#reclaims = [];
    this.#confirmDue = undefined;
    this.#phase = "delivering";
    this.#dropQueue({ code: "closed", message: "the log was closed while the disk was full" });
    this.#phase = "idle";
    this.#maybeFinishClosing();
  }

  #dropQueue(failure: WalFailure): void {
    for (;;) {
      const pending = this.#queue.shift();
      if (pending === undefined) break;
      this.#queuedBytes -= pending.bytes;
      pending.done({ ok: false, failure });
    }
  }

  #maybeFinishClosing(): void {
    if (this.#state.kind !== "closing" || this.#supply.working || this.#reads > 0) return;
    const { done } = this.#state;
    this.#state = { kind: "closed" };
    this.#files.close();
    const active = this.#active;
    if (active === undefined) {
      // Never from inside `close`: any request of the disk will do as a turn.
      this.#ports.disk.freeBytes(() => done({ ok: true, value: undefined }));
      return;
    }
    this.#ports.disk.close(active.file, (closed) => {
      if (closed.ok) done({ ok: true, value: undefined });
      else done({ ok: false, failure: ioFailure(closed.error, "close") });
    });
  }
}

const SHORT_READ: WalFailure = {
  code: "io",
  message: "a segment is shorter than what was written",
};

const NO_SPACE: WalFailure = { code: "no-space", message: "there is no room for a segment" };

function ioFailure(cause: DiskError, what: string): WalFailure {
  return { code: "io", message: `${what}: ${cause.message}`, cause };
}

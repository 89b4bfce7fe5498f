/**
 * One group's store: joins the log's tail, the entry map, reader, compactor, checkpointer and snapshots,
 * and decides what may be given up. See group-store.ts for what it promises.
 */
import {
  assert,
  type GroupId,
  type LogIndex,
  logIndex,
  type MonotonicMs,
  must,
} from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import { Compactor } from "./bodies/compactor.ts";
import { EntryCache } from "./bodies/entry-cache.ts";
import type { EntryMap } from "./bodies/entry-map.ts";
import { BodyReader } from "./bodies/reader.ts";
import { bodySegmentRef, type SegmentRef } from "./bodies/segment-ledger.ts";
import type { SegmentSource } from "./bodies/segment-source.ts";
import { Checkpointer, type CheckpointHost } from "./checkpoint/checkpointer.ts";
import type { Generation } from "./checkpoint/generation.ts";
import { type LoadedGeneration, loadUnits } from "./checkpoint/load.ts";
import { markDamaged, type OpenedGroup } from "./group-open.ts";
import type { GroupPorts } from "./group-ports.ts";
import type { GroupStore, GroupStoreStats } from "./group-store.ts";
import { LogTail } from "./log-tail.ts";
import { Installations } from "./snapshot/installations.ts";
import { SnapshotSenders } from "./snapshot/senders.ts";
import type { SnapshotInstaller, SnapshotSender } from "./snapshot/types.ts";
import type {
  Appended,
  AppendRequest,
  BodyRef,
  CheckpointMeta,
  CheckpointSource,
  CheckpointUnit,
  GroupRecovered,
  LiveBodies,
  StoreDone,
  StoreFailure,
  StoreResult,
} from "./store-types.ts";

/** Bytes of a checkpoint that `tick` itself copies when nobody calls `pump`. */
const TICK_BYTES = 64 * 1024;
/** How long background work rests after the disk was full. */
const NO_SPACE_REST_MS = 1_000;
/** Moved bodies wait this long for the replica's next checkpoint before the map is written alone. */
const MAINTENANCE_MS = 5_000;

/** What is built anew when a snapshot replaces the group's state. */
interface Parts {
  readonly generation: Generation;
  readonly map: EntryMap;
  readonly source: SegmentSource;
  readonly reader: BodyReader;
  readonly tail: LogTail;
  readonly checkpointer: Checkpointer;
}

export class GroupEngine implements GroupStore {
  readonly recovered: GroupRecovered;
  readonly #ports: GroupPorts;
  readonly #cache: EntryCache;
  readonly #senders: SnapshotSenders;
  readonly #installations: Installations;
  #parts: Parts;
  #compactor: Compactor | undefined;
  #neededFrom: number = Number.MAX_SAFE_INTEGER;
  #nowMs = 0;
  #restUntilMs = 0;
  #noSpace = false;
  /** Since when moved bodies wait for a manifest. */
  #movedAtMs: number | undefined;
  #uncheckpointedBytes = 0;
  #bytesAtBegin = 0;
  #stopped = false;

  constructor(ports: GroupPorts, opened: OpenedGroup) {
    this.#ports = ports;
    this.recovered = opened.recovered;
    this.#cache = new EntryCache(ports.limits.cacheBytesMax);
    this.#parts = this.#build(opened);
    this.#senders = new SnapshotSenders(ports, (failure) => this.#fail(failure));
    this.#installations = new Installations(ports, {
      generationNumber: () => this.#parts.generation.number,
      holds: (point) => this.#parts.tail.termAt(point.index) === point.term,
      quiet: () => this.#parts.tail.waiting === 0,
      installed: (loaded) => this.#replace(loaded),
      failed: (failure) => this.#fail(failure),
    });
    const { last, checkpoint } = opened.recovered;
    this.#uncheckpointedBytes = this.#dataBytes(checkpoint?.index ?? 0, last.index);
    if (checkpoint !== undefined) ports.wal.cover(ports.group, checkpoint.index);
  }

  get group(): GroupId {
    return this.#ports.group;
  }

  append(request: AppendRequest, done: StoreDone<Appended>): void {
    for (const entry of request.entries) this.#uncheckpointedBytes += entry.data.length;
    this.#parts.tail.append(request, done);
  }

  readEntries(
    range: { readonly from: LogIndex; readonly upTo: LogIndex; readonly bytesMax: number },
    done: StoreDone<readonly Entry[] | "compacted">,
  ): void {
    const parts = this.#parts;
    parts.tail.readEntries(range, (result) => done(this.#judge(parts, result)));
  }

  readBodies(refs: readonly BodyRef[], done: StoreDone<readonly Uint8Array[]>): void {
    const parts = this.#parts;
    parts.reader.read(refs, (result) => done(this.#judge(parts, result)));
  }

  setLive(entry: LogIndex, count: number): void {
    assert(this.#compactor === undefined, "live bodies are reported before finishRestore");
    if (count === 0 || this.#parts.map.addLive(entry, count)) return;
    const { folder } = this.#parts.generation;
    const message = `${folder}: the state refers to bodies of entry ${entry}, which is not there`;
    this.#noteDamage({ code: "damaged", message });
  }

  finishRestore(live: LiveBodies): void {
    assert(this.#compactor === undefined, "a restore ends once");
    const { map, source, generation, reader, checkpointer } = this.#parts;
    map.buryUnreported();
    const { disk, crc32, group, framing, reserve, limits } = this.#ports;
    this.#compactor = new Compactor({
      disk,
      crc32,
      group,
      framing,
      reserve,
      map,
      source,
      live,
      folder: generation.folder,
      segmentBytesMax: limits.bodySegmentBytes,
      lastRead: () => reader.lastNumber,
      readsPast: (number) => reader.isPast(number),
      nextSequence: () => checkpointer.nextSequence,
      failed: (failure) => this.#fail(failure),
    });
  }

  bodiesBorn(entry: LogIndex, count: number): void {
    this.#parts.map.born(entry, count);
  }

  bodiesDied(entry: LogIndex, count: number): void {
    this.#parts.map.died(entry, count);
  }

  checkpoint(
    source: CheckpointSource,
    meta: Pick<CheckpointMeta, "index" | "term" | "membership">,
    done: StoreDone<CheckpointMeta>,
  ): boolean {
    const { checkpointer, tail, generation } = this.#parts;
    const resting = this.#nowMs < this.#restUntilMs;
    if (this.#stopped || resting || checkpointer.running || this.#compactor === undefined) {
      return false;
    }
    assert(meta.index >= (generation.meta?.index ?? 0), "checkpoints go forward");
    assert(tail.termAt(meta.index) === meta.term, "a checkpoint is of an entry of the log");
    this.#bytesAtBegin = this.#uncheckpointedBytes;
    const { index, term, membership } = meta;
    const hardState = tail.hardState;
    checkpointer.begin(source, { index, term, membership, hardState }, (result) => {
      this.#bytesAtBegin = 0;
      if (!result.ok) this.#noteSpace(result.failure);
      done(result);
    });
    return true;
  }

  pump(bytesMax: number): boolean {
    const { pacer } = this.#ports;
    if (this.#stopped || !pacer.open) return false;
    const { checkpointer } = this.#parts;
    if (!checkpointer.running) return false;
    const more = checkpointer.pump(bytesMax);
    pacer.spend(checkpointer.takeSpent());
    return more && pacer.open;
  }

  latestCheckpoint(): CheckpointMeta | undefined {
    return this.#parts.generation.meta;
  }

  loadCheckpoint(visit: (unit: CheckpointUnit) => void, done: StoreDone<CheckpointMeta>): void {
    const { generation } = this.#parts;
    const meta = must(generation.meta, "a checkpoint is loaded where there is one");
    const take = (unit: CheckpointUnit): undefined => {
      visit(unit);
      return undefined;
    };
    const from = { generation, kind: "machine", table: generation.machineUnits } as const;
    loadUnits(this.#ports, from, take, (failure) => {
      if (failure === undefined) {
        done({ ok: true, value: meta });
        return;
      }
      this.#noteDamage(failure);
      done({ ok: false, failure });
    });
  }

  reportDamage(failure: StoreFailure): void {
    this.#noteDamage(failure);
  }

  setNeededFrom(index: LogIndex): void {
    this.#neededFrom = index;
  }

  firstIndex(): LogIndex {
    return logIndex(this.#parts.tail.base.index + 1);
  }

  createSnapshot(done: StoreDone<SnapshotSender>): void {
    const { generation, map, source } = this.#parts;
    this.#senders.create({ generation, map, source }, this.#parts.tail.base.index, done);
  }

  beginInstall(manifest: Uint8Array, done: StoreDone<SnapshotInstaller>): void {
    this.#installations.begin(manifest, done);
  }

  stats(): GroupStoreStats {
    const { tail, map, source, generation, checkpointer, reader } = this.#parts;
    return {
      firstIndex: this.firstIndex(),
      lastIndex: tail.last.index,
      durableIndex: tail.durableIndex,
      checkpointIndex: generation.meta?.index ?? logIndex(0),
      uncheckpointedBytes: this.#uncheckpointedBytes,
      mapEntries: map.entries,
      mapBytes: map.bytes,
      cacheBytes: this.#cache.bytes + reader.cacheBytes,
      liveBodies: map.liveBodies,
      bodySegments: source.bodyCount,
      bodySegmentBytes: source.bodyBytes,
      checkpointRunning: checkpointer.running,
      noSpace: this.#noSpace,
    };
  }

  // What the node's storage asks.

  tick(nowMs: MonotonicMs): void {
    this.#nowMs = nowMs;
    if (this.#stopped) return;
    const { pacer } = this.#ports;
    this.#parts.tail.flush();
    this.#senders.tick(nowMs);
    this.#installations.tick();
    this.pump(TICK_BYTES);
    if (!pacer.open || nowMs < this.#restUntilMs) return;
    pacer.spend(this.#compactor?.pump() ?? 0);
    this.#maintain();
    this.#tidyBodySegments();
  }

  /** Whether entries up to `index`, with `bytesBehind` bytes of log from there on, may leave the log. */
  mayRelease(index: LogIndex, bytesBehind: number): boolean {
    if (this.#compactor === undefined) return false;
    const covered = index <= (this.#parts.generation.meta?.index ?? 0);
    const wanted = Math.min(this.#neededFrom, this.#senders.neededFrom) <= index;
    return covered && (!wanted || bytesBehind > this.#ports.limits.retainedBytesMax);
  }

  /** Entries up to `index` leave the log. */
  release(index: LogIndex): void {
    if (index > this.#parts.tail.base.index) this.#parts.tail.advance(index);
  }

  /** What this group still has in a segment; undefined while nothing may be said. */
  usesOf(
    ref: SegmentRef,
  ): { readonly bodyEntries: number; readonly liveBytes: number } | undefined {
    if (this.#compactor === undefined || this.#installations.switching) return undefined;
    const { map, source, generation } = this.#parts;
    const held = source.isHeld(ref, generation.sequence) || this.#compactor.reading === ref;
    if (held) return undefined;
    return { bodyEntries: map.ledger.bodyEntries(ref), liveBytes: map.ledger.liveBytes(ref) };
  }

  /** Copies what is alive in the segment elsewhere, when there is time; false while busy. */
  compact(ref: SegmentRef): boolean {
    const compactor = this.#compactor;
    const resting = this.#nowMs < this.#restUntilMs;
    if (compactor === undefined || compactor.running || resting || this.#stopped) return false;
    compactor.begin(ref, (failure) => {
      if (failure === undefined) this.#movedAtMs ??= this.#nowMs;
      else this.#noteSpace(failure);
    });
    return true;
  }

  /** The log took the segment back. */
  forgetSegment(ref: SegmentRef): void {
    this.#parts.source.forgetLogSegment(ref);
  }

  /** Whether anything of this group is durable. */
  get holdsSomething(): boolean {
    const { tail } = this.#parts;
    return tail.hardState !== undefined || tail.durableIndex > 0;
  }

  /** Does nothing more; appends that wait get `closed`. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#senders.stop();
    this.#installations.stop();
    this.#parts.checkpointer.stop();
    this.#compactor?.stop();
    this.#parts.tail.close({ code: "closed", message: "the store was closed" });
    this.#parts.source.close();
  }

  /** Writes the entry map alone when moved bodies waited long enough for a checkpoint. */
  #maintain(): void {
    const { checkpointer, generation } = this.#parts;
    const since = this.#movedAtMs;
    if (since === undefined || checkpointer.running || generation.meta === undefined) return;
    if (this.#nowMs - since < MAINTENANCE_MS) return;
    this.#movedAtMs = undefined;
    checkpointer.beginMaintenance((result) => {
      if (result.ok) return;
      this.#movedAtMs ??= this.#nowMs;
      this.#noteSpace(result.failure);
    });
  }

  /** Removes body segments that nothing refers to and compacts one that is mostly dead. */
  #tidyBodySegments(): void {
    const compactor = this.#compactor;
    if (compactor === undefined || this.#installations.switching) return;
    const { map, source, generation } = this.#parts;
    for (const { number, bytes } of source.bodySegments()) {
      const ref = bodySegmentRef(number);
      if (ref === compactor.writing || ref === compactor.reading) continue;
      if (source.isHeld(ref, generation.sequence)) continue;
      if (map.ledger.bodyEntries(ref) === 0) source.removeBodySegment(ref);
      else if (map.ledger.liveBytes(ref) * 2 < bytes && !compactor.running) this.compact(ref);
    }
  }

  #build(opened: Omit<OpenedGroup, "recovered">): Parts {
    const { generation, map, source, log } = opened;
    const { wal, group, crc32, framing, disk, reserve } = this.#ports;
    const cache = this.#cache;
    const reader = new BodyReader({ map, cache, source, framing, crc32 });
    const failed = (failure: StoreFailure): void => this.#fail(failure);
    const tail = new LogTail({ wal, group, crc32, map, cache, source, failed }, log);
    const host: CheckpointHost = {
      disk,
      crc32,
      reserve,
      generation,
      map,
      durableIndex: () => tail.durableIndex,
      bodySegments: () => source.bodySegments(),
      published: (meta) => this.#published(meta),
      maySettle: (number) => reader.isPast(number) && !this.#senders.planning,
      lastRead: () => reader.lastNumber,
      failed,
    };
    return { generation, map, source, reader, tail, checkpointer: new Checkpointer(host) };
  }

  #published(meta: CheckpointMeta): void {
    this.#noSpace = false;
    this.#ports.wal.cover(this.group, meta.index);
    this.#uncheckpointedBytes = Math.max(0, this.#uncheckpointedBytes - this.#bytesAtBegin);
    this.#bytesAtBegin = 0;
  }

  /** An installed snapshot is the state now. Whatever was under way on the old one is over. */
  #replace(loaded: LoadedGeneration): void {
    const old = this.#parts;
    assert(old.tail.waiting === 0, "the log is quiet when its state is replaced");
    this.#senders.stop();
    old.checkpointer.stop();
    this.#compactor?.stop();
    this.#compactor = undefined;
    old.tail.close({ code: "closed", message: "a snapshot replaced the log" });
    old.source.close();
    this.#cache.clear();
    const { index, term } = must(loaded.generation.meta, "a snapshot is a checkpoint");
    const point = { index, term };
    loaded.map.advanceLog(index);
    const log = { base: point, last: point, termRuns: [], hardState: old.tail.hardState };
    this.#parts = this.#build({ ...loaded, log });
    this.#neededFrom = Number.MAX_SAFE_INTEGER;
    this.#uncheckpointedBytes = 0;
    this.#bytesAtBegin = 0;
    this.#movedAtMs = undefined;
    this.#ports.wal.cover(this.group, index);
  }

  #dataBytes(after: number, upTo: number): number {
    let bytes = 0;
    for (let index = after + 1; index <= upTo; index++) {
      bytes += this.#parts.map.locate(index)?.length ?? 0;
    }
    return bytes;
  }

  #noteSpace(failure: StoreFailure): void {
    if (failure.code !== "no-space") return;
    this.#restUntilMs = this.#nowMs + NO_SPACE_REST_MS;
    if (this.#noSpace) return;
    this.#noSpace = true;
    this.#ports.failed(failure);
  }

  /** A failed read is this store's failure, unless a snapshot took the place of what was read. */
  #judge<T>(parts: Parts, result: StoreResult<T>): StoreResult<T> {
    if (result.ok) return result;
    if (parts !== this.#parts) {
      return { ok: false, failure: { code: "closed", message: "a snapshot replaced the state" } };
    }
    this.#noteDamage(result.failure);
    return result;
  }

  /** Damage met while running: the next start must not trust this state. */
  #noteDamage(failure: StoreFailure): void {
    if (failure.code === "damaged" || failure.code === "io") this.#fail(failure);
  }

  #fail(failure: StoreFailure): void {
    if (this.#stopped) return;
    if (failure.code === "no-space") {
      this.#noteSpace(failure);
      return;
    }
    this.stop();
    if (failure.code !== "damaged") {
      this.#ports.failed(failure);
      return;
    }
    markDamaged(this.#ports, () => this.#ports.failed(failure));
  }
}

/**
 * A node's log on a simulated disk beside a model of it: random appends, truncations, snapshots,
 * reclaims and crashes, and after each crash the question whether what was recovered is what the log
 * may say: everything reported durable, nothing that was never asked for, in one order over all groups.
 */
import { crc32 } from "node:zlib";
import {
  assert,
  equalBytes,
  type GroupId,
  groupId,
  incarnation,
  logIndex,
  monotonic,
  must,
  nodeId,
  Prng,
  term,
} from "@kqueuey/base";
import type { Entry, HardState } from "@kqueuey/raft";
import {
  type OpenWalResult,
  openWal,
  type RecoveredGroup,
  type SegmentId,
  type SnapshotMarker,
  type Wal,
  type WalAppend,
  type WalConfig,
} from "@kqueuey/storage";
import { type CrashKind, type DiskFaults, SimulatedDisk } from "../src/disk.ts";
import { World } from "../src/world.ts";

/** What a group's log is, as far as the model knows. */
class ModelGroup {
  hardState: HardState | undefined;
  marker: SnapshotMarker | undefined;
  /** The log begins after it; reclaiming may move it up to what is covered. */
  base = { index: 0, term: 0 };
  entries = new Map<number, Entry>();
  last = { index: 0, term: 0 };

  copy(): ModelGroup {
    const copy = new ModelGroup();
    copy.hardState = this.hardState;
    copy.marker = this.marker;
    copy.base = this.base;
    copy.entries = new Map(this.entries);
    copy.last = this.last;
    return copy;
  }

  truncate(from: number): void {
    for (let index = from; index <= this.last.index; index++) this.entries.delete(index);
    if (from > this.last.index) return;
    const before = this.entries.get(from - 1);
    this.last = { index: from - 1, term: before?.term ?? this.base.term };
  }

  reset(point: { readonly index: number; readonly term: number }): void {
    this.entries.clear();
    this.base = { index: point.index, term: point.term };
    this.last = this.base;
  }
}

/** The smallest things that a crash leaves done or not done. */
type Step =
  | { readonly kind: "preface"; readonly group: GroupId; readonly request: WalAppend }
  | { readonly kind: "entry"; readonly group: GroupId; readonly entry: Entry };

/** Options of one run. */
export interface WalRunOptions {
  readonly seed: number;
  readonly actions: number;
  readonly faults?: Partial<DiskFaults>;
  readonly config?: Partial<WalConfig>;
  readonly crashKinds?: readonly CrashKind[];
}

const GROUPS = [groupId(0), groupId(1), groupId(7)];
const SEGMENT_BYTES = 64 * 1024;

export class WalHarness {
  readonly world: World = new World();
  readonly random: Prng;
  readonly medium: SimulatedDisk;
  readonly config: Partial<WalConfig>;
  /** State after every step up to what was recovered last. */
  #groups = new Map<GroupId, ModelGroup>();
  #steps: Step[] = [];
  /** Steps of completed appends. */
  #durable = 0;
  /** Indexes up to which the machine is checkpointed, and committed: never truncated again. */
  readonly #covered = new Map<GroupId, number>();
  #wal: Wal | undefined;
  #nextByte = 0;
  /** After errors of the disk. */
  restarts = 0;
  #pinned: SegmentId | undefined;

  constructor(options: WalRunOptions) {
    this.random = new Prng(options.seed);
    const schedule = this.world.schedule.bind(this.world);
    this.medium = new SimulatedDisk({ schedule, random: this.random.fork() }, options.faults);
    this.config = {
      segmentBytes: SEGMENT_BYTES,
      groupBytesMax: 16 * 1024,
      aheadSegments: 2,
      spareSegments: 1,
      openFilesMax: 2,
      syncMode: this.random.chance(1, 2) ? "dsync" : "fdatasync",
      ...options.config,
    };
  }

  get wal(): Wal {
    return must(this.#wal, "the log is open");
  }

  /** Begins to open the log as a new process does; the answer comes with time. */
  startOpening(): { result: OpenWalResult | undefined } {
    const opening: { result: OpenWalResult | undefined } = { result: undefined };
    const ports = {
      disk: this.medium.start(),
      crc32: (bytes: Uint8Array, seed = 0) => crc32(bytes, seed),
      random: this.random.fork(),
    };
    openWal(ports, this.config, (result) => {
      opening.result = result;
    });
    return opening;
  }

  /** Opens the log and waits for the answer. */
  open(): OpenWalResult {
    const opening = this.startOpening();
    const done = this.world.runUntil(() => opening.result !== undefined, 1_000_000);
    assert(done, "the log was never opened");
    const result = must(opening.result, "an answer");
    this.#wal = result.kind === "open" ? result.wal : undefined;
    return result;
  }

  crash(kind: CrashKind): void {
    this.medium.crash(kind);
    this.#wal = undefined;
    this.#pinned = undefined;
  }

  /** Opens and compares; a text if what was recovered is wrong. */
  reopen(): string | undefined {
    const opened = this.open();
    if (opened.kind !== "open") return `not opened: ${JSON.stringify(opened, textOf)}`;
    return this.check(opened.recovered.groups);
  }

  /** Compares with every state that the log may be in now; a text if it is in none. */
  check(groups: ReadonlyMap<GroupId, RecoveredGroup>): string | undefined {
    const tried: string[] = [];
    for (;;) {
      const wrong = this.#difference(groups);
      if (wrong === undefined) break;
      tried.push(`after step ${this.#replayed}: ${wrong}`);
      const next = this.#steps[this.#replayed];
      if (next === undefined)
        return `no state fits (durable ${this.#durable}):\n${tried.join("\n")}`;
      this.#apply(next);
      this.#replayed += 1;
    }
    this.#steps = [];
    this.#durable = 0;
    this.#replayed = 0;
    return this.#checkData(groups);
  }

  #replayed = 0;

  /** Runs random actions; a text as soon as something is wrong. */
  run(actions: number, crashKinds: readonly CrashKind[]): string | undefined {
    for (let i = 0; i < actions; i++) {
      const wrong = this.act(crashKinds);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  /** A log that the disk's errors ended: the process stops, and the next one finds a disk that works. */
  #restartAfterFailure(): string | undefined {
    this.replayDurable();
    this.crash(this.random.pick(["power", "process"]));
    const { syncError, writeError } = this.medium.faults;
    this.medium.faults.syncError = { of: 0, outOf: 1 };
    this.medium.faults.writeError = { of: 0, outOf: 1 };
    const wrong = this.reopen();
    this.medium.faults.syncError = syncError;
    this.medium.faults.writeError = writeError;
    this.restarts += 1;
    return wrong;
  }

  act(crashKinds: readonly CrashKind[]): string | undefined {
    if (this.wal.stats().state === "failed") return this.#restartAfterFailure();
    const draw = this.random.between(1, 100);
    if (draw <= 50) this.appendSomething();
    else if (draw <= 75) this.world.runFor(this.random.between(0, 20));
    else if (draw <= 80) this.tick();
    else if (draw <= 90) this.reclaimSomething();
    else if (draw <= 93) this.pinSomething();
    else if (draw <= 97 && crashKinds.length > 0) {
      this.replayDurable();
      this.crash(this.random.pick(crashKinds));
      return this.reopen();
    }
    return undefined;
  }

  /** Before a crash: what was reported durable must be there, so the model starts from it. */
  replayDurable(): void {
    for (; this.#replayed < this.#durable; this.#replayed++) {
      this.#apply(must(this.#steps[this.#replayed], "a durable step"));
    }
  }

  tick(): void {
    this.wal.tick(monotonic(this.world.nowMs));
  }

  /** Lets everything that was accepted become durable and confirmed. */
  settle(): void {
    for (let i = 0; i < 20; i++) {
      this.world.runFor(100);
      this.tick();
    }
    this.world.runFor(100);
    assert(this.wal.stats().queuedBytes === 0, "everything was written");
    this.replayDurable();
  }

  appendSomething(): void {
    const group = this.random.pick(GROUPS);
    const request = this.#drawRequest(group);
    const upTo = this.#record(group, request);
    const admission = this.wal.append(group, request, (result) => {
      if (result.ok) this.#durable = Math.max(this.#durable, upTo);
    });
    assert(admission === "accepted", "small appends are accepted");
  }

  reclaimSomething(): void {
    for (const group of GROUPS) {
      const { last, base } = this.#ahead(group);
      if (last.index > base.index && this.random.chance(1, 2)) {
        const covered = this.random.between(base.index, last.index);
        const durable = this.#settledLast(group);
        const index = Math.max(Math.min(covered, durable), this.#covered.get(group) ?? 0);
        this.#covered.set(group, index);
        this.wal.cover(group, logIndex(index));
      }
    }
    for (const segment of this.wal.coveredSegments()) {
      if (this.random.chance(2, 3)) this.wal.reclaim(segment);
    }
  }

  pinSomething(): void {
    if (this.#pinned !== undefined) {
      this.wal.unpin(this.#pinned);
      this.#pinned = undefined;
      return;
    }
    const usable = this.wal.segments().filter((segment) => segment.state !== "reclaiming");
    const segment = usable[0];
    if (segment === undefined) return;
    this.#pinned = segment.id;
    this.wal.pin(segment.id);
  }

  #drawRequest(group: GroupId): WalAppend {
    const state = this.#ahead(group);
    const draw = this.random.between(1, 40);
    const lowest = Math.max(this.#covered.get(group) ?? 0, state.base.index) + 1;
    if (draw === 1) {
      const index = logIndex(state.last.index + this.random.between(0, 30));
      const marker = { index, term: term(state.last.term + 1), directory: `snap/${index}-${draw}` };
      return { hardState: this.#drawHardState(state), snapshotMarker: marker };
    }
    if (draw === 2) {
      const index = logIndex(this.random.between(lowest - 1, state.last.index + 5));
      return { resetTo: { index, term: term(state.last.term) } };
    }
    if (draw === 3 && lowest <= state.last.index) {
      const from = logIndex(this.random.between(lowest, state.last.index));
      return { truncateFrom: from };
    }
    const hardState = draw <= 8 ? this.#drawHardState(state) : undefined;
    if (draw === 4) return { hardState };
    return { hardState, entries: this.#drawEntries(state, lowest) };
  }

  #drawHardState(state: ModelGroup): HardState {
    return {
      term: term(state.last.term + this.random.between(0, 3)),
      vote: this.random.chance(1, 2) ? 0 : nodeId(this.random.between(1, 5)),
      incarnation: incarnation(this.random.between(0, 4)),
      commit: logIndex(state.last.index),
    };
  }

  #drawEntries(state: ModelGroup, lowest: number): readonly Entry[] {
    let first = state.last.index + 1;
    let at: number = state.last.term;
    if (this.random.chance(1, 6) && lowest <= state.last.index) {
      first = this.random.between(lowest, state.last.index);
      at += 1;
    }
    if (at === 0 || this.random.chance(1, 10)) at += 1;
    const count = this.random.chance(1, 20) ? 40 : this.random.between(1, 4);
    const entries: Entry[] = [];
    for (let i = 0; i < count; i++) {
      const length = this.random.pick([0, 1, 100, 1_000, this.random.between(0, 9_000)]);
      this.#nextByte = (this.#nextByte + 1) % 256;
      const data = new Uint8Array(length).fill(this.#nextByte);
      const kind = this.random.pick(["noop", "commands", "membership"] as const);
      entries.push({ index: logIndex(first + i), term: term(at), kind, data });
    }
    return entries;
  }

  /** Remembers an append's steps; how many there are then. */
  #record(group: GroupId, request: WalAppend): number {
    const preface: Step = { kind: "preface", group, request };
    this.#steps.push(preface);
    this.#applyAhead(preface);
    for (const entry of request.entries ?? []) {
      const step: Step = { kind: "entry", group, entry };
      this.#steps.push(step);
      this.#applyAhead(step);
    }
    return this.#steps.length;
  }

  /** The group once everything accepted is done. */
  #ahead(group: GroupId): ModelGroup {
    return this.#aheadGroups.get(group) ?? new ModelGroup();
  }

  #aheadGroups = new Map<GroupId, ModelGroup>();

  #applyAhead(step: Step): void {
    applyStep(this.#aheadGroups, step);
  }

  #apply(step: Step): void {
    applyStep(this.#groups, step);
  }

  /** Up to here the group is durable and nothing that waits changes it: what a checkpoint may cover. */
  #settledLast(group: GroupId): number {
    this.replayDurable();
    const ahead = this.#ahead(group);
    const durable = this.#groups.get(group) ?? new ModelGroup();
    if (ahead.base.index !== durable.base.index) return durable.base.index;
    let last = durable.last.index;
    while (last > ahead.base.index && ahead.entries.get(last) !== durable.entries.get(last))
      last -= 1;
    return last;
  }

  #difference(recovered: ReadonlyMap<GroupId, RecoveredGroup>): string | undefined {
    for (const group of GROUPS) {
      const model = this.#groups.get(group);
      const found = recovered.get(group);
      if (model === undefined && found === undefined) continue;
      const wrong = compareGroup(model ?? new ModelGroup(), found, this.#covered.get(group) ?? 0);
      if (wrong !== undefined) return `group ${group}: ${wrong}`;
    }
    // The model goes on from here; what it expected beyond was lost with the crash.
    this.#aheadGroups = new Map();
    for (const [group, model] of this.#groups) this.#aheadGroups.set(group, model.copy());
    return undefined;
  }

  /** The data of every entry in every group's log, read back. */
  #checkData(recovered: ReadonlyMap<GroupId, RecoveredGroup>): string | undefined {
    for (const [group, found] of recovered) {
      const model = this.#groups.get(group);
      for (const { from, placements } of found.placements) {
        for (let i = 0; i < placements.count; i++) {
          const index = from + i;
          const entry = model?.entries.get(index);
          if (entry === undefined || index <= found.compacted.index) continue;
          if (placements.kind(i) !== entry.kind) return `kind of ${index}`;
          const bytes = this.#read(
            placements.segment(i),
            placements.position(i),
            placements.length(i),
          );
          if (crc32(bytes) !== placements.crc(i)) return `checksum of ${index}`;
          if (!equalBytes(bytes, entry.data)) return `data of entry ${index} of group ${group}`;
        }
      }
    }
    return undefined;
  }

  #read(segment: SegmentId, position: number, length: number): Uint8Array {
    let bytes: Uint8Array | undefined;
    this.wal.read({ segment, position, length }, (result) => {
      assert(result.ok, "a read failed");
      bytes = result.value;
    });
    this.world.runUntil(() => bytes !== undefined, 10_000);
    return must(bytes, "bytes");
  }
}

function applyStep(groups: Map<GroupId, ModelGroup>, step: Step): void {
  let state = groups.get(step.group);
  if (state === undefined) {
    state = new ModelGroup();
    groups.set(step.group, state);
  }
  if (step.kind === "entry") {
    state.entries.set(step.entry.index, step.entry);
    state.last = { index: step.entry.index, term: step.entry.term };
    return;
  }
  const { hardState, snapshotMarker, resetTo, truncateFrom, entries } = step.request;
  if (hardState !== undefined) state.hardState = hardState;
  if (snapshotMarker !== undefined) {
    state.marker = snapshotMarker;
    state.reset(snapshotMarker);
  }
  if (resetTo !== undefined) state.reset(resetTo);
  if (truncateFrom !== undefined) state.truncate(truncateFrom);
  const first = entries?.[0]?.index;
  if (first !== undefined) state.truncate(first);
}

function compareGroup(
  model: ModelGroup,
  found: RecoveredGroup | undefined,
  covered: number,
): string | undefined {
  if (found === undefined) {
    const known = model.hardState !== undefined || model.last.index > 0;
    return known ? "nothing was recovered" : undefined;
  }
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  if (!same(found.hardState, model.hardState)) {
    return `hard state ${JSON.stringify(found.hardState)}, expected ${JSON.stringify(model.hardState)}`;
  }
  if (found.snapshotMarker?.directory !== model.marker?.directory) return "snapshot marker";
  if (!same(found.last, model.last)) {
    return `last ${JSON.stringify(found.last)}, expected ${JSON.stringify(model.last)}`;
  }
  const { index, term: compactedTerm } = found.compacted;
  if (index < model.base.index || index > Math.max(model.base.index, covered)) {
    return `compacted ${index}, base ${model.base.index}, covered ${covered}`;
  }
  const expected = model.entries.get(index)?.term ?? model.base.term;
  if (compactedTerm !== expected) return `compacted term ${compactedTerm}, expected ${expected}`;
  return compareEntries(model, found);
}

function compareEntries(model: ModelGroup, found: RecoveredGroup): string | undefined {
  const placed = new Set<number>();
  for (const { from, placements } of found.placements) {
    for (let i = 0; i < placements.count; i++) placed.add(from + i);
  }
  for (let index = found.compacted.index + 1; index <= found.last.index; index++) {
    const entry = model.entries.get(index);
    if (entry === undefined) return `entry ${index} was invented`;
    const run = found.termRuns.findLast(({ from }) => from <= index);
    if (run?.term !== entry.term) return `term of entry ${index}`;
    if (!placed.has(index)) return `place of entry ${index}`;
  }
  return undefined;
}

function textOf(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value.keys()] : value;
}

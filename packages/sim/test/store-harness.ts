/**
 * One node's store under virtual time with a toy state machine on it, and the model that says what must be
 * true after every restart: everything that was reported durable is there, the state is the log's, every
 * living body can be read and is the one that was sent.
 */
import { crc32 } from "node:zlib";
import {
  assert,
  ByteReader,
  equalBytes,
  type GroupId,
  groupId,
  incarnation,
  type LogIndex,
  logIndex,
  type MonotonicMs,
  monotonic,
  must,
  nodeId,
  type Prng,
  term,
} from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import {
  type BodyRef,
  type CheckpointMeta,
  type Disk,
  type GroupStore,
  type NodeStorage,
  type OpenNodeResult,
  openNodeStorage,
  type StoreFailure,
  type StoreResult,
} from "@kqueuey/storage";
import { encodeToyEntry, TOY_FRAMING, ToyMachine, toyBody } from "@kqueuey/storage/testing";
import { digest16 } from "../src/digests.ts";
import { type CrashKind, SimulatedDisk } from "../src/disk.ts";
import { World } from "../src/world.ts";

export const GROUP: GroupId = groupId(0);
const CLUSTER = new Uint8Array(16).fill(7);
/** Virtual ms after which something that should have happened did not. */
const PATIENCE_MS = 60_000;

export interface HarnessOptions {
  readonly segmentBytes?: number;
  readonly bodySegmentBytes?: number;
  readonly cacheBytesMax?: number;
  /** Puts something between the store and its disk: a planted fault. */
  readonly between?: (disk: Disk) => Disk;
}

/** Random work and crashes, then a check of everything. What the store promises is asserted all along. */
export function live(harness: StoreHarness, steps: number): void {
  const { random } = harness;
  harness.start();
  const bodyBytesMax = random.pick([60, 800, 6000]);
  const kills = random.pick([1, 3, 6]);
  for (let step = 0; step < steps; step++) {
    const draw = random.between(1, 100);
    if (draw <= 45) harness.append(random.between(1, 5), { bodyBytesMax, kills });
    else if (draw <= 65) harness.apply(random.between(1, 20));
    else if (draw <= 75) harness.run(random.between(10, 300));
    else if (draw <= 82) harness.checkpoint();
    else if (draw <= 90) harness.checkBodies(20);
    else if (draw <= 94) harness.checkEntries(random.between(1, harness.last + 1));
    else if (draw <= 96) harness.overwrite();
    else if (draw <= 98) harness.store.pump(1024);
    else {
      harness.crash(random.pick(["power", "process"]));
      harness.start();
    }
    assert(harness.failure === undefined, text(harness.failure));
  }
  harness.settle();
  harness.checkBodies();
  harness.crash("power");
  harness.start();
  harness.checkBodies();
}

export class StoreHarness {
  readonly world = new World();
  readonly disk: SimulatedDisk;
  readonly random: Prng;
  readonly #options: HarnessOptions;
  /** Every entry ever appended and not voided, by index; the model's log. */
  readonly entries = new Map<number, Entry>();
  /** Every entry ever appended, by `index:term`: one that was voided may be back after a crash. */
  readonly everAppended = new Map<string, Entry>();
  last = 0;
  /** Everything up to here was reported durable. */
  durable = 0;
  lastTerm = 1;
  machine = new ToyMachine();
  storage: NodeStorage | undefined;
  failure: StoreFailure | undefined;
  checkpoints = 0;
  restarts = 0;
  /** Most body segments seen at a time: whether anything was moved at all. */
  bodySegmentsMost = 0;

  constructor(random: Prng, options: HarnessOptions = {}) {
    this.random = random;
    this.#options = options;
    this.disk = new SimulatedDisk({
      schedule: (delayMs, task) => this.world.schedule(delayMs, task),
      random: random.fork(),
    });
  }

  get store(): GroupStore {
    return must(this.storage, "the node runs").group(GROUP);
  }

  get now(): MonotonicMs {
    return monotonic(this.world.nowMs);
  }

  /** Opens the node; the state is not restored yet. */
  open(): OpenNodeResult {
    const started = this.disk.start();
    const disk = this.#options.between?.(started) ?? started;
    const random = this.random.fork();
    let result: OpenNodeResult | undefined;
    this.failure = undefined;
    openNodeStorage(
      {
        clusterId: CLUSTER,
        nodeId: nodeId(1),
        groups: [GROUP],
        framing: TOY_FRAMING,
        limits: {
          cacheBytesMax: this.#options.cacheBytesMax ?? 16 * 1024,
          bodySegmentBytes: this.#options.bodySegmentBytes ?? 64 * 1024,
          reserveBytes: 64 * 1024,
          retainedBytesMax: 128 * 1024,
          sparseLastsMs: 0,
        },
        wal: {
          segmentBytes: this.#options.segmentBytes ?? 64 * 1024,
          groupBytesMax: 16 * 1024,
        },
        onFailure: (failure) => {
          if (failure.code !== "no-space") this.failure ??= failure;
        },
      },
      { disk, crc32, digest: digest16, random },
      (opened) => {
        result = opened;
      },
    );
    this.#wait(() => result !== undefined, "the store opens");
    const opened = must(result, "the store opened");
    if (opened.ok) this.storage = opened.storage;
    return opened;
  }

  /** Opens the node and brings the machine to where it was. */
  start(): void {
    const opened = this.open();
    assert(opened.ok, `the store opens: ${JSON.stringify(opened)}`);
    assert(this.store.recovered.damage === undefined, text(this.store.recovered.damage));
    this.#checkRecovered();
    this.restore();
  }

  /** Loads the checkpoint, checks it against the model, replays the log. */
  restore(): void {
    const { store } = this;
    this.machine = new ToyMachine();
    const meta = store.latestCheckpoint();
    if (meta !== undefined) {
      const machine = this.machine;
      const loaded = this.call<CheckpointMeta>((done) =>
        store.loadCheckpoint((unit) => machine.loadUnit(unit), done),
      );
      assert(loaded.ok, `the checkpoint loads: ${text(loaded)}`);
      assert(machine.appliedIndex === meta.index, "a checkpoint holds the index that it states");
    }
    this.#checkState(this.machine);
    for (const [entry, offsets] of this.machine.live) store.setLive(logIndex(entry), offsets.size);
    store.finishRestore(this.machine);
    while (this.machine.appliedIndex < store.stats().lastIndex) this.#applyFromStore();
    this.#checkState(this.machine);
  }

  /** The model begins anew, as a node does whose state was damaged. */
  forget(): void {
    this.entries.clear();
    this.everAppended.clear();
    this.last = 0;
    this.durable = 0;
  }

  /** The model is another node's up to `index`: after its snapshot was installed. */
  adoptModel(other: StoreHarness, index: number): void {
    this.forget();
    for (let at = 1; at <= index; at++) {
      const entry = must(other.entries.get(at), "an entry of the other's model");
      this.entries.set(at, entry);
      this.everAppended.set(`${at}:${entry.term}`, entry);
    }
    this.last = index;
    this.durable = index;
    this.lastTerm = Math.max(this.lastTerm, other.lastTerm) + 1;
  }

  crash(kind: CrashKind): void {
    this.disk.crash(kind);
    this.storage = undefined;
    this.restarts += 1;
  }

  /** Appends entries; does not wait. */
  append(count: number, options: { readonly bodyBytesMax: number; readonly kills: number }): void {
    const entries: Entry[] = [];
    for (let at = 0; at < count; at++) entries.push(this.#makeEntry(options));
    const hardState = {
      term: term(this.lastTerm),
      vote: nodeId(1),
      incarnation: incarnation(1),
      commit: logIndex(0),
    };
    const storage = this.storage;
    this.store.append({ hardState, entries }, (result) => {
      if (storage !== this.storage || !result.ok) return;
      const { index, term: ofTerm } = result.value;
      // An entry of the same term is the same entry; of another, it was voided meanwhile.
      if (this.entries.get(index)?.term === ofTerm) this.durable = Math.max(this.durable, index);
    });
  }

  /** Applies what is durable and not applied yet, up to `limit` entries. */
  apply(limit: number, committed: number = this.durable): void {
    const upTo = Math.min(committed, this.machine.appliedIndex + limit);
    while (this.machine.appliedIndex < upTo) {
      const index = logIndex(this.machine.appliedIndex + 1);
      const entry = must(this.entries.get(index), "a durable entry");
      this.machine.apply(index, entry.data, this.store);
    }
  }

  /** Replaces what is not durable by entries of a new term. */
  overwrite(): void {
    const from = Math.max(this.durable, this.machine.appliedIndex) + 1;
    if (from > this.last) return;
    for (let index = from; index <= this.last; index++) this.entries.delete(index);
    this.last = from - 1;
    this.lastTerm += 1;
    this.append(this.random.between(1, 3), { bodyBytesMax: 200, kills: 1 });
  }

  /** Begins a checkpoint if none is running. */
  checkpoint(): boolean {
    const index = logIndex(this.machine.appliedIndex);
    if (index === 0) return false;
    const entry = must(this.entries.get(index), "an applied entry");
    const membership = Uint8Array.of(1, 2, 3);
    return this.store.checkpoint(this.machine, { index, term: entry.term, membership }, (r) => {
      if (r.ok) this.checkpoints += 1;
    });
  }

  /** Time passes; the store is ticked and pumped as its replica would. */
  run(durationMs: number): void {
    const end = this.world.nowMs + durationMs;
    while (this.world.nowMs < end) {
      this.world.runFor(10);
      this.storage?.tick(this.now);
      while (this.storage !== undefined && this.store.pump(16 * 1024));
      const { bodySegments } = this.store.stats();
      this.bodySegmentsMost = Math.max(this.bodySegmentsMost, bodySegments);
    }
  }

  /** Runs until everything appended is durable and applied. */
  settle(): void {
    this.#wait(() => this.durable === this.last, "appends become durable");
    this.apply(Number.MAX_SAFE_INTEGER);
  }

  /** Takes a checkpoint to its end. */
  finishCheckpoint(): void {
    this.#wait(() => !this.store.stats().checkpointRunning, "the checkpoint before ends");
    const before = this.checkpoints;
    this.#wait(() => this.checkpoint(), "a checkpoint may begin");
    this.#wait(() => this.checkpoints > before, "the checkpoint ends");
    this.#wait(() => !this.store.stats().checkpointRunning, "the checkpoint settles");
  }

  /** Reads living bodies, a few at random or all, and compares. */
  checkBodies(limit?: number): void {
    let refs: readonly BodyRef[] = this.machine.refs();
    if (limit !== undefined) refs = this.random.shuffle(refs).slice(0, limit);
    for (let at = 0; at < refs.length; at += 100) {
      const some = refs.slice(at, at + 100);
      const read = this.call<readonly Uint8Array[]>((done) => this.store.readBodies(some, done));
      assert(read.ok, `bodies are read: ${text(read)}`);
      some.forEach((ref, place) => {
        const body = toyBody(must(read.value[place], "a record for each ref"));
        assert(equalBytes(body, this.#bodyOf(ref)), `body ${ref.entry}:${ref.offset} is as sent`);
      });
    }
  }

  /** Reads entries as a follower's catch-up would, and compares. */
  checkEntries(from: number): void {
    const first = Math.max(from, this.store.firstIndex());
    if (first > this.last) return;
    const range = { from: logIndex(first), upTo: logIndex(this.last), bytesMax: 8 * 1024 };
    const read = this.call<readonly Entry[] | "compacted">((done) =>
      this.store.readEntries(range, done),
    );
    assert(read.ok && read.value !== "compacted", `entries are read: ${text(read)}`);
    assert(read.value.length > 0, "at least one entry is read");
    for (const entry of read.value) this.#compare(entry);
  }

  /** Runs a request to its completion. */
  call<T>(request: (done: (result: StoreResult<T>) => void) => void): StoreResult<T> {
    let result: StoreResult<T> | undefined;
    request((answer) => {
      result = answer;
    });
    this.#wait(() => result !== undefined, "a request completes");
    return must(result, "a result");
  }

  #wait(condition: () => boolean, what: string): void {
    const end = this.world.nowMs + PATIENCE_MS;
    while (!condition()) {
      assert(this.world.nowMs < end, `never: ${what}; ${text(this.failure)}`);
      this.world.runFor(1);
      this.storage?.tick(this.now);
      if (this.storage !== undefined) this.store.pump(64 * 1024);
    }
  }

  #applyFromStore(): void {
    const from = logIndex(this.machine.appliedIndex + 1);
    const range = { from, upTo: this.store.stats().lastIndex, bytesMax: 32 * 1024 };
    const read = this.call<readonly Entry[] | "compacted">((done) =>
      this.store.readEntries(range, done),
    );
    assert(read.ok, `the log is read: ${text(read)}`);
    assert(read.value !== "compacted", "the log goes on after the checkpoint");
    for (const entry of read.value) {
      this.#compare(entry);
      this.machine.apply(entry.index, entry.data, this.store);
    }
  }

  #compare(entry: Entry): void {
    const expected = must(this.entries.get(entry.index), `entry ${entry.index} of the model`);
    assert(entry.term === expected.term, `entry ${entry.index} has its term`);
    assert(entry.kind === expected.kind, `entry ${entry.index} has its kind`);
    assert(equalBytes(entry.data, expected.data), `entry ${entry.index} has its data`);
  }

  /** What was reported durable is there; of what was not, anything that was once handed over may be. */
  #checkRecovered(): void {
    const { recovered } = this.store;
    assert(recovered.last.index >= this.durable, "nothing durable is lost");
    for (let index = this.durable + 1; index <= this.last; index++) this.entries.delete(index);
    for (const [at, run] of recovered.termRuns.entries()) {
      const next = recovered.termRuns[at + 1]?.from ?? recovered.last.index + 1;
      for (let index = run.from; index < next; index++) this.#adopt(index, run.term);
    }
    this.last = recovered.last.index;
    this.durable = this.last;
    const meta = recovered.checkpoint;
    assert(meta === undefined || meta.index <= this.last, "no checkpoint is ahead of the log");
    if (this.last > 0) {
      assert(recovered.hardState !== undefined, "the hard state is there");
    }
  }

  #adopt(index: LogIndex, ofTerm: number): void {
    const entry = this.everAppended.get(`${index}:${ofTerm}`);
    assert(entry !== undefined, "a recovered entry was appended once");
    const known = this.entries.get(index);
    assert(known === undefined || known.term === ofTerm, "a durable entry keeps its term");
    this.entries.set(index, entry);
  }

  #bodyOf(ref: BodyRef): Uint8Array {
    const { data } = must(this.entries.get(ref.entry), "an entry of the model");
    const length = new ByteReader(data, ref.offset).u32();
    return toyBody(data.subarray(ref.offset, ref.offset + length));
  }

  /** The machine's state is what the model's log says at its index. */
  #checkState(machine: ToyMachine): void {
    const model = new ToyMachine();
    const nobody = { bodiesBorn: () => undefined, bodiesDied: () => undefined };
    for (let index = 1; index <= machine.appliedIndex; index++) {
      const entry = must(this.entries.get(index), "an entry of the model");
      model.apply(logIndex(index), entry.data, nobody);
    }
    assert(
      JSON.stringify(machine.refs()) === JSON.stringify(model.refs()),
      "the state is the log's",
    );
  }

  #makeEntry(options: { readonly bodyBytesMax: number; readonly kills: number }): Entry {
    const index: LogIndex = logIndex(this.last + 1);
    const kills: BodyRef[] = [];
    const alive = this.machine.refs();
    for (let at = 0; at < options.kills && alive.length > 0; at++)
      kills.push(this.random.pick(alive));
    const bodies: Uint8Array[] = [];
    const count = this.random.between(0, 4);
    for (let at = 0; at < count; at++) bodies.push(this.#makeBody(options.bodyBytesMax));
    const noop = this.random.chance(1, 10);
    const data = noop ? new Uint8Array(0) : encodeToyEntry({ kills, bodies }, crc32);
    this.last = index;
    const entry: Entry = {
      term: term(this.lastTerm),
      index,
      kind: noop ? "noop" : "commands",
      data,
    };
    this.entries.set(index, entry);
    this.everAppended.set(`${index}:${entry.term}`, entry);
    return entry;
  }

  #makeBody(bytesMax: number): Uint8Array {
    const body = new Uint8Array(this.random.between(1, bytesMax));
    for (let at = 0; at < body.length; at += 7) body[at] = this.random.between(0, 255);
    return body;
  }
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

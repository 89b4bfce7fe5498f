/**
 * One node of a simulated group: a `Raft`, a disk that keeps what it was told and loses what it was not
 * told in time, and the driver between them. It does its duties as the package comment lists them.
 */
import {
  assert,
  decodeUtf8,
  encodeUtf8,
  incarnation,
  type LogIndex,
  logIndex,
  monotonic,
  must,
  type NodeId,
  type Prng,
  term,
} from "@kqueuey/base";
import {
  type EntriesRequest,
  type Entry,
  type HardState,
  type LogPosition,
  type Membership,
  Raft,
  type RaftConfig,
  type RaftMessage,
  type ReadState,
  type Ready,
  type RecordedMatch,
  type SnapshotMeta,
  type SnapshotRequest,
  type TermRun,
} from "../src/index.ts";

/** A durable checkpoint; the state machine itself is the list of applied entries, which the checker has. */
export type Checkpoint = SnapshotMeta;

/** What survives a crash. */
export interface Disk {
  hardState: HardState;
  base: LogPosition;
  /** Entries after `base`. */
  entries: Entry[];
  checkpoint: Checkpoint;
  boot: number;
  /** The directory is empty, or was found damaged. */
  probation: boolean;
}

/** A write that the disk has accepted and not finished. */
export interface PendingWrite {
  readonly writeId: number;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
}

/** Whoever watches the node: the network and the checker. */
export interface Watcher {
  onReady(node: SimNode, ready: Ready): void;
  onSend(node: SimNode, message: RaftMessage): void;
  onApply(node: SimNode, entry: Entry): void;
  onRead(node: SimNode, read: ReadState): void;
}

const NOWHERE: LogPosition = { index: logIndex(0), term: term(0) };
const NOBODY: Membership = { members: [], outgoing: [], lastIncarnation: incarnation(0) };

/** A disk as a new cluster formats it, or an empty one that waits to be admitted. */
export function createDisk(membership: Membership | undefined, boot: number): Disk {
  const first = { index: logIndex(0), membership: membership ?? NOBODY };
  return {
    hardState: {
      term: term(0),
      vote: 0,
      incarnation: incarnation(membership === undefined ? 0 : 1),
      commit: logIndex(0),
    },
    base: NOWHERE,
    entries: [],
    checkpoint: { ...NOWHERE, membership: first, recorded: [] },
    boot,
    probation: membership === undefined,
  };
}

export function copyDisk(disk: Disk): Disk {
  return { ...disk, entries: [...disk.entries] };
}

/** An entry whose data carries a match vector, as the replica's time entries do. */
export function vectorData(vector: readonly RecordedMatch[]): Uint8Array {
  return encodeUtf8(`V${JSON.stringify(vector)}`);
}

export class SimNode {
  readonly id: NodeId;
  readonly #config: RaftConfig;
  readonly #random: Prng;
  readonly #watcher: Watcher;
  disk: Disk;
  /** Undefined while crashed. */
  raft: Raft | undefined;
  pending: PendingWrite[] = [];
  reads: EntriesRequest[] = [];
  snapshotRequests: SnapshotRequest[] = [];
  installing: Checkpoint | undefined;
  /** The log with what is still being written: what storage would read. */
  #log: { base: LogPosition; entries: Entry[] };

  constructor(options: { config: RaftConfig; disk: Disk; random: Prng }, watcher: Watcher) {
    this.#config = options.config;
    this.id = options.config.id;
    this.#random = options.random;
    this.disk = options.disk;
    this.#watcher = watcher;
    this.#log = { base: this.disk.base, entries: [...this.disk.entries] };
  }

  get alive(): boolean {
    return this.raft !== undefined;
  }

  get lastIndex(): number {
    return this.#log.base.index + this.#log.entries.length;
  }

  /** The entry at `index` in the log as written or being written. */
  entryAt(index: number): Entry | undefined {
    return this.#log.entries[index - this.#log.base.index - 1];
  }

  get baseIndex(): number {
    return this.#log.base.index;
  }

  /** Starts from what the disk holds; `tail`: how many of the newest entries recovery has in memory. */
  start(nowMs: number, tail = this.#random.between(0, 5)): void {
    assert(this.raft === undefined, "started twice");
    const { disk } = this;
    disk.boot += this.#random.between(1, 1_000);
    this.#log = { base: disk.base, entries: [...disk.entries] };
    const { checkpoint } = disk;
    this.raft = new Raft(
      this.#config,
      {
        hardState: disk.hardState,
        base: disk.base,
        termRuns: termRuns(disk.entries),
        lastIndex: logIndex(this.lastIndex),
        tail: tail === 0 ? [] : disk.entries.slice(-tail),
        applied: checkpoint.index,
        membership: checkpoint.membership,
        membershipEntries: disk.entries.filter((entry) => entry.kind === "membership"),
        boot: disk.boot,
        probation: disk.probation,
        recorded: checkpoint.recorded,
        nowMs: monotonic(nowMs),
      },
      this.#random,
    );
    this.process();
  }

  /** Stops at once; of the writes under way the first `survive` made it to the disk. */
  crash(survive: number): void {
    for (const write of this.pending.slice(0, survive)) this.#store(write);
    this.raft = undefined;
    this.pending = [];
    this.reads = [];
    this.snapshotRequests = [];
    this.installing = undefined;
  }

  /** Finishes the oldest write. */
  finishWrite(): void {
    const write = must(this.pending.shift(), "no write is pending");
    this.#store(write);
    this.raft?.persisted(write.writeId);
    this.process();
  }

  /** Answers the oldest read for a follower; `bytesMax` is taken as a number of entries here. */
  finishRead(entriesMax: number): void {
    const request = must(this.reads.shift(), "no read is pending");
    if (request.from <= this.#log.base.index) this.raft?.entriesRead(request, "compacted");
    else {
      const upTo = Math.min(request.upTo, request.from + entriesMax - 1, this.lastIndex);
      const entries: Entry[] = [];
      for (let at: number = request.from; at <= upTo; at++) {
        entries.push(must(this.entryAt(at), "entry"));
      }
      if (entries.length > 0) this.raft?.entriesRead(request, entries);
      else this.raft?.entriesRead(request, "compacted");
    }
    this.process();
  }

  /** Makes a durable checkpoint at the applied index, if the log is durable that far. */
  checkpoint(): boolean {
    const { raft, disk } = this;
    if (raft === undefined || this.installing !== undefined) return false;
    const { applied, durable } = raft.status();
    if (applied > durable || applied <= disk.checkpoint.index) return false;
    disk.checkpoint = {
      index: applied,
      term: term(must(this.entryAt(applied), "applied entry").term),
      membership: raft.membershipAt(applied),
      recorded: raft.recordedMatches(),
    };
    return true;
  }

  /** Drops the log up to `upTo`, which a checkpoint covers. */
  compact(upTo: LogIndex): void {
    const { raft, disk } = this;
    assert(upTo <= disk.checkpoint.index, "only what a checkpoint covers is dropped");
    if (raft === undefined || upTo <= this.#log.base.index) return;
    const base = { index: upTo, term: term(must(this.entryAt(upTo), "entry").term) };
    this.#log = { base, entries: this.#log.entries.slice(upTo - this.#log.base.index) };
    disk.entries = disk.entries.slice(upTo - disk.base.index);
    disk.base = base;
    raft.compact(upTo);
  }

  /** A whole snapshot has arrived. True when it is being installed. */
  beginInstall(checkpoint: Checkpoint): boolean {
    const { raft } = this;
    if (raft === undefined || this.installing !== undefined) return false;
    const begun = raft.beginSnapshotInstall(checkpoint);
    if (begun) this.installing = checkpoint;
    this.process();
    return begun;
  }

  finishInstall(ok: boolean): void {
    const checkpoint = must(this.installing, "no installation");
    this.installing = undefined;
    if (ok) {
      // The marker follows all earlier writes in the log, so they are durable first.
      const base = { index: checkpoint.index, term: checkpoint.term };
      for (const write of this.pending) this.#store({ ...write, entries: [] });
      const ids = this.pending.map((write) => write.writeId);
      this.pending = [];
      this.#log = { base, entries: [] };
      this.disk.base = base;
      this.disk.entries = [];
      this.disk.checkpoint = checkpoint;
      this.raft?.snapshotInstalled();
      for (const id of ids) this.raft?.persisted(id);
    } else this.raft?.snapshotAborted();
    this.process();
  }

  /** Does everything that the core wants done, until it wants nothing more. */
  process(): void {
    const { raft } = this;
    while (raft !== undefined && this.raft === raft && raft.hasReady()) {
      this.#perform(raft, raft.ready());
    }
  }

  #perform(raft: Raft, ready: Ready): void {
    if (ready.writeId !== undefined) {
      const { writeId, hardState, entries } = ready;
      this.#watcher.onReady(this, ready);
      this.pending.push({ writeId, hardState, entries });
      appendTo(this.#log, entries);
    } else this.#watcher.onReady(this, ready);
    for (const message of ready.messages) this.#watcher.onSend(this, message);
    if (ready.committed !== undefined) {
      const { from, upTo, entries } = ready.committed;
      for (let at: number = from; at <= upTo; at++) {
        const entry = entries[at - from] ?? must(this.entryAt(at), "committed entry in storage");
        this.#apply(raft, entry);
      }
      raft.applied(upTo);
    }
    for (const read of ready.readStates) this.#watcher.onRead(this, read);
    this.reads.push(...ready.readEntries);
    this.snapshotRequests.push(...ready.sendSnapshots);
  }

  #apply(raft: Raft, entry: Entry): void {
    this.#watcher.onApply(this, entry);
    if (entry.kind !== "commands" || entry.data[0] !== 0x56) return;
    const vector: unknown = JSON.parse(must(decodeUtf8(entry.data), "text").slice(1));
    raft.recordMatch(vector as readonly RecordedMatch[]);
  }

  #store(write: PendingWrite): void {
    if (write.hardState !== undefined) {
      this.disk.hardState = write.hardState;
      this.disk.probation = write.hardState.incarnation === 0;
    }
    appendTo(this.disk, write.entries);
  }
}

function appendTo(log: { base: LogPosition; entries: Entry[] }, entries: readonly Entry[]): void {
  const first = entries[0];
  if (first === undefined) return;
  const keep = first.index - log.base.index - 1;
  assert(keep >= 0 && keep <= log.entries.length, "a write leaves a gap in the log");
  log.entries.length = keep;
  log.entries.push(...entries);
}

function termRuns(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = [];
  for (const entry of entries) {
    if (runs.at(-1)?.term !== entry.term) runs.push({ from: entry.index, term: entry.term });
  }
  return runs;
}

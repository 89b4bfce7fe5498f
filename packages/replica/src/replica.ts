/**
 * One Raft group's engine on one node: raft decides, the queue machine knows, the store keeps. All of
 * it synchronous: events come in by method calls, `run` works them off, effects go out through
 * `ReplicaOutside` and the store, and completions come back as events (`later`).
 *
 * Life of a command on the leader: `submit` copies it into the open entry; `run` closes the entry and
 * proposes it; raft's Ready has it written here and sent there in parallel; a majority has it on disk,
 * so it is committed; it is applied, and its outcome answers the one who asked. A receive takes the same
 * way once messages are there for it, and its answer waits for the bodies to be read.
 */
import type {
  ClusterTimeMs,
  GroupId,
  LogIndex,
  MonotonicMs,
  NodeId,
  Term,
  WallTimeMs,
} from "@kqueuey/base";
import { assert } from "@kqueuey/base";
import type { GrantedOutcome, Outcome, QueueMachine } from "@kqueuey/queue";
import { readEntryHeader, readMatchVector, SENDS, validateCommand } from "@kqueuey/queue";
import type { Entry, Raft, RaftMessage, Ready, SoftState } from "@kqueuey/raft";
import type { CheckpointMeta, GroupStore, StoreFailure } from "@kqueuey/storage";
import { ClusterClock } from "./cluster-clock.ts";
import { Committed } from "./committed.ts";
import type { EngineReply, EngineRequest } from "./engine-request.ts";
import { failure } from "./engine-request.ts";
import { LeaderDuties } from "./leader-duties.ts";
import type { Pending } from "./proposals.ts";
import { Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";
import { Receives } from "./receives.ts";
import { SnapshotReceiving } from "./snapshot-receiving.ts";
import { SnapshotSending } from "./snapshot-sending.ts";
import { StateWatch, WATCH_EVERY_ENTRIES } from "./state-watch.ts";
import { Upkeep } from "./upkeep.ts";
import { decodeGroupMeta } from "./wire/group-meta.ts";
import type { SnapshotMessage } from "./wire/snapshot-message.ts";

/** Bounds of one replica. */
export interface ReplicaLimits {
  /** Receives that wait on this leader at once. */
  readonly waitingPollsMax: number;
  /** Bytes of commands taken and not yet applied; past it callers are throttled. */
  readonly proposedBytesMax: number;
  /** Data of entries above the last checkpoint that make the next one due. */
  readonly checkpointEveryBytes: number;
  /** A write that is not durable after this many ms makes the leader hand over. */
  readonly slowSyncMs: number;
}

/** One request's way back. */
export interface Ticket {
  reply(reply: EngineReply): void;
  /** The asker is gone: nothing needs to be granted to it any more. */
  cancelled: boolean;
  /** This node, or the follower that forwarded. */
  readonly origin: NodeId | 0;
}

/** Where a replica's effects go. */
export interface ReplicaOutside {
  sendRaft(message: RaftMessage, clusterTime: ClusterTimeMs | undefined): void;
  sendSnapshot(to: NodeId, message: SnapshotMessage): void;
  sendHash(index: LogIndex, hash: string): void;
  /** A completion: `task` is to run in the engine's next run, never inside the completion. */
  later(task: () => void): void;
  /** The log cannot be made longer: what is left is for tombstones and for what frees space. */
  isStorageFull(): boolean;
  /** Random bytes for a secret. */
  randomBytes(count: number): Uint8Array;
  /** Role, leader or term changed. */
  roleChanged(state: SoftState): void;
  /** A checkpoint began, or ended well or not. */
  checkpointing(running: boolean): void;
  /** An entry was applied. */
  applied(entry: Entry, machine: QueueMachine): void;
  /** The replica must not go on: the process stops. */
  fatal(reason: string): void;
  /** A snapshot was installed: load it into a new machine and call `replaceMachine`. */
  reload(replica: Replica, meta: CheckpointMeta): void;
}

/** Rounds of one run; what is left waits for the next, so that I/O gets its turn. */
const ROUNDS_MAX = 64;
/**
 * What is applied in one run, besides the rest of the entry that came last: however much is committed, a node
 * answers its peers in between, and a leader's answers to so many operations are a few ms of work, too.
 */
const APPLIED_BYTES_MAX = 1024 * 1024;
const APPLIED_OPERATIONS_MAX = 1_024;

/** A request that changes nothing. */
type Read = Exclude<EngineRequest, { kind: "command" | "receive" }>;

export class Replica {
  readonly group: GroupId;
  readonly #limits: ReplicaLimits;
  readonly #outside: ReplicaOutside;
  readonly #store: GroupStore;
  readonly #raft: Raft;
  #machine: QueueMachine;
  readonly #clock = new ClusterClock();
  readonly #proposals = new Proposals();
  readonly #reads = new Reads();
  readonly #receives: Receives;
  readonly #duties: LeaderDuties;
  readonly #upkeep: Upkeep;
  readonly #sending: SnapshotSending;
  readonly #receiving: SnapshotReceiving;
  readonly #watch = new StateWatch();
  #role: SoftState;
  #nowMs: MonotonicMs;
  #wallMs: WallTimeMs;
  readonly #committed: Committed;
  #writesInFlight = 0;
  #writeBeganMs: MonotonicMs | undefined;
  readonly #outcomes: { readonly pending: Pending; readonly outcome: Outcome }[] = [];
  #installing = false;
  #appliedTerm: Term;
  /** Of this run. */
  #appliedBytes = 0;
  #appliedOperations = 0;

  constructor(
    limits: ReplicaLimits,
    parts: {
      readonly raft: Raft;
      readonly machine: QueueMachine;
      readonly store: GroupStore;
      /** Term of the last entry in the machine; 0 for an empty one. */
      readonly appliedTerm: Term;
    },
    outside: ReplicaOutside,
    now: { readonly ms: MonotonicMs; readonly wallMs: WallTimeMs },
  ) {
    this.group = parts.store.group;
    this.#limits = limits;
    this.#outside = outside;
    this.#store = parts.store;
    this.#raft = parts.raft;
    this.#machine = parts.machine;
    this.#nowMs = now.ms;
    this.#wallMs = now.wallMs;
    this.#appliedTerm = parts.appliedTerm;
    const status = parts.raft.status();
    this.#role = { role: status.role, leader: status.leader, term: status.term };
    this.#clock.raiseFloor(parts.machine.now);
    this.#receives = new Receives(limits.waitingPollsMax, {
      machine: () => this.#machine,
      store: parts.store,
      propose: (command, operations, pending) => this.#propose(command, operations, pending),
      later: (task) => outside.later(task),
      failed: (what) => this.#storeFailed(what),
    });
    this.#duties = new LeaderDuties({
      group: this.group,
      machine: () => this.#machine,
      propose: (command, operations, pending) => this.#propose(command, operations, pending),
      randomBytes: (count) => outside.randomBytes(count),
    });
    this.#upkeep = new Upkeep(limits, { store: parts.store, raft: parts.raft });
    const later = (task: () => void): void => outside.later(task);
    const failed = (what: StoreFailure): void => this.#storeFailed(what);
    this.#committed = new Committed({ store: parts.store, later, failed });
    this.#sending = new SnapshotSending({
      store: parts.store,
      send: (to, message) => outside.sendSnapshot(to, message),
      ended: (to, ok, index) => this.#raft.snapshotSent(to, ok ? index : undefined),
      later,
      failed,
    });
    this.#receiving = new SnapshotReceiving({
      store: parts.store,
      send: (to, message) => outside.sendSnapshot(to, message),
      begin: (meta) => this.#beginInstall(meta),
      isPast: (index) => this.#raft.status().commit >= index,
      installed: (meta) => outside.reload(this, meta),
      aborted: () => this.#abortInstall(),
      later,
      failed,
    });
  }

  get machine(): QueueMachine {
    return this.#machine;
  }

  get raft(): Raft {
    return this.#raft;
  }

  get role(): SoftState {
    return this.#role;
  }

  get isLeader(): boolean {
    return this.#role.role === "leader";
  }

  /** Receives waiting on this leader. */
  get waitingPolls(): number {
    return this.#receives.waiting;
  }

  /** The leader's cluster time, or the best lower bound of it. */
  clusterNow(nowMs: MonotonicMs): ClusterTimeMs {
    return this.#clock.now(nowMs);
  }

  // --- events -----------------------------------------------------------------------------------

  /** Lets time pass; call every 10 to 50 ms. */
  tick(nowMs: MonotonicMs, wallMs: WallTimeMs): void {
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
    this.#raft.tick(nowMs);
    this.#receives.tick(nowMs);
    this.#sending.tick(nowMs);
    this.#receiving.tick(nowMs);
    const began = this.#writeBeganMs;
    if (this.isLeader && began !== undefined && nowMs - began > this.#limits.slowSyncMs) {
      this.#writeBeganMs = nowMs; // Once a period, not at every tick.
      this.#raft.stepDownFor("slow-disk");
    }
  }

  /** A peer's raft message; `clusterTime` when it came from a leader. */
  onMessage(message: RaftMessage, heard: ClusterTimeMs | undefined, nowMs: MonotonicMs): void {
    this.#nowMs = nowMs;
    this.#raft.step(nowMs, message);
    if (heard !== undefined && message.term >= this.#role.term) {
      this.#clock.hear(heard, message.term, nowMs);
    }
  }

  onSnapshotMessage(from: NodeId, message: SnapshotMessage, nowMs: MonotonicMs): void {
    this.#nowMs = nowMs;
    this.#raft.heardFrom(nowMs, from);
    if (message.kind === "want" || message.kind === "done") {
      this.#sending.onMessage(from, message, nowMs);
    } else {
      const { term, applied } = this.#raft.status();
      this.#receiving.onMessage(from, message, { ms: nowMs, term, applied });
    }
  }

  /** The leader's state had this hash. */
  onHash(index: LogIndex, hash: string): void {
    if (!this.#watch.told(index, hash)) this.#diverged(index);
  }

  /** The connection to or from a peer is gone: it waits for nothing any more. */
  peerDown(peer: NodeId, nowMs: MonotonicMs): void {
    this.#raft.peerDisconnected(nowMs, peer);
  }

  /** Takes a request; the ticket is answered once, perhaps at once. */
  submit(ticket: Ticket, request: EngineRequest): void {
    if (!this.isLeader) {
      ticket.reply({ kind: "not-leader", leader: this.#role.leader });
      return;
    }
    switch (request.kind) {
      case "command":
        this.#submitCommand(ticket, request.command);
        return;
      case "receive":
        this.#submitReceive(ticket, request.command, request.waitMs);
        return;
      case "describe":
      case "moveTasks":
      case "find":
      case "list":
        this.#submitRead(ticket, request);
        return;
    }
  }

  /** The asker is gone. A waiting receive is forgotten; one in the log is undone when it is granted. */
  cancel(ticket: Ticket): void {
    ticket.cancelled = true;
    this.#receives.cancel(ticket);
  }

  /** A grant's answer could not be handed on: the messages come back as if it had not been made. */
  undo(grant: GrantedOutcome): void {
    if (this.isLeader && grant.count > 0) this.#receives.undo(grant);
  }

  /** Ends all long polls with an empty answer: the node is stopping. */
  endPolls(): void {
    this.#receives.endAll();
  }

  /** The installed snapshot was loaded into `machine`; a checkpoint of the state before it is over. */
  replaceMachine(machine: QueueMachine, appliedTerm: Term): void {
    this.#machine = machine;
    this.#appliedTerm = appliedTerm;
    this.#clock.raiseFloor(machine.now);
    this.#watch.reset();
    this.#committed.clear();
    this.#installing = false;
    this.#outside.checkpointing(false);
    this.#raft.snapshotInstalled();
  }

  // --- the crank --------------------------------------------------------------------------------

  /** Works off what came in; true when there is more to do at once. */
  run(nowMs: MonotonicMs, wallMs: WallTimeMs): boolean {
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
    this.#appliedBytes = 0;
    this.#appliedOperations = 0;
    for (let round = 0; round < ROUNDS_MAX && this.#mayApply; round++) {
      if (this.isLeader) this.#lead();
      const had = this.#raft.hasReady();
      if (had) this.#handle(this.#raft.ready());
      const applied = this.#applySome();
      if (!had && !applied) {
        this.#upkeep.run(nowMs, {
          machine: this.#machine,
          appliedTerm: this.#appliedTerm,
          isLeader: this.isLeader,
          busy: this.#installing,
          began: () => this.#outside.checkpointing(true),
          done: (result) => this.#outside.later(() => this.#checkpointed(result)),
        });
        return false;
      }
    }
    return true;
  }

  /** Gives the machine's copying for a checkpoint a turn; true when it wants another. */
  pump(bytesMax: number): boolean {
    return this.#store.pump(bytesMax);
  }

  #lead(): void {
    const clusterNow = this.#clock.now(this.#nowMs);
    this.#receives.wake(this.#nowMs);
    const wantsTimeEntry = this.#duties.run(this.#nowMs, clusterNow, this.#proposals.inFlight);
    const open = this.#proposals.hasOpen;
    if (!open && !wantsTimeEntry) return;
    // While a write is in flight the open entry gathers: the next write takes all of it.
    if (this.#writesInFlight === 0 || this.#proposals.isFull) this.#flush();
  }

  #flush(): void {
    const vector = this.#duties.takeMatchVector(this.#nowMs, () => this.#raft.matchVector());
    const closed = this.#proposals.close({
      clusterTimeMs: this.#clock.now(this.#nowMs),
      wallTimeMs: this.#wallMs,
      matchVector: vector,
    });
    const result = this.#raft.propose([closed.data]);
    if (result.ok) this.#proposals.proposed(closed, result.firstIndex, result.term);
    else this.#proposals.refused(closed);
  }

  #handle(ready: Ready): void {
    if (ready.softState !== undefined) this.#roleChanged(ready.softState);
    if (ready.writeId !== undefined) this.#write(ready, ready.writeId);
    for (const message of ready.messages) {
      // Stamped here, before the frame is queued: a follower's estimate is never ahead of us.
      this.#outside.sendRaft(message, this.isLeader ? this.#clock.now(this.#nowMs) : undefined);
    }
    if (ready.committed !== undefined) this.#committed.add(ready.committed);
    for (const { context, index } of ready.readStates) this.#reads.confirmed(context, index);
    // The state may be far enough already: with nothing new to apply nobody else would answer.
    if (ready.readStates.length > 0) this.#reads.answerUpTo(this.#machine.appliedIndex);
    for (const request of ready.readEntries) {
      this.#store.readEntries(request, (result) =>
        this.#outside.later(() => {
          if (result.ok) this.#raft.entriesRead(request, result.value);
          else this.#storeFailed(result.failure);
        }),
      );
    }
    for (const { to } of ready.sendSnapshots) {
      this.#sending.start(to, this.#role.term, this.#nowMs);
    }
  }

  #write(ready: Ready, writeId: number): void {
    this.#writesInFlight += 1;
    this.#writeBeganMs ??= this.#nowMs;
    this.#store.append({ hardState: ready.hardState, entries: ready.entries }, (result) =>
      this.#outside.later(() => {
        this.#writesInFlight -= 1;
        this.#writeBeganMs = this.#writesInFlight > 0 ? this.#nowMs : undefined;
        if (result.ok) this.#raft.persisted(writeId);
        else this.#storeFailed(result.failure);
      }),
    );
  }

  #roleChanged(state: SoftState): void {
    const wasLeader = this.isLeader;
    this.#role = state;
    if (state.role === "leader" && !wasLeader) {
      this.#clock.startLeading(state.term, this.#nowMs);
      this.#duties.startLeading();
    } else if (state.role !== "leader" && wasLeader) {
      this.#clock.stopLeading(this.#nowMs);
      this.#proposals.loseAll();
      this.#reads.loseAll();
      this.#receives.loseAll(state.leader);
      this.#sending.stopAll();
    }
    this.#outside.roleChanged(state);
  }

  // --- applying ---------------------------------------------------------------------------------

  get #mayApply(): boolean {
    return (
      this.#appliedBytes < APPLIED_BYTES_MAX && this.#appliedOperations < APPLIED_OPERATIONS_MAX
    );
  }

  #applySome(): boolean {
    let last: LogIndex | undefined;
    while (!this.#installing && this.#mayApply) {
      const entry = this.#committed.next();
      if (entry === undefined) break;
      this.#applyOne(entry);
      last = entry.index;
    }
    if (last === undefined) return false;
    this.#machine.drainBodyBirths((entry, count) => this.#store.bodiesBorn(entry, count));
    this.#dispatch();
    this.#machine.drainBodyDeaths((entry, count) => this.#store.bodiesDied(entry, count));
    this.#raft.applied(last);
    this.#reads.answerUpTo(last);
    for (const queue of this.#machine.drainWoken()) if (this.isLeader) this.#receives.woke(queue);
    return true;
  }

  #applyOne(entry: Entry): void {
    const pending = this.#proposals.take(entry.index, entry.term);
    if (entry.kind === "commands") {
      const sink =
        pending === undefined
          ? undefined
          : {
              outcome: (ordinal: number, outcome: Outcome): void => {
                const each = pending[ordinal];
                if (each !== undefined) this.#outcomes.push({ pending: each, outcome });
              },
            };
      this.#appliedOperations += this.#machine.apply(entry.index, entry.data, sink);
      const vector = readMatchVector(entry.data);
      if (vector !== undefined) this.#raft.recordMatch(vector);
      const header = readEntryHeader(entry.data);
      if (header !== undefined) this.#clock.raiseFloor(header.clusterTimeMs);
    } else {
      this.#machine.skip(entry.index);
    }
    this.#appliedTerm = entry.term;
    this.#appliedBytes += entry.data.length;
    this.#outside.applied(entry, this.#machine);
    if (entry.index % WATCH_EVERY_ENTRIES === 0) this.#compareState(entry.index);
  }

  #compareState(index: LogIndex): void {
    const hash = this.#machine.chainHash;
    if (this.isLeader) this.#outside.sendHash(index, hash);
    if (!this.#watch.reached(index, hash)) this.#diverged(index);
  }

  #diverged(index: LogIndex): void {
    this.#outside.fatal(
      `state of group ${this.group} at index ${index} differs from the leader's: this replica stops`,
    );
  }

  #dispatch(): void {
    for (const { pending, outcome } of this.#outcomes.splice(0)) pending.settled(outcome);
  }

  // --- requests ---------------------------------------------------------------------------------

  #submitCommand(ticket: Ticket, command: Uint8Array): void {
    const valid = validateCommand(command);
    if (!valid.ok || valid.length !== command.length || valid.kind === "receive") {
      ticket.reply(failure("MALFORMED_REQUEST", valid.ok ? "not one command" : valid.error));
      return;
    }
    if (this.#throttled(ticket, command.length)) return;
    // A retry stores nothing: it is told what became of its first try.
    const stores = SENDS.has(valid.kind) && !this.#machine.remembersRequest(command);
    if (stores && this.#outside.isStorageFull()) {
      ticket.reply(failure("STORAGE_FULL", "the leader's disk is full: free space or add some"));
      return;
    }
    const pending: Pending = {
      settled: (outcome) => {
        assert(outcome.kind !== "granted", "a grant answers a receive alone");
        ticket.reply({ kind: "outcome", outcome });
      },
      lost: () => ticket.reply({ kind: "not-leader", leader: this.#role.leader }),
    };
    const { operations, queueId } = valid;
    const isAwaited = stores && queueId !== 0;
    this.#propose(
      command,
      operations,
      isAwaited ? this.#receives.expect(queueId, command, pending) : pending,
    );
  }

  #submitReceive(ticket: Ticket, command: Uint8Array, waitMs: number): void {
    const valid = validateCommand(command);
    if (!valid.ok || valid.length !== command.length || valid.kind !== "receive") {
      ticket.reply(failure("MALFORMED_REQUEST", valid.ok ? "not one receive" : valid.error));
      return;
    }
    if (this.#throttled(ticket, command.length) || valid.queueId === 0) return;
    this.#receives.submit(ticket, {
      command,
      queue: valid.queueId,
      maxMessages: valid.operations,
      waitMs,
      nowMs: this.#nowMs,
    });
  }

  #submitRead(ticket: Ticket, request: Read): void {
    const context = this.#reads.add({
      answer: () => ticket.reply(this.#read(request)),
      lost: () => ticket.reply({ kind: "not-leader", leader: this.#role.leader }),
    });
    const result = this.#raft.readIndex(context);
    if (result.ok) return;
    this.#reads.remove(context);
    if (result.reason === "full") ticket.reply(failure("THROTTLED", "too many reads are waiting"));
    else ticket.reply({ kind: "not-leader", leader: this.#role.leader });
  }

  #read(request: Read): EngineReply {
    switch (request.kind) {
      case "describe":
        return { kind: "described", view: this.#machine.describe(request.queueId) };
      case "moveTasks":
        return { kind: "tasks", tasks: this.#machine.moveTasks(request.queueId) };
      case "find":
        return { kind: "found", entry: this.#machine.findQueue(request.name) };
      case "list":
        return { kind: "listed", names: this.#machine.list(request).map((each) => each.name) };
    }
  }

  #throttled(ticket: Ticket, bytes: number): boolean {
    if (this.#proposals.bytes + bytes <= this.#limits.proposedBytesMax) return false;
    ticket.reply(failure("THROTTLED", "the leader has too much in hand: try again shortly"));
    return true;
  }

  #propose(command: Uint8Array, operations: number, pending: Pending | undefined): void {
    if (this.#proposals.isFull) this.#flush();
    if (this.#proposals.add(command, operations, pending)) return;
    this.#flush();
    const added = this.#proposals.add(command, operations, pending);
    assert(added, "an empty entry takes any valid command");
  }

  // --- snapshots and storage --------------------------------------------------------------------

  #beginInstall(meta: CheckpointMeta): boolean {
    const group = decodeGroupMeta(meta.membership);
    if (group === undefined) return false;
    const { index, term } = meta;
    const begun = this.#raft.beginSnapshotInstall({ index, term, ...group });
    this.#installing = begun;
    return begun;
  }

  #abortInstall(): void {
    if (!this.#installing) return;
    this.#installing = false;
    this.#raft.snapshotAborted();
  }

  #checkpointed(result: StoreFailure | undefined): void {
    this.#outside.checkpointing(false);
    if (result !== undefined) this.#storeFailed(result);
  }

  #storeFailed(what: StoreFailure): void {
    // The first is tried again, the second means that we are stopping, and of damage the store itself tells the
    // node once the next start knows of it: who dies before that meets it again, and again.
    if (what.code === "no-space" || what.code === "closed" || what.code === "damaged") return;
    this.#outside.fatal(`storage: ${what.message}`);
  }
}

/**
 * The machine: entries in, outcomes out. One switch; each case calls one function.
 *
 * Applying never fails on what is in the log: a command that can't be carried out is refused, with
 * the same outcome on every replica. An entry of a version that this machine does not know stops it.
 */
import type { ClusterTimeMs, GroupId, LogIndex } from "@kqueuey/base";
import { assert, StateHasher } from "@kqueuey/base";
import type { QueueAttributes, Texts } from "./attributes.ts";
import { Call, refuse } from "./call.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { COMMAND_HEADER_BYTES, REQUEST_HASH, REQUEST_SESSION } from "./command.ts";
import { validateCommand } from "./command-walk.ts";
import { Core, STEP } from "./core.ts";
import { originFor } from "./dead-letter.ts";
import type { MatchVector } from "./entry.ts";
import { ENTRY_HEADER_BYTES, isKnownVersion, readEntryHeader, readMatchVector } from "./entry.ts";
import { type FairnessView, viewFairness } from "./fair.ts";
import { houseIsPending, keepHouse, sweepDoomed } from "./housekeeping.ts";
import type { QueueId, Sequence } from "./ids.ts";
import { findViolation } from "./invariants.ts";
import { KEY_WORDS, type Key, readKey } from "./key-index.ts";
import { CLUSTER_TIME_END, ENTRY_INDEX_END, FIFO_IN_FLIGHT_MAX } from "./limits.ts";
import { type MemoryView, weigh } from "./memory.ts";
import { applyCancelMove, applyStartMove } from "./move.ts";
import { type MoveTaskView, viewTasks } from "./move-view.ts";
import type { OutcomeSink } from "./outcome.ts";
import { PLACE } from "./page.ts";
import {
  applyAccept,
  applyCatalogueStep,
  applyCreate,
  applyDelete,
  applyDropOutbox,
  applyInit,
  applyOpenSession,
  applyPurge,
  applyReserve,
  applySet,
} from "./queues.ts";
import { applyReceive } from "./receive.ts";
import { replay } from "./replay.ts";
import { applySend } from "./send.ts";
import { applySendFifo } from "./send-fifo.ts";
import { applySettle } from "./settle.ts";
import { HeaderUnit, Loader } from "./snapshot.ts";
import type { CheckpointPart } from "./units.ts";

/** Purged pages whose memory each entry frees. */
const SWEEP_PAGES_PER_ENTRY = 4;

/** A queue as its group sees it. */
export interface QueueView extends FairnessView {
  readonly id: QueueId;
  readonly name: string;
  readonly placement: number;
  readonly attributes: QueueAttributes;
  readonly extra: Texts;
  readonly tags: Texts;
  /** Wall clock, ms. */
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  /** Ready to be received. */
  readonly available: number;
  /** Leased. */
  readonly inFlight: number;
  /** Waiting for a delay to end. */
  readonly delayed: number;
  /** On their way to a queue of another group. */
  readonly outbox: number;
}

/** A message on its way to another group: what an `accept` there needs. */
export interface OutboxMessage {
  readonly outboxSequence: number;
  readonly targetQueue: QueueId;
  readonly targetGroup: GroupId;
  readonly sequence: Sequence;
  readonly originQueue: QueueId;
  readonly originSequence: Sequence;
  readonly receiveCount: number;
  /** Wall clock, ms. */
  readonly firstReceivedMs: number;
  /** Of its message group, when it has one. */
  readonly groupKey: Key | undefined;
  /** ms since it was enqueued, to a second. */
  readonly ageMs: number;
  /** Where its body record is. */
  readonly entry: LogIndex;
  readonly offset: number;
}

/** The replicated state machine of one Raft group. */
export class QueueMachine {
  readonly #core: Core;
  readonly #call: Call = new Call();
  readonly #header: HeaderUnit;
  #loader: Loader | undefined = undefined;

  constructor(options: { readonly group: GroupId }) {
    this.#core = new Core(options.group);
    this.#header = new HeaderUnit(this.#core);
  }

  /**
   * Applies the entry at `index`, which is above `appliedIndex`. The machine keeps nothing of `data`. With a sink, it
   * is told every command's outcome in order. Entries of other kinds than commands: `skip`. Gives the message
   * operations that were asked for: how much work it was.
   */
  apply(index: LogIndex, data: Uint8Array, sink: OutcomeSink | undefined): number {
    const core = this.#core;
    const header = readEntryHeader(data);
    assert(
      header !== undefined && isKnownVersion(header.version),
      "an entry of an unknown version",
    );
    assert(index > core.appliedIndex && index < ENTRY_INDEX_END, "entries are applied in order");
    core.appliedIndex = index;
    // Leaders' stamps only grow within a term; across terms this keeps time from going back. One that
    // no deadline could be counted from is passed over too: the entry is in the log, and must be applied.
    const stamp = header.clusterTimeMs;
    if (stamp > core.now && stamp < CLUSTER_TIME_END) core.now = stamp;
    core.wall = header.wallTimeMs;
    core.chain.mix(STEP.entry);
    core.chain.number(index);
    core.chain.number(core.now);
    core.requests.advance(core.now);
    keepHouse(core);
    this.#call.enter(index, data, sink !== undefined);
    const operations = this.#applyCommands(header.commands, sink);
    const vector = readMatchVectorOf(data);
    if (vector !== undefined) core.matchVector = vector;
    if (core.doomed.length > 0) sweepDoomed(core, SWEEP_PAGES_PER_ENTRY);
    return operations;
  }

  #applyCommands(count: number, sink: OutcomeSink | undefined): number {
    const core = this.#core;
    const call = this.#call;
    let at = ENTRY_HEADER_BYTES;
    let broken = false;
    let operations = 0;
    for (let ordinal = 0; ordinal < count; ordinal++) {
      const command = broken ? undefined : validateCommand(call.data, at);
      if (command?.ok) {
        call.begin(command.kind, at);
        execute(core, call);
        at += command.length;
        operations += command.operations;
      } else {
        // Where the next command begins can't be known.
        broken = true;
        refuse(core, call, "malformed");
      }
      if (sink !== undefined && call.outcome !== undefined) sink.outcome(ordinal, call.outcome);
    }
    return operations;
  }

  /** Passes over an entry that is not for this machine. */
  skip(index: LogIndex): void {
    assert(index > this.#core.appliedIndex, "entries are applied in order");
    this.#core.appliedIndex = index;
  }

  get appliedIndex(): LogIndex {
    return this.#core.appliedIndex as LogIndex;
  }

  /** Cluster time of the last entry. */
  get now(): ClusterTimeMs {
    return this.#core.now as ClusterTimeMs;
  }

  /** A lower bound of the next cluster time at which an entry would change something by time alone. */
  nextDue(): ClusterTimeMs | undefined {
    const core = this.#core;
    const deadline = core.wheel.nextDeadline() ?? Number.POSITIVE_INFINITY;
    const retention = core.stored > 0 ? core.retentionDue * 1_000 : Number.POSITIVE_INFINITY;
    const move = core.moves.nextStep() ?? Number.POSITIVE_INFINITY;
    const due = Math.min(deadline, retention, move);
    return Number.isFinite(due) ? (Math.max(due, 0) as ClusterTimeMs) : undefined;
  }

  /** True while something that is due was left for the next entry. */
  pending(): boolean {
    return houseIsPending(this.#core);
  }

  /** The 32 secret bytes of the cluster, once `initCluster` was applied. */
  get secret(): Uint8Array | undefined {
    return this.#core.secret;
  }

  /** The last match vector applied. */
  get matchVector(): MatchVector | undefined {
    return this.#core.matchVector;
  }

  /** ms for which request ids are remembered at least, as things stand. */
  get idempotencyWindowMs(): number {
    return this.#core.requests.windowMs;
  }

  /** Sessions open. */
  get sessions(): number {
    return this.#core.requests.sessions;
  }

  /** Running hash over every transition, sixteen hex digits. Replicas with the same `appliedIndex` compare it. */
  get chainHash(): string {
    return this.#core.chain.text;
  }

  /** Hash of the whole state: for tests; it encodes everything. */
  stateHash(): string {
    const core = this.#core;
    const hasher = new StateHasher();
    hasher.bytes(core.units.bytesOf(this.#header));
    for (const unit of core.allUnits()) {
      hasher.number(unit.key);
      hasher.bytes(core.units.bytesOf(unit));
    }
    return hasher.digest();
  }

  /** The catalogue's entry of a name, in whatever state. Group 0. */
  findQueue(name: string): CatalogueEntry | undefined {
    return this.#core.catalogue.byName(name);
  }

  catalogueEntry(queueId: QueueId): CatalogueEntry | undefined {
    return this.#core.catalogue.byId(queueId);
  }

  /** Active entries in order of names, those after `after` that begin with `prefix`. Group 0. */
  list(options: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): readonly CatalogueEntry[] {
    return this.#core.catalogue.list(options);
  }

  /** Entries whose creation (reserved) or deletion (deleting) somebody has to finish, by queue id. Group 0. */
  unfinished(limit: number): readonly CatalogueEntry[] {
    return this.#core.catalogue.unfinished(limit);
  }

  describe(queueId: QueueId): QueueView | undefined {
    const queue = this.#core.queues.get(queueId);
    if (queue === undefined) return undefined;
    return {
      id: queue.id,
      name: queue.name,
      placement: queue.placement,
      attributes: queue.attributes,
      extra: queue.extra,
      tags: queue.tags,
      createdAtMs: queue.createdAtMs,
      modifiedAtMs: queue.modifiedAtMs,
      available: queue.available,
      inFlight: queue.inFlight,
      delayed: queue.delayed,
      outbox: queue.outbox,
      ...viewFairness(queue),
    };
  }

  /** A queue's attributes, without a copy of the rest: for checks at every send. */
  attributes(queueId: QueueId): QueueAttributes | undefined {
    return this.#core.queues.get(queueId)?.attributes;
  }

  /** Whether a validated command's request id is known here: it is then a retry, and is answered as one. */
  remembersRequest(command: Uint8Array): boolean {
    const tag = command[COMMAND_HEADER_BYTES];
    if (tag !== REQUEST_HASH && tag !== REQUEST_SESSION) return false;
    const id = command.subarray(COMMAND_HEADER_BYTES, COMMAND_HEADER_BYTES + 17);
    return this.#core.requests.find(id) !== undefined;
  }

  /** Queues of this group, ascending. */
  queueIds(): readonly QueueId[] {
    return this.#core.queueOrder;
  }

  /** Messages ready in the queue; 0 when there is no such queue. */
  available(queueId: QueueId): number {
    return this.#core.queues.get(queueId)?.available ?? 0;
  }

  /**
   * How much there is for receives: messages ready or, in a FIFO queue, groups whose first message is ready; 0 when
   * there is no such queue.
   */
  receivable(queueId: QueueId): number {
    const queue = this.#core.queues.get(queueId);
    if (queue?.fifo === undefined) return queue?.available ?? 0;
    return queue.inFlight < FIFO_IN_FLIGHT_MAX ? queue.fifo.groups.inRound : 0;
  }

  /** Whether a validated receive of a FIFO queue is tried again under an attempt id that is known. */
  remembersAttempt(queueId: QueueId, attempt: Uint8Array): boolean {
    const fifo = this.#core.queues.get(queueId)?.fifo;
    const key: Key = new Uint32Array(KEY_WORDS);
    readKey(attempt, 0, key);
    return fifo?.attempts.find(key, this.#core.now) !== undefined;
  }

  /** The first messages of a queue's outbox, at most `limit`. */
  outbox(queueId: QueueId, limit: number): readonly OutboxMessage[] {
    const queue = this.#core.queues.get(queueId);
    const messages: OutboxMessage[] = [];
    if (queue === undefined) return messages;
    for (let i = 0; i < Math.min(queue.outbox, limit); i++) {
      const sequence = queue.outboxSequences[queue.outboxHead + i] ?? 0;
      const page = queue.find(sequence);
      if (page === undefined) continue;
      const slot = sequence - page.firstSequence;
      const origin = originFor(page, slot);
      messages.push({
        outboxSequence: queue.outboxFirst + i,
        targetQueue: page.targetQueue(slot) as QueueId,
        targetGroup: page.leaseMs(slot) as GroupId,
        sequence: sequence as Sequence,
        originQueue: origin.queue as QueueId,
        originSequence: origin.sequence as Sequence,
        receiveCount: origin.countOnArrival,
        firstReceivedMs: page.firstReceived(slot),
        groupKey: origin.groupKey,
        ageMs: Math.max(0, this.#core.now - origin.enqueuedSecond * 1_000),
        entry: page.entry(slot) as LogIndex,
        offset: page.offset(slot),
      });
    }
    return messages;
  }

  /** Queues whose outbox holds something, ascending. */
  queuesWithOutbox(): readonly QueueId[] {
    const { queueOrder, queues } = this.#core;
    return queueOrder.filter((id) => (queues.get(id)?.outbox ?? 0) > 0);
  }

  /** The newest move tasks of a queue, newest first; undefined when there is no such queue. */
  moveTasks(queueId: QueueId): readonly MoveTaskView[] | undefined {
    if (!this.#core.queues.has(queueId)) return undefined;
    return viewTasks(this.#core.moves.of(queueId));
  }

  /** Queues that gained available messages, or went, since the last drain: their long polls are to look again. */
  drainWoken(): QueueId[] {
    const woken = this.#core.woken;
    if (woken.length === 0) return [];
    this.#core.woken = [];
    for (const queue of woken) queue.woken = false;
    return woken.map((queue) => queue.id);
  }

  /** Tells of bodies that came to be referenced since the last drain. An entry may be named more than once. */
  drainBodyBirths(each: (entry: LogIndex, count: number) => void): void {
    this.#core.births.drain((entry, count) => each(entry as LogIndex, count));
  }

  /** Tells of bodies no longer referenced since the last drain. An entry may be named more than once. */
  drainBodyDeaths(each: (entry: LogIndex, count: number) => void): void {
    this.#core.deaths.drain((entry, count) => each(entry as LogIndex, count));
  }

  /** Tells of every body that is referenced: after a restore. An entry may be named more than once. */
  forEachLiveBody(each: (entry: LogIndex, count: number) => void): void {
    for (const page of this.#core.pool.all()) {
      if (page.doomed) continue;
      let entry = 0;
      let count = 0;
      for (let slot = 0; slot < page.used; slot++) {
        if (page.place(slot) === PLACE.dead) continue;
        if (page.entry(slot) !== entry) {
          if (count > 0) each(entry as LogIndex, count);
          entry = page.entry(slot);
          count = 0;
        }
        count += 1;
      }
      if (count > 0) each(entry as LogIndex, count);
    }
  }

  /** Tells where in the entries `from … upTo` the bodies that are still referenced begin, in no order. */
  visitLiveBodies(
    range: { readonly from: LogIndex; readonly upTo: LogIndex },
    visit: (entry: LogIndex, offset: number) => void,
  ): void {
    for (const page of this.#core.pool.all()) {
      if (page.doomed) continue;
      let first = 0;
      let last = page.used - 1;
      while (first <= last && page.place(first) === PLACE.dead) first++;
      while (last >= first && page.place(last) === PLACE.dead) last--;
      if (first > last) continue;
      // Sent messages stand in the order of their entries; only a page with moved ones needs a look at each.
      const sorted = page.origin === undefined;
      if (sorted && (page.entry(first) > range.upTo || page.entry(last) < range.from)) continue;
      for (let slot = first; slot <= last; slot++) {
        const entry = page.entry(slot);
        if (entry < range.from || entry > range.upTo || page.place(slot) === PLACE.dead) continue;
        visit(entry as LogIndex, page.offset(slot));
      }
    }
  }

  /** Frees the memory of purged messages, at most `pages` pages; true while there is more. Not replicated. */
  sweep(pages: number): boolean {
    return sweepDoomed(this.#core, pages);
  }

  /** Begins a checkpoint of the state as it is now: of what changed since the last good one, or of all. */
  beginCheckpoint(mode: "changed" | "full"): void {
    const core = this.#core;
    core.units.begin(mode === "full" ? core.allUnits() : undefined, this.#header);
  }

  /** The checkpoint's next units, about `bytesMax` bytes of them. Entries may be applied between calls. */
  nextCheckpointUnits(bytesMax: number): CheckpointPart {
    return this.#core.units.next(bytesMax);
  }

  /** The checkpoint is durable (`ok`), or it failed and all that it took counts as changed again. */
  endCheckpoint(ok: boolean): void {
    this.#core.units.end(ok);
  }

  /** Takes in a unit, in any order; a fresh machine only. Gives an error text for what is no unit. */
  loadUnit(key: number, bytes: Uint8Array): string | undefined {
    assert(this.#core.appliedIndex === 0, "only a fresh machine is loaded");
    this.#loader ??= new Loader(this.#core);
    return this.#loader.unit(key, bytes);
  }

  /** After the last unit. An error text when they do not make one state: then the machine is of no use. */
  finishLoad(): string | undefined {
    const loader = this.#loader ?? new Loader(this.#core);
    this.#loader = undefined;
    return loader.finish();
  }

  /** What the index weighs now; walks over the pages. */
  memory(): MemoryView {
    return weigh(this.#core);
  }

  /** The first invariant that does not hold, in words; undefined when all do. Counts everything anew. */
  checkInvariants(): string | undefined {
    return findViolation(this.#core);
  }
}

/** Commands are walked for the vector only where the entry says that it has one. */
function readMatchVectorOf(data: Uint8Array): MatchVector | undefined {
  return ((data[1] ?? 0) & 1) === 1 ? readMatchVector(data) : undefined;
}

function execute(core: Core, call: Call): void {
  const id = call.requestId;
  if (id === undefined) {
    dispatch(core, call);
    return;
  }
  const known = core.requests.find(id);
  if (known === "expired") {
    refuse(core, call, "session-expired");
    return;
  }
  if (known !== undefined) {
    replay(core, call, known);
    return;
  }
  dispatch(core, call);
  if (call.record.length > 0) {
    core.requests.record(id, call.record.view(), { index: call.index, now: core.now });
  }
}

function dispatch(core: Core, call: Call): void {
  switch (call.kind) {
    case "send":
    case "sendGrouped":
      applySend(core, call);
      return;
    case "sendFifo":
      applySendFifo(core, call);
      return;
    case "receive":
      applyReceive(core, call);
      return;
    case "tombstone":
    case "extend":
    case "release":
    case "undelivered":
      applySettle(core, call, call.kind);
      return;
    case "createQueue":
      applyCreate(core, call);
      return;
    case "setQueue":
      applySet(core, call);
      return;
    case "deleteQueue":
      applyDelete(core, call);
      return;
    case "purgeQueue":
      applyPurge(core, call);
      return;
    case "reserveQueue":
      applyReserve(core, call);
      return;
    case "confirmQueue":
    case "markDeleting":
    case "forgetQueue":
      applyCatalogueStep(core, call);
      return;
    case "openSession":
      applyOpenSession(core, call);
      return;
    case "initCluster":
      applyInit(core, call);
      return;
    case "accept":
      applyAccept(core, call);
      return;
    case "dropOutbox":
      applyDropOutbox(core, call);
      return;
    case "startMove":
      applyStartMove(core, call);
      return;
    case "cancelMove":
      applyCancelMove(core, call);
      return;
  }
}

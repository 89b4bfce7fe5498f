/**
 * What a leader does unasked: gives the cluster its secret, lets time pass in the log when something
 * is due, records how far each member's log is, and finishes creations and deletions of queues whose
 * callers went away half-way.
 */
import type { ClusterTimeMs, GroupId, MonotonicMs } from "@kqueuey/base";
import { ByteWriter } from "@kqueuey/base";
import type { CatalogueEntry, MatchVector, QueueId, QueueMachine } from "@kqueuey/queue";
import {
  encodeConfirmQueue,
  encodeCreateQueue,
  encodeDeleteQueue,
  encodeForgetQueue,
  encodeInitCluster,
  NO_REQUEST_ID,
} from "@kqueuey/queue";
import type { Pending } from "./proposals.ts";

/** While anything is pending the state machine hears the time at least this often. */
const TIME_ENTRY_EVERY_MS = 10_000;
const MATCH_VECTOR_EVERY_MS = 1_000;
const UNFINISHED_CHECK_EVERY_MS = 1_000;
/** Callers finish their own creations and deletions; one that is this old was left behind. */
const UNFINISHED_AFTER_MS = 3_000;
const UNFINISHED_AT_ONCE = 16;

export interface LeaderDutiesOutside {
  readonly group: GroupId;
  machine(): QueueMachine;
  propose(command: Uint8Array, operations: number, pending: Pending | undefined): void;
  randomBytes(count: number): Uint8Array;
}

export class LeaderDuties {
  readonly #outside: LeaderDutiesOutside;
  #initProposed = false;
  #lastVectorMs = -Infinity;
  #nextUnfinishedMs = 0;
  readonly #unfinishedSince = new Map<QueueId, MonotonicMs>();

  constructor(outside: LeaderDutiesOutside) {
    this.#outside = outside;
  }

  startLeading(): void {
    this.#initProposed = false;
    this.#lastVectorMs = -Infinity;
    this.#unfinishedSince.clear();
  }

  /** Proposes what is due; true when an entry is wanted just to let time pass. */
  run(nowMs: MonotonicMs, clusterNow: ClusterTimeMs, entriesInFlight: number): boolean {
    const machine = this.#outside.machine();
    if (!this.#initProposed && this.#outside.group === 0 && machine.secret === undefined) {
      this.#initProposed = true;
      const writer = new ByteWriter(64);
      const secret = this.#outside.randomBytes(32);
      encodeInitCluster(writer, { requestId: NO_REQUEST_ID, secret });
      this.#outside.propose(writer.take(), 1, undefined);
    }
    if (nowMs >= this.#nextUnfinishedMs) {
      this.#nextUnfinishedMs = nowMs + UNFINISHED_CHECK_EVERY_MS;
      this.#resumeUnfinished(machine, nowMs);
    }
    if (entriesInFlight > 0) return false; // The next entry to be applied tells the time anyway.
    if (machine.pending()) return true;
    const due = machine.nextDue();
    if (due === undefined) return false;
    return due <= clusterNow || clusterNow - machine.now >= TIME_ENTRY_EVERY_MS;
  }

  /** The match vector for the entry being closed, once a second. */
  takeMatchVector(nowMs: MonotonicMs, make: () => MatchVector): MatchVector | undefined {
    if (nowMs - this.#lastVectorMs < MATCH_VECTOR_EVERY_MS) return undefined;
    this.#lastVectorMs = nowMs;
    return make();
  }

  #resumeUnfinished(machine: QueueMachine, nowMs: MonotonicMs): void {
    const unfinished = machine.unfinished(UNFINISHED_AT_ONCE);
    const seen = new Set<QueueId>();
    for (const entry of unfinished) {
      seen.add(entry.queueId);
      const since = this.#unfinishedSince.get(entry.queueId) ?? nowMs;
      this.#unfinishedSince.set(entry.queueId, since);
      if (nowMs - since < UNFINISHED_AFTER_MS || entry.group !== this.#outside.group) continue;
      this.#unfinishedSince.set(entry.queueId, nowMs);
      this.#resume(entry);
    }
    for (const id of this.#unfinishedSince.keys())
      if (!seen.has(id)) this.#unfinishedSince.delete(id);
  }

  /** First the step in the queue's group, then, once that is applied, the one in the catalogue. */
  #resume(entry: CatalogueEntry): void {
    const { queueId } = entry;
    const about = { requestId: NO_REQUEST_ID, queueId };
    const first = new ByteWriter(256);
    const second = new ByteWriter(64);
    if (entry.state === "reserved" && entry.creation !== undefined) {
      const { name, placement, creation } = entry;
      encodeCreateQueue(first, { ...about, name, placement, ...creation });
      encodeConfirmQueue(second, about);
    } else if (entry.state === "deleting") {
      encodeDeleteQueue(first, about);
      encodeForgetQueue(second, about);
    } else {
      return;
    }
    this.#outside.propose(first.take(), 1, {
      settled: () => this.#outside.propose(second.take(), 1, undefined),
      lost: () => undefined,
    });
  }
}

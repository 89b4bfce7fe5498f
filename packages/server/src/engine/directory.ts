/** Queue names, ids and attributes as this node knows them; the leader is asked for what it does not know. */
import type { GroupId } from "@kqueuey/base";
import { groupId } from "@kqueuey/base";
import type { QueueAttributes, QueueId } from "@kqueuey/queue";
import type { NodeEngine } from "@kqueuey/replica";
import type { CallSignal } from "../call-signal.ts";
import { callEngine, queueNotFound, unexpected } from "./calls.ts";

/** Where a queue lives. */
export interface QueuePlace {
  readonly queueId: QueueId;
  readonly group: GroupId;
}

/** Group 0 holds the catalogue. */
export const CATALOGUE: GroupId = groupId(0);

export class Directory {
  readonly #engine: NodeEngine;

  constructor(engine: NodeEngine) {
    this.#engine = engine;
  }

  /** Where the queue lives, from this node's copy if it is there; rejects with QUEUE_NOT_FOUND. */
  async find(name: string, signal: CallSignal | undefined): Promise<QueuePlace> {
    const entry = this.#engine.replica(CATALOGUE)?.machine.findQueue(name);
    if (entry?.state === "active") return entry;
    return this.findAtLeader(name, signal);
  }

  /** The same from the leader alone: this node's copy may be behind. */
  async findAtLeader(name: string, signal: CallSignal | undefined): Promise<QueuePlace> {
    const reply = await callEngine(
      this.#engine,
      { group: CATALOGUE, signal },
      { kind: "find", name },
    );
    if (reply.kind !== "found") throw unexpected(reply);
    if (reply.entry === undefined || reply.entry.state !== "active") throw queueNotFound(name);
    return reply.entry;
  }

  /** The queue's attributes, from this node's copy if it is there. */
  async attributes(
    name: string,
    place: QueuePlace,
    signal: CallSignal | undefined,
  ): Promise<QueueAttributes> {
    const local = this.#engine.replica(place.group)?.machine.attributes(place.queueId);
    if (local !== undefined) return local;
    const { group, queueId } = place;
    const reply = await callEngine(this.#engine, { group, signal }, { kind: "describe", queueId });
    if (reply.kind !== "described") throw unexpected(reply);
    if (reply.view === undefined) throw queueNotFound(name);
    return reply.view.attributes;
  }

  /** The name of a queue by its id, as this node knows it. */
  nameOf(queueId: QueueId): string | undefined {
    return this.#engine.replica(CATALOGUE)?.machine.catalogueEntry(queueId)?.name;
  }
}

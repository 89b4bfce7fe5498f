/** The state of a machine, and what all its operations share. */
import type { GroupId } from "@kqueuey/base";
import { Catalogue } from "./catalogue.ts";
import { ChainHash } from "./chain.ts";
import type { MatchVector } from "./entry.ts";
import type { QueueId } from "./ids.ts";
import { DELETED_QUEUES_MAX } from "./limits.ts";
import { MoveLedger } from "./move-tasks.ts";
import type { Page } from "./page.ts";
import { PagePool } from "./page-pool.ts";
import type { QueueState } from "./queue.ts";
import { RequestLedger } from "./request-ledger.ts";
import { MARK, type Unit, UnitLedger } from "./units.ts";
import { TimingWheel } from "./wheel.ts";

/** Body counts per entry, merged where neighbours are equal: a tombstoned batch is one pair. */
export class BodyCounts {
  #entries: number[] = [];
  #counts: number[] = [];

  add(entry: number, count: number): void {
    const last = this.#entries.length - 1;
    if (last >= 0 && this.#entries[last] === entry) {
      this.#counts[last] = (this.#counts[last] ?? 0) + count;
      return;
    }
    this.#entries.push(entry);
    this.#counts.push(count);
  }

  drain(each: (entry: number, count: number) => void): void {
    const entries = this.#entries;
    const counts = this.#counts;
    this.#entries = [];
    this.#counts = [];
    for (let i = 0; i < entries.length; i++) each(entries[i] ?? 0, counts[i] ?? 0);
  }
}

/** Kinds of steps in the running hash. */
export const STEP = {
  entry: 1,
  send: 2,
  grant: 3,
  settle: 4,
  expire: 5,
  appear: 6,
  retire: 7,
  move: 8,
  queue: 9,
  purge: 10,
  replay: 11,
  refuse: 12,
  accept: 13,
  drop: 14,
  session: 15,
  redrive: 16,
  task: 17,
} as const;

export class Core {
  readonly group: GroupId;
  /** Index of the last entry applied or skipped. */
  appliedIndex = 0;
  /** Cluster time: the greatest that an entry said. */
  now = 0;
  /** Wall time of the last entry; for people. */
  wall = 0;
  secret: Uint8Array | undefined = undefined;
  matchVector: MatchVector | undefined = undefined;
  /** The second whose retention was seen to completely. */
  retentionSecond = -1;
  /** No message's retention ends before this second. Not part of the state: a lower bound of it. */
  retentionDue: number = Number.POSITIVE_INFINITY;
  /** Messages in all queues. */
  stored = 0;
  /** Number of the next unit of pages, requests and so on. */
  nextUnit = 1;
  readonly queues: Map<number, QueueState> = new Map();
  /** Ids of the queues, ascending. */
  queueOrder: QueueId[] = [];
  /** Ids of queues deleted here lately, oldest first. */
  deletedQueues: QueueId[] = [];
  readonly chain: ChainHash = new ChainHash();
  readonly pool: PagePool = new PagePool();
  readonly wheel: TimingWheel = new TimingWheel(this.pool);
  readonly units: UnitLedger = new UnitLedger();
  readonly requests: RequestLedger = new RequestLedger(this.units, () => this.takeUnit());
  readonly catalogue: Catalogue = new Catalogue(this.units);
  readonly moves: MoveLedger = new MoveLedger(this.units);
  /** Pages of purged messages, whose memory is still to be freed. Not part of the state. */
  doomed: Page[] = [];
  readonly births: BodyCounts = new BodyCounts();
  readonly deaths: BodyCounts = new BodyCounts();
  woken: QueueState[] = [];

  constructor(group: GroupId) {
    this.group = group;
  }

  takeUnit(): number {
    const unit = this.nextUnit;
    this.nextUnit += 1;
    return unit;
  }

  /** Before a unit is changed. */
  touch(unit: Unit): void {
    if (unit.mark !== MARK.changed) this.units.touch(unit);
  }

  /** The queue has something for those who wait, or is gone. */
  wake(queue: QueueState): void {
    if (queue.woken) return;
    queue.woken = true;
    this.woken.push(queue);
  }

  addQueue(queue: QueueState): void {
    this.queues.set(queue.id, queue);
    let place = this.queueOrder.length;
    while (place > 0 && (this.queueOrder[place - 1] ?? 0) > queue.id) place -= 1;
    this.queueOrder.splice(place, 0, queue.id);
  }

  removeQueue(queue: QueueState): void {
    this.queues.delete(queue.id);
    this.moves.remove(queue.id);
    this.queueOrder.splice(this.queueOrder.indexOf(queue.id), 1);
    this.deletedQueues.push(queue.id);
    if (this.deletedQueues.length > DELETED_QUEUES_MAX) this.deletedQueues.shift();
  }

  /** Every unit but the header. */
  *allUnits(): Iterable<Unit> {
    for (const id of this.queueOrder) {
      const queue = this.queues.get(id);
      if (queue === undefined) continue;
      yield queue;
      for (let i = 0; i < queue.pages.length; i++) {
        const page = queue.pages.at(i);
        if (page !== undefined) yield page;
      }
      if (queue.fifo !== undefined) yield* queue.fifo.units();
      if (queue.fair !== undefined) yield* queue.fair.units();
    }
    yield* this.catalogue.units();
    yield* this.moves.all();
    yield* this.requests.allUnits();
  }
}

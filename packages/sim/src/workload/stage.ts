/** What the clients of one run have in common: the plan, the way to the cluster, the queues, and who is at work. */
import type { Prng } from "@kqueuey/base";
import type { SimCluster } from "../cluster.ts";
import type { CataloguedName, HeldReceipt, KnownQueue, Request } from "./commands.ts";
import type { Edge, Told } from "./edge.ts";
import type { WorkloadPlan } from "./plan.ts";
import type { RequestIds } from "./request-ids.ts";

/** What clients call the so-manieth queue that has a name: they tell it from those before it. */
export function labelOf({ name, lives }: CataloguedName): string {
  return lives === 1 ? name : `${name}#${lives}`;
}

/** Old receipts kept for misuse. */
const USED_RECEIPTS_MAX = 64;

/** A deduplication id and the group of the message that was first sent under it. */
export interface UsedId {
  readonly group: string;
  readonly deduplicationId: string;
}

export class Stage {
  readonly cluster: SimCluster;
  readonly plan: WorkloadPlan;
  readonly edge: Edge;
  /** The plan's queues, in its order, once they are created. */
  readonly queues: KnownQueue[] = [];
  /** Queues that come and go. */
  readonly passing: KnownQueue[] = [];
  /** Names of queues that went, for others to take. */
  readonly freed: CataloguedName[] = [];
  /** Receipts that were shown already, or left behind. */
  readonly used: HeldReceipt[] = [];
  /** Senders, readers, administrators and movers go on while this holds; workers until the end. */
  isSending = false;
  /** Nobody does mischief: before everything began, and when it is to come to its end. */
  isCalm = true;
  /** Senders, administrators and movers in the middle of something. */
  busy = 0;
  readonly #random: Prng;
  readonly #deduplicationIds = new Map<string, UsedId[]>();

  constructor(parts: {
    readonly cluster: SimCluster;
    readonly plan: WorkloadPlan;
    readonly edge: Edge;
    readonly random: Prng;
  }) {
    this.cluster = parts.cluster;
    this.plan = parts.plan;
    this.edge = parts.edge;
    this.#random = parts.random;
  }

  later(delayMs: number, task: () => void): void {
    this.cluster.world.schedule(delayMs, task);
  }

  /** Has `client` act again and again, with pauses, for as long as clients send; `act` says when it is done. */
  keepActing(client: Client, act: (done: () => void) => void): void {
    if (!this.isSending) return;
    this.busy += 1;
    act(() => {
      this.busy -= 1;
      const pauseMs = client.random.between(0, this.plan.otherPauseMs);
      this.later(pauseMs, () => this.keepActing(client, act));
    });
  }

  /** Makes a call as `client`; now and then hangs up on it, or makes it again later. */
  ask(client: Client, request: Request, done: (told: Told) => void): void {
    const { rates } = this.plan;
    const { random } = client;
    const wild = !this.isCalm;
    const hangsUp = wild && random.chance(rates.hangUp, 10_000);
    const ask = {
      client: client.number,
      ...request,
      ...(hangsUp ? { hangUpAfterMs: random.between(0, 60) } : {}),
    };
    const call = this.edge.ask(ask, done);
    // A receive that was answered is not made again: whoever cancels the second gives back what the first has.
    const repeats = wild && request.requestKey !== undefined && request.request.kind === "command";
    if (!repeats || !random.chance(rates.repeat, 10_000)) return;
    const delayMs = random.pick([1, 30, 400, 3_000]);
    this.later(delayMs, () => {
      if (this.isCalm) return;
      this.edge.ask({ client: client.number, ...request, repeats: call }, () => undefined);
    });
  }

  /** Deduplication ids that were sent to a FIFO queue, to be used again; whoever sends adds to them. */
  deduplicationIdsOf(queue: KnownQueue): UsedId[] {
    let used = this.#deduplicationIds.get(queue.name);
    if (used === undefined) {
      used = [];
      this.#deduplicationIds.set(queue.name, used);
    }
    return used;
  }

  /** A receipt that is of no use to its holder any more; others may try it. */
  discard(receipts: readonly HeldReceipt[]): void {
    for (const receipt of receipts) {
      if (this.used.length < USED_RECEIPTS_MAX) this.used.push(receipt);
      else this.used[this.#random.between(0, USED_RECEIPTS_MAX - 1)] = receipt;
    }
  }
}

/** A client: its number in the history, its request ids and its own randomness. */
export interface Client {
  readonly number: number;
  readonly ids: RequestIds;
  readonly random: Prng;
}

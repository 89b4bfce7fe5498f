/**
 * A client that receives, works, and sends tombstones; now and then it is slow, gives messages back, extends
 * its leases, forgets what it has, or shows receipts that it must not show.
 */
import { must } from "@kqueuey/base";
import type { Answer } from "../history/event.ts";
import type { HeldReceipt, KnownQueue, ReceiveOptions, ShownLease } from "./commands.ts";
import { receiveRequest, settleRequest } from "./commands.ts";
import type { Told } from "./edge.ts";
import type { Client, Stage } from "./stage.ts";

const DRAIN_LIMIT = 100;
const DRAIN_WAIT_MS = 500;
const WORK_MS_MAX = 30;
/** 0 grants a token and leaves the message visible; as an extension it releases. */
const LEASES_MS = [0, 1, 40, 300, 1_500, 4_000];
const RELEASE_DELAYS_MS = [0, 0, 20, 500, 2_000];
const FORGED_BODY = "";
/** An attempt is made so often at most, after one of these pauses. */
const TRIES_MAX = 3;
const TRY_AGAIN_MS = [0, 10, 100, 900];

export class Worker {
  readonly #stage: Stage;
  readonly #client: Client;
  /** Tombstones reported effective. */
  tombstones = 0;
  #attempts = 0;

  constructor(stage: Stage, client: Client) {
    this.#stage = stage;
    this.#client = client;
  }

  run(): void {
    const stage = this.#stage;
    const { random } = this.#client;
    const queue = this.#pickQueue();
    const options = this.#options(queue);
    const isAttempt =
      !stage.isCalm && queue.fifo !== undefined && random.chance(queue.fifo.attempts, 10_000);
    if (isAttempt) this.#receive(queue, { ...options, attempt: this.#nameAttempt() }, TRIES_MAX);
    else this.#receive(queue, options, 1);
  }

  #nameAttempt(): string {
    this.#attempts += 1;
    return `a${this.#client.number}-${this.#attempts}`;
  }

  /** `tries`: how often the attempt may be made, this time included; what the last one gave is worked on. */
  #receive(queue: KnownQueue, options: ReceiveOptions, tries: number): void {
    const stage = this.#stage;
    const { random } = this.#client;
    const request = receiveRequest(queue, options, this.#client.ids.next());
    stage.ask(this.#client, request, (told) => {
      if (tries > 1 && !stage.isCalm && random.chance(2, 3)) {
        const pauseMs = random.pick(TRY_AGAIN_MS);
        stage.later(pauseMs, () => this.#receive(queue, options, tries - 1));
        return;
      }
      const receipts = receiptsOf(queue, told);
      const workMs = random.between(0, WORK_MS_MAX);
      if (receipts.length === 0) stage.later(workMs, () => this.#misbehave());
      else this.#work(queue, receipts, workMs);
    });
  }

  #pickQueue(): KnownQueue {
    const { random } = this.#client;
    const { passing, queues, isCalm } = this.#stage;
    if (isCalm) return random.pick([...queues, ...passing]);
    return passing.length > 0 && random.chance(1, 8) ? random.pick(passing) : random.pick(queues);
  }

  #options(queue: KnownQueue): ReceiveOptions {
    const { random } = this.#client;
    const { plan, isCalm } = this.#stage;
    if (isCalm) return { limit: DRAIN_LIMIT, waitMs: DRAIN_WAIT_MS };
    const limit = random.between(1, plan.receiveMax);
    const waitMs = random.pick([0, Math.min(100, plan.waitMsMax), plan.waitMsMax]);
    const leaseMs = random.chance(plan.rates.ownLease, 10_000) ? random.pick(LEASES_MS) : undefined;
    return { limit, waitMs, ...(leaseMs === undefined ? {} : { leaseMs }), ...this.#bound(queue) };
  }

  #bound({ fifo }: KnownQueue): Pick<ReceiveOptions, "inFlightMax"> {
    const { rare } = this.#stage.plan;
    if (rare === undefined || fifo !== undefined) return {};
    const isBounded = this.#client.random.chance(rare.bounded, 10_000);
    return isBounded ? { inFlightMax: rare.inFlightMax } : {};
  }

  #work(queue: KnownQueue, receipts: readonly HeldReceipt[], workMs: number): void {
    const stage = this.#stage;
    const { random } = this.#client;
    const { rates, queues, rare } = stage.plan;
    const happens = (rate: number): boolean => !stage.isCalm && random.chance(rate, 10_000);
    if (rare !== undefined && happens(rare.revive)) {
      this.#revive(queue, receipts, workMs);
    } else if (happens(rates.abandon)) {
      stage.discard(receipts);
      stage.later(workMs, () => this.#misbehave());
    } else if (happens(rates.release)) {
      const leases = receipts.map((each) => ({ ...each, ms: random.pick(RELEASE_DELAYS_MS) }));
      stage.later(workMs, () => this.#settle("release", queue, leases));
    } else if (happens(rates.late)) {
      const timeoutMs = queues[0]?.visibilityTimeoutMs ?? 0;
      stage.later(2 * timeoutMs + workMs, () => this.#settle("tombstone", queue, receipts));
    } else if (happens(rates.extend)) {
      const leases = receipts.map((each) => ({ ...each, ms: random.pick(LEASES_MS) }));
      const extend = settleRequest("extend", queue, leases, this.#client.ids.next());
      stage.later(workMs, () => {
        stage.ask(this.#client, extend, () => this.#settle("tombstone", queue, receipts));
      });
    } else {
      stage.later(workMs, () => this.#settle("tombstone", queue, receipts));
    }
  }

  /** Comes late, extends what is over, and is done soon after. */
  #revive(queue: KnownQueue, receipts: readonly HeldReceipt[], workMs: number): void {
    const stage = this.#stage;
    const { random, ids } = this.#client;
    const timeoutMs = stage.plan.queues[0]?.visibilityTimeoutMs ?? 0;
    const leases = receipts.map((each) => ({
      ...each,
      ms: random.pick(LEASES_MS),
      revives: true,
    }));
    stage.later(timeoutMs + workMs, () => {
      const extend = settleRequest("extend", queue, leases, ids.next());
      stage.ask(this.#client, extend, () => {
        stage.later(workMs, () => this.#settle("tombstone", queue, receipts));
      });
    });
  }

  #settle(action: "tombstone" | "release", queue: KnownQueue, leases: readonly ShownLease[]): void {
    const stage = this.#stage;
    const request = settleRequest(action, queue, leases, this.#client.ids.next());
    stage.ask(this.#client, request, ({ answer }) => {
      if (action === "tombstone") this.tombstones += effective(answer);
      stage.discard(leases);
      this.#misbehave();
    });
  }

  /** Shows receipts that are used up, or that nobody ever had; then goes on. */
  #misbehave(): void {
    const stage = this.#stage;
    const { random } = this.#client;
    if (stage.isCalm || !random.chance(stage.plan.rates.forged, 10_000)) {
      this.run();
      return;
    }
    const receipt = this.#falseReceipt();
    const action = random.pick(["tombstone", "extend", "release", "undelivered"] as const);
    const timed = action === "extend" || action === "release";
    const lease = {
      ...receipt,
      ...(timed ? { ms: random.pick(LEASES_MS) } : {}),
      ...(stage.plan.rare === undefined ? {} : { revives: random.chance(1, 2) }),
    };
    const request = settleRequest(action, receipt.queue, [lease], this.#client.ids.next());
    stage.ask(this.#client, request, ({ answer }) => {
      if (action === "tombstone") this.tombstones += effective(answer);
      this.run();
    });
  }

  #falseReceipt(): HeldReceipt {
    const { random } = this.#client;
    const { used, queues } = this.#stage;
    if (used.length > 0 && random.chance(2, 3)) return random.pick(used);
    const near = used.length > 0 ? random.pick(used) : undefined;
    return {
      queue: near?.queue ?? random.pick(queues),
      body: FORGED_BODY,
      sequence: near?.sequence ?? random.between(1, 1_000),
      // No queue of a run makes that many grants.
      token: 1_000_000_000 + random.between(1, 1_000),
    };
  }
}

function effective(answer: Answer): number {
  return answer.kind === "settled" ? answer.results.filter((each) => each === "ok").length : 0;
}

function receiptsOf(queue: KnownQueue, { answer, reply }: Told): HeldReceipt[] {
  if (answer.kind !== "granted" || reply?.kind !== "granted") return [];
  const { grant } = reply;
  return answer.messages.map((message, i) => ({
    queue,
    body: message.body,
    sequence: must(grant.sequences[i], "a sequence for each message"),
    token: message.token,
  }));
}

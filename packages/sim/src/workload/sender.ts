/** A client that sends batches, and never the same body twice. */
import type { NewMessage } from "../history/event.ts";
import {
  type GroupedMessage,
  type KnownQueue,
  type Request,
  sendFifoRequest,
  sendRequest,
} from "./commands.ts";
import type { FairPlan, FifoPlan } from "./plan.ts";
import type { Client, Stage } from "./stage.ts";

const SMALLEST_BODY_BYTES = 16;
/** Deduplication ids of a queue that may be used again. */
const USED_IDS_MAX = 64;
/** A loud group is loud for so long, then quiet for as long. */
const LOUD_MS = 1_500;
const DELAYS_MS = [0, 1, 50, 300, 1_000, 2_500];

export class Sender {
  readonly #stage: Stage;
  readonly #client: Client;
  #sent = 0;
  acknowledged = 0;
  /** Messages refused because the disk was full. */
  refused = 0;

  constructor(stage: Stage, client: Client) {
    this.#stage = stage;
    this.#client = client;
  }

  run(): void {
    const stage = this.#stage;
    if (!stage.isSending) return;
    stage.busy += 1;
    const queue = this.#pickQueue();
    const count = this.#client.random.between(1, stage.plan.sendMax);
    stage.ask(this.#client, this.#requestFor(queue, count), ({ answer }) => {
      stage.busy -= 1;
      if (answer.kind === "sent") this.acknowledged += count;
      else if (answer.kind === "refused" && answer.reason === "STORAGE_FULL") this.refused += count;
      stage.later(this.#client.random.between(0, stage.plan.pauseMs), () => this.run());
    });
  }

  /** Any queue but those that only take dead letters; now and then one that is about to go. */
  #pickQueue(): KnownQueue {
    const { random } = this.#client;
    const { passing, queues, plan } = this.#stage;
    if (passing.length > 0 && random.chance(1, 8)) return random.pick(passing);
    const graves = new Set(
      plan.queues.filter((each) => each.maximumReceives > 0).map((each) => each.deadLetterQueue),
    );
    return random.pick(queues.filter((_, place) => !graves.has(place)));
  }

  #requestFor(queue: KnownQueue, count: number): Request {
    const { fifo, fair } = queue;
    const length = { length: count };
    if (fair !== undefined) {
      const isLoud = this.#isLoud(fair);
      const messages = Array.from(length, () => this.#makeForTenant(fair, isLoud));
      return sendRequest(queue, messages, this.#client.ids.next());
    }
    if (fifo === undefined) {
      const messages = Array.from(length, () => this.#makeMessage());
      return sendRequest(queue, messages, this.#client.ids.next());
    }
    const messages = Array.from(length, () => this.#makeGrouped(queue, fifo));
    return sendFifoRequest(queue, messages, this.#client.ids.next());
  }

  #makeMessage(): { body: string; bytes: number; delayMs?: number } {
    const { random } = this.#client;
    const { rates } = this.#stage.plan;
    const message = this.#makeBody();
    return random.chance(rates.delayed, 10_000)
      ? { ...message, delayMs: random.pick(DELAYS_MS) }
      : message;
  }

  #isLoud({ loud }: FairPlan): boolean {
    const { nowMs } = this.#stage.cluster.world;
    return nowMs % (2 * LOUD_MS) < LOUD_MS && this.#client.random.chance(loud, 10_000);
  }

  /** For a standard queue, in one of its message groups or in none. */
  #makeForTenant(fair: FairPlan, isLoud: boolean): NewMessage & { readonly bytes: number } {
    const { random } = this.#client;
    const message = this.#makeMessage();
    if (isLoud) return { ...message, group: "loud" };
    if (random.chance(fair.ungrouped, 10_000)) return message;
    return { ...message, group: `t${random.between(1, fair.groups)}` };
  }

  #makeBody(): { readonly body: string; readonly bytes: number } {
    this.#sent += 1;
    const body = `m${this.#client.number}-${this.#sent}`;
    const { bodyBytesMax } = this.#stage.plan;
    return { body, bytes: this.#client.random.between(SMALLEST_BODY_BYTES, bodyBytesMax) };
  }

  /** Under an id of its own, or under one that was used before, in the same group or in another. */
  #makeGrouped(queue: KnownQueue, fifo: FifoPlan): GroupedMessage {
    const { random } = this.#client;
    const message = this.#makeBody();
    const group = `g${random.between(1, fifo.groups)}`;
    const used = this.#stage.deduplicationIdsOf(queue);
    if (used.length > 0 && random.chance(fifo.repeatedIds, 10_000)) {
      const before = random.pick(used);
      return { ...message, ...before, ...(random.chance(1, 3) ? { group } : {}) };
    }
    const id = { group, deduplicationId: `d-${message.body}` };
    // Some stay for long, so that they are used again long after.
    if (used.length < USED_IDS_MAX) used.push(id);
    else if (random.chance(1, 4)) used[random.between(0, USED_IDS_MAX - 1)] = id;
    return { ...message, ...id };
  }
}

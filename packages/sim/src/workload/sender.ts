/** A client that sends batches, and never the same body twice. */
import type { KnownQueue } from "./commands.ts";
import { sendRequest } from "./commands.ts";
import type { Client, Stage } from "./stage.ts";

const SMALLEST_BODY_BYTES = 16;
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
    const messages = this.#makeMessages();
    stage.ask(this.#client, sendRequest(queue, messages, this.#client.ids.next()), ({ answer }) => {
      stage.busy -= 1;
      if (answer.kind === "sent") this.acknowledged += messages.length;
      else if (answer.kind === "refused" && answer.reason === "STORAGE_FULL")
        this.refused += messages.length;
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

  #makeMessages(): { body: string; bytes: number; delayMs?: number }[] {
    const { random } = this.#client;
    const { plan } = this.#stage;
    const count = random.between(1, plan.sendMax);
    return Array.from({ length: count }, () => {
      this.#sent += 1;
      const body = `m${this.#client.number}-${this.#sent}`;
      const bytes = random.between(SMALLEST_BODY_BYTES, plan.bodyBytesMax);
      return random.chance(plan.rates.delayed, 10_000)
        ? { body, bytes, delayMs: random.pick(DELAYS_MS) }
        : { body, bytes };
    });
  }
}

/** A client that looks: counters and attributes of queues, and names. */
import { describeRequest, findRequest, listRequest } from "./commands.ts";
import type { Client, Stage } from "./stage.ts";

export class Reader {
  readonly #stage: Stage;
  readonly #client: Client;

  constructor(stage: Stage, client: Client) {
    this.#stage = stage;
    this.#client = client;
  }

  run(): void {
    const stage = this.#stage;
    if (!stage.isSending) return;
    const { random } = this.#client;
    stage.ask(this.#client, this.#pick(), () => {
      stage.later(random.between(0, stage.plan.otherPauseMs), () => this.run());
    });
  }

  #pick(): ReturnType<typeof describeRequest> {
    const { random } = this.#client;
    const queue = random.pick([...this.#stage.queues, ...this.#stage.passing]);
    if (random.chance(1, 6)) return findRequest(queue.catalogued?.name ?? queue.name);
    if (random.chance(1, 10)) return listRequest("");
    return describeRequest(queue);
  }
}

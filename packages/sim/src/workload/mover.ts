/** A client that starts move tasks and cancels some: dead letters back, or the messages of any queue to any other. */
import { TASK_ID_BYTES } from "@kqueuey/queue";
import type { KnownQueue } from "./commands.ts";
import { cancelMoveRequest, startMoveRequest } from "./commands.ts";
import type { Client, Stage } from "./stage.ts";

/** 0: none is asked for. */
const RATES = [0, 2, 20, 200, 500];

export class Mover {
  readonly #stage: Stage;
  readonly #client: Client;
  #started: { readonly queue: KnownQueue; readonly taskId: Uint8Array } | undefined;

  constructor(stage: Stage, client: Client) {
    this.#stage = stage;
    this.#client = client;
  }

  run(): void {
    this.#stage.keepActing(this.#client, (done) => this.#act(done));
  }

  #act(done: () => void): void {
    const stage = this.#stage;
    const { random, ids } = this.#client;
    if (this.#started !== undefined && random.chance(1, 4)) {
      const { queue, taskId } = this.#started;
      stage.ask(this.#client, cancelMoveRequest(queue, taskId, ids.next()), () => done());
      return;
    }
    const queue = this.#pickSource();
    const taskId = Uint8Array.from({ length: TASK_ID_BYTES }, () => random.between(0, 255));
    this.#started = { queue, taskId };
    const isFifo = queue.fifo !== undefined;
    const all = [...stage.queues, ...stage.passing];
    const sameKind = all.filter(({ fifo }) => (fifo !== undefined) === isFifo);
    const destination = random.chance(1, 2) ? undefined : random.pick(sameKind);
    const rate = random.pick(RATES);
    const options = { taskId, destination, perSecond: rate === 0 ? undefined : rate };
    stage.ask(this.#client, startMoveRequest(queue, options, ids.next()), () => done());
  }

  /** Mostly a queue of dead letters, if there is one. */
  #pickSource(): KnownQueue {
    const { random } = this.#client;
    const { plan, queues, passing } = this.#stage;
    const fragile = plan.queues.filter((queue) => queue.maximumReceives > 0);
    const dead =
      queues[(fragile.length > 1 ? random.pick(fragile) : fragile[0])?.deadLetterQueue ?? -1];
    if (dead !== undefined && random.chance(2, 3)) return dead;
    return random.pick([...queues, ...passing]);
  }
}

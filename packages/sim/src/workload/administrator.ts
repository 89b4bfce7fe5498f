/** A client that changes attributes, purges, and makes and deletes queues that live for a short time. */
import type { QueueAttributeChanges, QueueId } from "@kqueuey/queue";
import { DEFAULT_ATTRIBUTES } from "@kqueuey/queue";
import { GROUP } from "../cluster.ts";
import type { CataloguedName, KnownQueue } from "./commands.ts";
import { deleteSteps, describeRequest, purgeRequest, setRequest } from "./commands.ts";
import { createQueue, kindOf } from "./creation.ts";
import { drawFair, drawFairness } from "./fair-plan.ts";
import { drawFifo } from "./fifo-plan.ts";
import { type Client, labelOf, type Stage } from "./stage.ts";

const PASSING_QUEUES_MAX = 3;
/** Values of the attribute that nothing depends on: each is written once, so a read tells which write it saw. */
const MARK_FROM = 1_000;
const MARKS_OF_A_CLIENT = 10_000;
const TIMEOUTS_MS = [100, 300, 1_000, 5_000];
/** Of a FIFO queue, where a change moves the ends of the delays that are under way. */
const DELAYS_MS = [0, 30, 300, 1_500];

export class Administrator {
  readonly #stage: Stage;
  readonly #client: Client;
  #marks = 0;
  #made = 0;

  constructor(stage: Stage, client: Client) {
    this.#stage = stage;
    this.#client = client;
  }

  run(): void {
    this.#stage.keepActing(this.#client, (done) => this.#act(done));
  }

  #act(done: () => void): void {
    const stage = this.#stage;
    const { random } = this.#client;
    const queue = random.pick([...stage.queues, ...stage.passing]);
    if (random.chance(stage.plan.purge, 10_000)) {
      stage.ask(this.#client, purgeRequest(queue, this.#client.ids.next()), done);
    } else if (random.chance(1, this.#makesOtherKinds ? 3 : 10)) {
      this.#comeOrGo(done);
    } else {
      const set = setRequest(queue, this.#changes(queue), this.#client.ids.next());
      stage.ask(this.#client, set, () =>
        stage.ask(this.#client, describeRequest(queue), () => done()),
      );
    }
  }

  #changes(queue: KnownQueue): QueueAttributeChanges {
    const { random } = this.#client;
    const { plan, queues } = this.#stage;
    this.#marks += 1;
    const mark = MARK_FROM + this.#client.number * MARKS_OF_A_CLIENT + this.#marks;
    const changes = { maximumMessageBytes: mark };
    if (queue.fair !== undefined && random.chance(1, 3)) {
      return { ...changes, fairness: drawFairness(random) };
    }
    if (!random.chance(1, 4)) return changes;
    const planned = plan.queues[queues.indexOf(queue)];
    const policy = planned === undefined ? undefined : queues[planned.deadLetterQueue];
    if (planned !== undefined && planned.maximumReceives > 0 && policy !== undefined) {
      const maximumReceives = random.between(1, 4);
      return { ...changes, deadLetter: { queueId: policy.id, group: GROUP, maximumReceives } };
    }
    if (queue.fifo !== undefined && random.chance(1, 2)) {
      return { ...changes, delayMs: random.pick(DELAYS_MS) };
    }
    return { ...changes, visibilityTimeoutMs: random.pick(TIMEOUTS_MS) };
  }

  #comeOrGo(done: () => void): void {
    const stage = this.#stage;
    const most = this.#makesOtherKinds ? 1 : PASSING_QUEUES_MAX;
    if (stage.passing.length >= most) this.#remove(done);
    else this.#make(done);
  }

  get #makesOtherKinds(): boolean {
    return (this.#stage.plan.rare?.otherKinds ?? 0) > 0;
  }

  #make(done: () => void): void {
    const stage = this.#stage;
    const catalogued = this.#takeName();
    const { name } = catalogued;
    const label = labelOf(catalogued);
    const kind = this.#drawKind();
    const attributes = { ...DEFAULT_ATTRIBUTES, ...kindOf(kind) };
    createQueue(stage, this.#client, { name, label, attributes }, (id?: QueueId) => {
      if (id !== undefined) stage.passing.push({ name: label, id, catalogued, ...kind });
      done();
    });
  }

  /** A new one, or one that a queue had that is gone for certain. */
  #takeName(): CataloguedName {
    const { freed } = this.#stage;
    const mayTake = this.#makesOtherKinds && freed.length > 0 && this.#client.random.chance(2, 3);
    const taken = mayTake ? freed.shift() : undefined;
    if (taken !== undefined) return { ...taken, lives: taken.lives + 1 };
    this.#made += 1;
    return { name: `passing-${this.#client.number}-${this.#made}`, lives: 1 };
  }

  /** A standard queue without message groups, mostly. */
  #drawKind(): Pick<KnownQueue, "fifo" | "fair"> {
    const { random } = this.#client;
    const { rare } = this.#stage.plan;
    if (rare === undefined || !random.chance(rare.otherKinds, 10_000)) return {};
    return random.chance(1, 2) ? { fifo: drawFifo(random) } : { fair: drawFair(random) };
  }

  #remove(done: () => void): void {
    const stage = this.#stage;
    const queue = stage.passing.shift();
    if (queue === undefined) {
      done();
      return;
    }
    const steps = deleteSteps(queue, () => this.#client.ids.next());
    let isCertain = true;
    const next = (): void => {
      const step = steps.shift();
      if (step !== undefined) {
        stage.ask(this.#client, step, ({ answer }) => {
          isCertain &&= answer.kind === "done";
          next();
        });
        return;
      }
      if (isCertain && queue.catalogued !== undefined) stage.freed.push(queue.catalogued);
      done();
    };
    next();
  }
}

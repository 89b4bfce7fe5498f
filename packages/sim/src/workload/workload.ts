/** All clients of a simulated run, from the plan; they use the cluster and write down what they saw. */
import { assert, must, type Prng } from "@kqueuey/base";
import type { QueueAttributes, QueueId, QueueMachine } from "@kqueuey/queue";
import { DEFAULT_ATTRIBUTES } from "@kqueuey/queue";
import { GROUP, type SimCluster } from "../cluster.ts";
import { History } from "../history/history.ts";
import { Administrator } from "./administrator.ts";
import { sessionRequest } from "./commands.ts";
import { createQueue, kindOf } from "./creation.ts";
import { Edge } from "./edge.ts";
import { Mover } from "./mover.ts";
import type { QueuePlan, WorkloadPlan } from "./plan.ts";
import { Reader } from "./reader.ts";
import { RequestIds } from "./request-ids.ts";
import { Sender } from "./sender.ts";
import { type Client, Stage } from "./stage.ts";
import { Worker } from "./worker.ts";

const DRAINERS_PER_QUEUE = 3;
const CREATION_LIMIT_MS = 120_000;

export class Workload {
  readonly history: History = new History();
  readonly #stage: Stage;
  readonly #random: Prng;
  readonly #senders: Sender[] = [];
  readonly #workers: Worker[] = [];
  #clients = 0;
  #seen:
    | { readonly machine: QueueMachine; readonly index: number; readonly isEmpty: boolean }
    | undefined;

  constructor(cluster: SimCluster, plan: WorkloadPlan, random: Prng = cluster.random.fork()) {
    this.#random = random;
    this.#stage = new Stage({
      cluster,
      plan,
      edge: new Edge(cluster, this.history, random.fork()),
      random: random.fork(),
    });
  }

  /** Creates the plan's queues, the targets of dead letters first; needs a leader. */
  createQueues(): void {
    const { plan, queues, cluster } = this.#stage;
    const client = this.#newClient();
    for (const place of [...plan.queues.keys()].reverse()) {
      const planned = must(plan.queues[place], "a queue of the plan");
      const { fifo, fair } = planned;
      const attributes = this.#attributesOf(planned);
      let id: QueueId | undefined;
      let over = false;
      const deadLetterQueue =
        attributes.deadLetter === undefined ? undefined : queues[planned.deadLetterQueue]?.name;
      const asked = { name: planned.name, attributes, deadLetterQueue };
      createQueue(this.#stage, client, asked, (made) => {
        id = made;
        over = true;
      });
      cluster.world.runUntil(() => over, CREATION_LIMIT_MS);
      assert(id !== undefined, "a queue was created in time");
      const kind = fifo === undefined ? {} : { fifo };
      queues[place] = { name: planned.name, id, ...kind, ...(fair === undefined ? {} : { fair }) };
    }
  }

  #attributesOf(planned: QueuePlan): QueueAttributes {
    const { visibilityTimeoutMs, delayMs, retentionMs, maximumReceives } = planned;
    const target = this.#stage.queues[planned.deadLetterQueue];
    const deadLetter =
      maximumReceives > 0 && target !== undefined
        ? { queueId: target.id, group: GROUP, maximumReceives }
        : undefined;
    const times = { visibilityTimeoutMs, delayMs, retentionMs };
    return { ...DEFAULT_ATTRIBUTES, ...times, ...kindOf(planned), deadLetter };
  }

  /** The plan's first queue. */
  get queue(): QueueId {
    return must(this.#stage.queues[0], "the queues were created").id;
  }

  /** All clients begin. */
  start(): void {
    const stage = this.#stage;
    const { senders, workers, readers, administrators, movers } = stage.plan;
    stage.isSending = true;
    stage.isCalm = false;
    for (let i = 0; i < senders; i++)
      this.#senders.push(new Sender(stage, this.#newCountingClient()));
    for (let i = 0; i < workers; i++)
      this.#workers.push(new Worker(stage, this.#newCountingClient()));
    for (const client of [...this.#senders, ...this.#workers]) client.run();
    for (let i = 0; i < readers; i++) new Reader(stage, this.#newClient()).run();
    for (let i = 0; i < administrators; i++) new Administrator(stage, this.#newClient()).run();
    for (let i = 0; i < movers; i++) new Mover(stage, this.#newClient()).run();
  }

  /** A client whose requests are counted from now on, if the plan says so, once its session is open. */
  #newCountingClient(): Client {
    const client = this.#newClient();
    const { plan } = this.#stage;
    if (!client.random.chance(plan.sessions, 10_000)) return client;
    this.#stage.ask(client, sessionRequest(client.ids.next()), ({ reply }) => {
      const outcome = reply?.kind === "outcome" ? reply.outcome : undefined;
      if (outcome?.kind === "session") client.ids.countIn(outcome.sessionId);
    });
    return client;
  }

  /** Only workers go on. */
  stopSending(): void {
    this.#stage.isSending = false;
  }

  /** More and better workers, so that a backlog is gone soon. */
  drain(): void {
    const stage = this.#stage;
    stage.isCalm = true;
    const queues = stage.queues.length + stage.passing.length;
    for (let i = 0; i < queues * DRAINERS_PER_QUEUE; i++) {
      const worker = new Worker(stage, this.#newClient());
      this.#workers.push(worker);
      worker.run();
    }
  }

  /** True when no sender or administrator waits for an answer any more. */
  get quiet(): boolean {
    return this.#stage.busy === 0;
  }

  /** Whether nothing is left in any queue that is still used. */
  isEmpty(machine: QueueMachine): boolean {
    const { queues, passing } = this.#stage;
    const seen = this.#seen;
    // Asked after every step of the world, most of which change nothing.
    if (seen?.machine === machine && seen.index === machine.appliedIndex) return seen.isEmpty;
    const isEmpty = [...queues, ...passing].every(({ id }) => {
      const view = machine.describe(id);
      return view !== undefined && view.available + view.inFlight + view.delayed === 0;
    });
    this.#seen = { machine, index: machine.appliedIndex, isEmpty };
    return isEmpty;
  }

  /** What is left, in words. */
  describeRest(machine: QueueMachine | undefined): string {
    const { queues, passing } = this.#stage;
    const rest = [...queues, ...passing].map(({ id, name }) => {
      const view = machine?.describe(id);
      return `${name}: ${view?.available}/${view?.inFlight}/${view?.delayed}`;
    });
    return `quiet ${this.quiet}, available/in flight/delayed ${rest.join(", ")}`;
  }

  /** Effective tombstones so far. */
  get tombstones(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.tombstones, 0);
  }

  /** Sends acknowledged so far. */
  get acknowledged(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.acknowledged, 0);
  }

  /** Sends refused because the disk was full. */
  get refused(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.refused, 0);
  }

  #newClient(): Client {
    this.#clients += 1;
    const random = this.#random.fork();
    return { number: this.#clients, ids: new RequestIds(random.nextU32()), random };
  }
}

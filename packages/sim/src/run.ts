/**
 * One simulated run of a plan: a cluster under load and strikes, then a healed cluster that must finish
 * everything pending, then the verdicts.
 */
import type { Checker, Violation } from "./checkers/checker.ts";
import { allCheckers } from "./checkers/index.ts";
import { SimCluster } from "./cluster.ts";
import { Nemesis } from "./nemesis/apply.ts";
import { type Plan, planOf } from "./plan.ts";
import { Watch } from "./report/watch.ts";
import { stream } from "./streams.ts";
import { Workload } from "./workload/workload.ts";

export interface RunOptions {
  readonly seed: number;
  /** Virtual ms of load with faults. */
  readonly faultyMs: number;
}

export interface RunResult {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** Sends that were acknowledged. */
  readonly acknowledged: number;
  /** Tombstones that were reported effective. */
  readonly tombstones: number;
  /** Strikes that were carried out. */
  readonly faults: number;
  readonly virtualMs: number;
  /** Events of the simulated world. */
  readonly steps: number;
  /** Equal for equal runs. */
  readonly trace: readonly string[];
}

const HEAL_LIMIT_MS = 60_000;
const FIRST_LEADER_LIMIT_MS = 30_000;

/** Runs one seed to its end. */
export function runSeed({ seed, faultyMs }: RunOptions): RunResult {
  return execute(planOf(seed, { faultyMs }));
}

/**
 * Takes the place of the time in which strikes come: a test that leads the cluster into a corner itself, and
 * says what it saw there that no checker can see.
 */
export type Direction = (cluster: SimCluster) => readonly Violation[];

/** Runs a plan to its end; equal plans run equally. */
export function execute(plan: Plan, direction?: Direction): RunResult {
  return new Run(plan).execute(direction);
}

class Run {
  readonly #plan: Plan;
  readonly #cluster: SimCluster;
  readonly #nemesis: Nemesis;
  readonly #workload: Workload;
  readonly #checkers: readonly Checker[];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#checkers = allCheckers({ nodes: plan.nodes });
    const watch = new Watch(this.#checkers, (id, what) => this.#cluster.log(id, what));
    this.#cluster = new SimCluster({
      seed: stream(plan.seed, "cluster").nextU32(),
      nodes: plan.nodes,
      clocks: plan.clocks,
      network: plan.network,
      diskFaults: plan.disk,
      ...plan.sizes,
      observers: [...this.#checkers, watch],
    });
    this.#nemesis = new Nemesis(this.#cluster, plan.network);
    this.#workload = new Workload(this.#cluster, plan.workload);
  }

  execute(direction: Direction | undefined): RunResult {
    const cluster = this.#cluster;
    cluster.startAll();
    cluster.awaitLeader(FIRST_LEADER_LIMIT_MS);
    this.#workload.createQueues();
    this.#workload.start();
    this.#nemesis.begin(this.#plan.strikes);
    const seen = direction?.(cluster) ?? [];
    if (direction === undefined) cluster.world.runFor(this.#plan.faultyMs);
    const drained = this.#heal();
    return {
      plan: this.#plan,
      violations: [...seen, ...this.#judge(drained)],
      acknowledged: this.#workload.acknowledged,
      tombstones: this.#workload.tombstones,
      faults: this.#nemesis.struck,
      virtualMs: cluster.world.nowMs,
      steps: cluster.world.steps,
      trace: cluster.trace,
    };
  }

  /** A majority is well again, then everybody: what is pending must come to an end in bounded time. */
  #heal(): boolean {
    const { world } = this.#cluster;
    const limitMs = HEAL_LIMIT_MS + this.#plan.faultyMs;
    this.#workload.stopSending();
    this.#nemesis.healMajority(this.#plan.lastingMinority);
    this.#workload.drain();
    const drained = world.runUntil(() => this.#isDrained(), limitMs);
    this.#nemesis.healAll();
    return world.runUntil(() => this.#isSettled(), limitMs) && drained;
  }

  #judge(drained: boolean): Violation[] {
    const cluster = this.#cluster;
    const { history } = this.#workload;
    const violations: Violation[] = [];
    const broken = (promise: string, what: string): void => {
      violations.push({ checker: "run", promise, what });
    };
    if (!drained) broken("work goes on once a majority is up", this.#describeRest());
    for (const { node, reason } of cluster.deaths) {
      broken("no node stops by itself", `node ${node}: ${reason}`);
    }
    const states = new Set(cluster.ids.map((id) => this.#stateOf(id)));
    if (drained && states.size > 1) broken("replicas are equal", [...states].join(" / "));
    for (const id of cluster.ids) {
      const what = cluster.replica(id)?.machine.checkInvariants();
      if (what !== undefined) broken("the state's invariants hold", `node ${id}: ${what}`);
    }
    violations.push(...this.#nemesis.violations);
    for (const checker of this.#checkers) {
      checker.ended?.({ drained, nodes: cluster.views(), history });
      violations.push(...checker.violations);
    }
    return violations;
  }

  #stateOf(id: number): string {
    const view = this.#cluster.views().find((each) => each.id === id);
    const machine = view?.replica.machine;
    return machine === undefined ? "down" : `${machine.appliedIndex}:${machine.chainHash}`;
  }

  /** Nobody sends any more, every message is tombstoned. */
  #isDrained(): boolean {
    const cluster = this.#cluster;
    if (!this.#workload.quiet) return false;
    const leader = cluster.leader();
    const replica = leader === undefined ? undefined : cluster.replica(leader);
    if (replica === undefined) return false;
    return this.#workload.isEmpty(replica.machine);
  }

  /** Drained, and every node is a voter again and has applied everything. */
  #isSettled(): boolean {
    const cluster = this.#cluster;
    const leader = cluster.leader();
    const replica = leader === undefined ? undefined : cluster.replica(leader);
    if (replica === undefined || !this.#nemesis.isCured || !this.#isDrained()) return false;
    const { membership, membershipCommitted, lastIndex } = replica.raft.status();
    const voters = membership.members.filter((each) => each.role === "voter").length;
    if (voters < cluster.ids.length || membership.outgoing.length > 0) return false;
    const applied = replica.machine.appliedIndex;
    if (!membershipCommitted || applied < lastIndex) return false;
    return cluster.ids.every((id) => cluster.replica(id)?.machine.appliedIndex === applied);
  }

  #describeRest(): string {
    const cluster = this.#cluster;
    const leader = cluster.leader();
    const machine = leader === undefined ? undefined : cluster.replica(leader)?.machine;
    const states = cluster.ids.map((id) => `${id}=${this.#stateOf(id)}`).join(" ");
    return (
      `leader ${leader ?? "none"}, ${this.#workload.describeRest(machine)}, ${states}, ` +
      `not taken in ${this.#nemesis.patients}`
    );
  }
}

/**
 * One simulated run from one seed: a cluster under load and faults, then a healed cluster that must
 * finish everything pending, then the checkers. Faults stay within the promises' own budget: at most a
 * minority of the nodes is failed at a time, and a wiped node counts as failed until it is re-admitted.
 */
import { type NodeId, Prng } from "@kqueuey/base";
import { checkDelivery, type Violation } from "./checkers/delivery.ts";
import { SimCluster } from "./cluster.ts";
import { CALM_NETWORK } from "./network.ts";
import { Workload } from "./workload.ts";

export interface RunOptions {
  readonly seed: number;
  /** Virtual ms of load with faults. */
  readonly faultyMs: number;
}

export interface RunResult {
  readonly seed: number;
  readonly nodes: number;
  readonly violations: readonly Violation[];
  readonly acknowledged: number;
  readonly tombstones: number;
  readonly faults: number;
  readonly virtualMs: number;
  readonly steps: number;
  /** Equal for equal runs. */
  readonly trace: readonly string[];
}

/** Which fault classes a seed has, and how often they strike. */
interface Swarm {
  readonly crash: boolean;
  readonly power: boolean;
  readonly everybody: boolean;
  readonly pause: boolean;
  readonly partition: boolean;
  readonly oneWay: boolean;
  readonly lossy: boolean;
  readonly wipe: boolean;
  readonly everyMs: number;
}

function swarmOf(random: Prng): Swarm {
  const coin = (): boolean => random.chance(1, 2);
  return {
    crash: coin(),
    power: coin(),
    everybody: random.chance(1, 3),
    pause: coin(),
    partition: coin(),
    oneWay: coin(),
    lossy: coin(),
    wipe: random.chance(1, 3),
    everyMs: random.between(400, 3_000),
  };
}

const HEAL_LIMIT_MS = 60_000;

/** Runs one seed to its end. */
export function runSeed(options: RunOptions): RunResult {
  const random = new Prng(options.seed);
  const nodes = random.pick([3, 3, 3, 5]);
  const swarm = swarmOf(random);
  const slow = random.chance(1, 4);
  const cluster = new SimCluster({
    seed: random.nextU32(),
    nodes,
    diskFaults: slow
      ? { slowSync: { of: 1, outOf: 200 }, slowSyncMs: random.between(50, 900) }
      : {},
  });
  const run = new Run(cluster, { random, swarm, faultyMs: options.faultyMs });
  const violations = run.execute();
  return {
    seed: options.seed,
    nodes,
    violations,
    acknowledged: run.workload.acknowledged,
    tombstones: run.workload.tombstones,
    faults: run.faults,
    virtualMs: cluster.world.nowMs,
    steps: cluster.world.steps,
    trace: cluster.trace,
  };
}

class Run {
  readonly workload: Workload;
  faults = 0;
  readonly #cluster: SimCluster;
  readonly #random: Prng;
  readonly #swarm: Swarm;
  readonly #faultyMs: number;
  /** Nodes that are failed now: down, paused, cut off or not yet re-admitted. */
  readonly #failed = new Set<NodeId>();
  #over = false;

  constructor(
    cluster: SimCluster,
    plan: { readonly random: Prng; readonly swarm: Swarm; readonly faultyMs: number },
  ) {
    this.#cluster = cluster;
    this.#random = plan.random;
    this.#swarm = plan.swarm;
    this.#faultyMs = plan.faultyMs;
    this.workload = new Workload(cluster, {
      senders: plan.random.between(1, 4),
      workers: plan.random.between(1, 5),
      pauseMs: plan.random.pick([5, 50, 300]),
      visibilityTimeoutMs: plan.random.pick([200, 1_000, 5_000]),
    });
  }

  execute(): Violation[] {
    const cluster = this.#cluster;
    cluster.startAll();
    cluster.awaitLeader(30_000);
    this.workload.createQueue();
    this.workload.start();
    if (this.#swarm.lossy) {
      cluster.network.faults = {
        delayMs: { from: 1, to: this.#random.between(2, 60) },
        lossPer10k: this.#random.between(0, 300),
        duplicatePer10k: this.#random.between(0, 200),
        reorder: this.#random.chance(1, 2),
      };
    }
    this.#scheduleFault();
    cluster.world.runFor(this.#faultyMs);
    return this.#heal();
  }

  #scheduleFault(): void {
    const wait = this.#random.between(1, this.#swarm.everyMs);
    this.#cluster.world.schedule(wait, () => {
      if (this.#over) return;
      this.#strike();
      this.#scheduleFault();
    });
  }

  #strike(): void {
    const cluster = this.#cluster;
    const swarm = this.#swarm;
    const kinds: (() => void)[] = [];
    const minority = Math.floor((cluster.ids.length - 1) / 2);
    const healthy = cluster.ids.filter((id) => !this.#failed.has(id));
    if (this.#failed.size < minority && healthy.length > 0) {
      const victim = this.#random.pick(healthy);
      if (swarm.crash) kinds.push(() => this.#crash(victim, "process"));
      if (swarm.power) kinds.push(() => this.#crash(victim, "power"));
      if (swarm.pause) kinds.push(() => this.#pause(victim));
      if (swarm.partition) kinds.push(() => this.#isolate(victim));
      if (swarm.oneWay) kinds.push(() => this.#deafen(victim));
      if (swarm.wipe) kinds.push(() => this.#wipe(victim));
    }
    if (swarm.everybody && this.#failed.size === 0) kinds.push(() => this.#powerCut());
    if (kinds.length === 0) return;
    this.faults += 1;
    this.#random.pick(kinds)();
  }

  #fail(id: NodeId, mend: () => void): void {
    this.#failed.add(id);
    this.#cluster.world.schedule(this.#random.between(10, 4_000), () => {
      mend();
      this.#failed.delete(id);
    });
  }

  #crash(id: NodeId, kind: "process" | "power"): void {
    this.#cluster.crash(id, kind);
    this.#fail(id, () => this.#restart(id));
  }

  #pause(id: NodeId): void {
    this.#cluster.pause(id);
    this.#fail(id, () => this.#cluster.resume(id));
  }

  #isolate(id: NodeId): void {
    this.#cluster.log(id, "isolated");
    this.#cluster.network.isolate(id, this.#cluster.ids);
    this.#fail(id, () => this.#healNetwork());
  }

  #deafen(id: NodeId): void {
    const deaf = this.#random.chance(1, 2);
    this.#cluster.log(id, deaf ? "deaf" : "mute");
    for (const other of this.#cluster.ids) {
      if (other === id) continue;
      if (deaf) this.#cluster.network.cut(other, id);
      else this.#cluster.network.cut(id, other);
    }
    this.#fail(id, () => this.#healNetwork());
  }

  #healNetwork(): void {
    this.#cluster.log(undefined, "network healed");
    this.#cluster.network.heal();
  }

  /** The disk is lost; the node is failed until the others have taken it in again. */
  #wipe(id: NodeId): void {
    this.#cluster.crash(id, "power");
    this.#cluster.wipe(id);
    this.#failed.add(id);
    this.#restart(id);
    const look = (): void => {
      const back = this.#isTakenIn(id);
      if (back || this.#over) this.#failed.delete(id);
      else this.#cluster.world.schedule(50, look);
    };
    this.#cluster.world.schedule(50, look);
  }

  /** Whether the leader counts the node again: its own word is not enough, since it forgot who is a member. */
  #isTakenIn(id: NodeId): boolean {
    const cluster = this.#cluster;
    const own = cluster.replica(id)?.raft.status();
    const leader = cluster.leader();
    const theirs = leader === undefined ? undefined : cluster.replica(leader)?.raft.status();
    if (own === undefined || theirs === undefined || own.probation) return false;
    const member = theirs.membership.members.find((each) => each.id === id);
    const counted = member?.role === "voter" && member.incarnation === own.incarnation;
    return counted && theirs.membershipCommitted && own.durable >= theirs.commit;
  }

  #powerCut(): void {
    this.#cluster.log(undefined, "power cut");
    for (const id of this.#cluster.ids) {
      this.#cluster.crash(id, "power");
      this.#fail(id, () => this.#restart(id));
    }
  }

  #restart(id: NodeId): void {
    if (!this.#cluster.isUp(id)) this.#cluster.start(id);
  }

  /** Everybody is well again: what is pending must come to an end in bounded time. */
  #heal(): Violation[] {
    const cluster = this.#cluster;
    const { world } = cluster;
    this.#over = true;
    cluster.log(undefined, "healing");
    this.workload.stopSending();
    cluster.network.heal();
    cluster.network.faults = CALM_NETWORK;
    for (const id of cluster.ids) {
      cluster.resume(id);
      this.#restart(id);
    }
    this.workload.drain();
    const drained = world.runUntil(() => this.#drained(), HEAL_LIMIT_MS + this.#faultyMs);
    const violations = checkDelivery(this.workload.history);
    if (!drained)
      violations.push({ promise: "work goes on once a majority is up", what: this.#rest() });
    for (const { node, reason } of cluster.deaths) {
      violations.push({ promise: "no node stops by itself", what: `node ${node}: ${reason}` });
    }
    const hashes = new Set(cluster.ids.map((id) => this.#stateOf(id)));
    if (drained && hashes.size > 1) {
      violations.push({ promise: "replicas are equal", what: [...hashes].join(" / ") });
    }
    for (const id of cluster.ids) {
      const broken = cluster.replica(id)?.machine.checkInvariants();
      if (broken !== undefined) {
        violations.push({ promise: "the state's invariants hold", what: `node ${id}: ${broken}` });
      }
    }
    return violations;
  }

  #stateOf(id: NodeId): string {
    const machine = this.#cluster.replica(id)?.machine;
    return machine === undefined ? "down" : `${machine.appliedIndex}:${machine.chainHash}`;
  }

  /** Nobody sends any more, every message is tombstoned, every node has applied everything. */
  #drained(): boolean {
    const cluster = this.#cluster;
    const leader = cluster.leader();
    const replica = leader === undefined ? undefined : cluster.replica(leader);
    if (replica === undefined || !this.workload.quiet) return false;
    const view = replica.machine.describe(this.workload.queue);
    if (view === undefined || view.available + view.inFlight + view.delayed > 0) return false;
    const applied = replica.machine.appliedIndex;
    if (applied < replica.raft.status().lastIndex) return false;
    return cluster.ids.every((id) => cluster.replica(id)?.machine.appliedIndex === applied);
  }

  #rest(): string {
    const cluster = this.#cluster;
    const leader = cluster.leader();
    const machine = leader === undefined ? undefined : cluster.replica(leader)?.machine;
    const view = machine?.describe(this.workload.queue);
    const states = cluster.ids.map((id) => `${id}=${this.#stateOf(id)}`).join(" ");
    return (
      `after ${HEAL_LIMIT_MS} ms: leader ${leader ?? "none"}, senders quiet ${this.workload.quiet}, ` +
      `available ${view?.available}, in flight ${view?.inFlight}, ${states}`
    );
  }
}

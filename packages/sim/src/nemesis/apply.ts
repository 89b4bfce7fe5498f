/**
 * Carries a plan's strikes out on a cluster, each at its time, within the fault budget, and mends what it
 * broke. `heal` mends everything at once.
 */
import type { NodeId } from "@kqueuey/base";
import type { SimCluster } from "../cluster.ts";
import type { NetworkFaults } from "../network.ts";
import { Budget, type VoterSets } from "./budget.ts";
import type { Crash, Isolate, PowerCut, Strike, Victim, Weather, Wipe } from "./strike.ts";

export class Nemesis {
  readonly budget: Budget;
  /** Strikes that were carried out. */
  struck = 0;
  readonly #cluster: SimCluster;
  readonly #calm: NetworkFaults;
  #over = false;

  /** `calm`: the network without faults. */
  constructor(cluster: SimCluster, calm: NetworkFaults) {
    this.#cluster = cluster;
    this.#calm = calm;
    this.budget = new Budget(() => votersByAnyOpinion(cluster));
  }

  /** From now on strikes come, `atMs` after this moment. */
  begin(strikes: readonly Strike[]): void {
    for (const strike of strikes) {
      this.#cluster.world.schedule(strike.atMs, () => {
        if (!this.#over) this.#strike(strike);
      });
    }
  }

  /** Mends everything; nothing is broken any more afterwards. */
  heal(): void {
    const cluster = this.#cluster;
    this.#over = true;
    cluster.log(undefined, "healing");
    cluster.network.heal();
    cluster.network.faults = this.#calm;
    for (const id of cluster.ids) {
      cluster.resume(id);
      this.#restart(id);
    }
  }

  #strike(strike: Strike): void {
    if (this.#apply(strike)) this.struck += 1;
    else this.#cluster.log(undefined, `skipped ${strike.kind}`);
  }

  /** False when the strike may not be now, or has no victim. */
  #apply(strike: Strike): boolean {
    switch (strike.kind) {
      case "crash":
        return this.#withVictim(strike, (id) => this.#crash(id, strike));
      case "pause":
        return this.#withVictim(strike, (id) => {
          this.#cluster.pause(id);
          this.#fail(id, strike.lastsMs, () => this.#cluster.resume(id));
        });
      case "power-cut":
        return this.#powerCut(strike);
      case "wipe":
        return this.#withVictim(strike, (id) => this.#wipe(id, strike));
      case "isolate":
        return this.#withVictim(strike, (id) => this.#isolate(id, strike));
      case "weather":
        return this.#weather(strike);
      case "stall":
      case "rolling-restart":
      case "old-disk":
      case "damage":
      case "disk-errors":
      case "slow-disk":
      case "full-disk":
      case "split":
      case "bridge":
      case "cut-link":
      case "flap":
      case "slow-link":
      case "break-connections":
      case "clock-jump":
      case "transfer":
      case "membership":
        return false;
    }
  }

  /** A healthy node that may fail now. */
  #withVictim(
    strike: { readonly victim: Victim; readonly atMs: number },
    hit: (id: NodeId) => void,
  ): boolean {
    const id = this.#resolve(strike.victim, strike.atMs);
    if (id === undefined || !this.#cluster.isUp(id)) return false;
    if (this.budget.isFailed(id) || !this.budget.allows([id])) return false;
    hit(id);
    return true;
  }

  /** `salt` chooses among the followers. */
  #resolve(victim: Victim, salt: number): NodeId | undefined {
    const { ids } = this.#cluster;
    if (typeof victim === "number") return ids.find((id) => id === victim);
    const leader = this.#cluster.leader();
    if (victim === "leader") return leader;
    const followers = ids.filter((id) => id !== leader);
    return followers[salt % followers.length];
  }

  #fail(id: NodeId, lastsMs: number, mend: () => void): void {
    const release = this.budget.hold(id);
    this.#cluster.world.schedule(lastsMs, () => {
      release();
      mend();
    });
  }

  #crash(id: NodeId, strike: Crash): void {
    this.#cluster.crash(id, strike.power ? "power" : "process");
    this.#fail(id, strike.lastsMs, () => this.#restart(id));
  }

  #powerCut(strike: PowerCut): boolean {
    if (this.budget.failed > 0) return false;
    this.#cluster.log(undefined, "power cut");
    const { ids } = this.#cluster;
    ids.forEach((id, ordinal) => {
      this.#cluster.crash(id, "power");
      const lastsMs = Math.ceil((strike.lastsMs * (ordinal + 1)) / ids.length);
      this.#fail(id, lastsMs, () => this.#restart(id));
    });
    return true;
  }

  /** The disk is lost; the node is failed until the others have taken it in again. */
  #wipe(id: NodeId, strike: Wipe): void {
    this.#cluster.crash(id, "power");
    this.#cluster.wipe(id);
    const release = this.budget.hold(id);
    this.#cluster.world.schedule(strike.lastsMs, () => {
      this.#restart(id);
      this.#whenTakenIn(id, release);
    });
  }

  #whenTakenIn(id: NodeId, then: () => void): void {
    if (this.#isTakenIn(id)) then();
    else this.#cluster.world.schedule(50, () => this.#whenTakenIn(id, then));
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

  #isolate(id: NodeId, strike: Isolate): void {
    const { network, ids } = this.#cluster;
    this.#cluster.log(id, `isolated (${strike.ways})`);
    for (const other of ids) {
      if (other === id) continue;
      if (strike.ways !== "out") network.cut(other, id);
      if (strike.ways !== "in") network.cut(id, other);
    }
    this.#fail(id, strike.lastsMs, () => {
      this.#cluster.log(undefined, "network healed");
      network.heal();
    });
  }

  #weather(strike: Weather): boolean {
    const { network, world } = this.#cluster;
    const { delayMsMax, lossPer10k, duplicatePer10k, reorder } = strike;
    this.#cluster.log(undefined, "bad weather");
    network.faults = {
      delayMs: { from: 1, to: delayMsMax },
      lossPer10k,
      duplicatePer10k,
      reorder,
    };
    const { faults } = network;
    world.schedule(strike.lastsMs, () => {
      if (network.faults === faults) network.faults = this.#calm;
    });
    return true;
  }

  #restart(id: NodeId): void {
    if (!this.#cluster.isUp(id)) this.#cluster.start(id);
  }
}

/** The voters of every membership that some node acts under. */
function votersByAnyOpinion(cluster: SimCluster): VoterSets {
  const sets: NodeId[][] = [];
  for (const id of cluster.ids) {
    const status = cluster.replica(id)?.raft.status();
    if (status === undefined || status.probation) continue;
    const { members, outgoing } = status.membership;
    sets.push(members.filter((each) => each.role === "voter").map((each) => each.id));
    if (outgoing.length > 0) sets.push(outgoing.map((each) => each.id));
  }
  return sets.length > 0 ? sets : [cluster.ids];
}

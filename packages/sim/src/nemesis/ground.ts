/**
 * Where the nemesis stands: the cluster, the fault budget, and what is still to be mended. Whatever a strike
 * broke is put here with the time at which it mends itself; healing mends all of it at once.
 */
import type { NodeId } from "@kqueuey/base";
import type { RaftStatus } from "@kqueuey/raft";
import type { SimCluster } from "../cluster.ts";
import type { NetworkFaults } from "../network.ts";
import { Budget, type Electorate } from "./budget.ts";
import type { Victim } from "./strike.ts";

export class Ground {
  readonly cluster: SimCluster;
  readonly budget: Budget;
  /** The network when nothing is wrong with it. */
  readonly calmNetwork: NetworkFaults;
  /** True once all is healed: no strike begins any more. */
  isOver = false;
  /** Undone when its time comes or when all is healed, once. */
  readonly #mends = new Set<() => void>();

  constructor(cluster: SimCluster, calmNetwork: NetworkFaults) {
    this.cluster = cluster;
    this.calmNetwork = calmNetwork;
    this.budget = new Budget(() => electoratesByAnyOpinion(cluster));
  }

  log(id: NodeId | undefined, what: string): void {
    this.cluster.log(id, what);
  }

  /** Does something later, come what may. */
  later(delayMs: number, task: () => void): void {
    this.cluster.world.schedule(delayMs, task);
  }

  /** Mends something after `lastsMs`, or when all is healed. */
  mendLater(lastsMs: number, mend: () => void): void {
    const once = (): void => {
      if (this.#mends.delete(once)) mend();
    };
    this.#mends.add(once);
    this.cluster.world.schedule(lastsMs, once);
  }

  /** The node is failed for `lastsMs`, and mended then. */
  fail(id: NodeId, lastsMs: number, mend: () => void): void {
    const release = this.budget.hold(id);
    this.mendLater(lastsMs, () => {
      release();
      mend();
    });
  }

  /** Mends everything that mends itself sooner or later. */
  mendAll(): void {
    this.isOver = true;
    for (const mend of [...this.#mends]) mend();
  }

  /** The node that a strike means; `salt` chooses among the followers. */
  resolve(victim: Victim, salt: number): NodeId | undefined {
    const { ids } = this.cluster;
    if (typeof victim === "number") return ids.find((id) => id === victim);
    const leader = this.cluster.leader();
    if (victim === "leader") return leader;
    const followers = ids.filter((id) => id !== leader);
    return followers[salt % followers.length];
  }

  /** A node that is up, well, and may fail now. */
  victim(strike: { readonly victim: Victim; readonly atMs: number }): NodeId | undefined {
    const id = this.resolve(strike.victim, strike.atMs);
    if (id === undefined || !this.cluster.isUp(id)) return undefined;
    return !this.budget.isFailed(id) && this.budget.allows([id]) ? id : undefined;
  }

  restart(id: NodeId): void {
    if (!this.cluster.isUp(id)) this.cluster.start(id);
  }

  /** The status of the node that leads, as it sees it. */
  leaderStatus(): RaftStatus | undefined {
    const leader = this.cluster.leader();
    return leader === undefined ? undefined : this.cluster.replica(leader)?.raft.status();
  }

  /**
   * Whether the leader counts the node, or has no use for it. The node's own word is not enough, since one
   * that forgot everything has also forgotten who is a member.
   */
  isTakenIn(id: NodeId): boolean {
    const own = this.cluster.replica(id)?.raft.status();
    const theirs = this.leaderStatus();
    if (own === undefined || theirs === undefined || !theirs.membershipCommitted) return false;
    const { members, outgoing } = theirs.membership;
    if (outgoing.length > 0) return false;
    const member = members.find((each) => each.id === id);
    if (member === undefined) return true;
    const counted = member.role !== "joining" && member.incarnation === own.incarnation;
    return counted && !own.probation && own.durable >= theirs.commit;
  }
}

/** The voters of every membership that some node acts under, or will when it is up again. */
function electoratesByAnyOpinion(cluster: SimCluster): readonly Electorate[] {
  const all: Electorate[] = [];
  for (const id of cluster.ids) {
    const membership = cluster.membershipOf(id);
    if (membership === undefined) continue;
    const { members, outgoing } = membership;
    const inRole = (role: "voter" | "joining"): NodeId[] =>
      members.filter((each) => each.role === role).map((each) => each.id);
    all.push({ voters: inRole("voter"), joining: inRole("joining") });
    if (outgoing.length > 0) all.push({ voters: outgoing.map((each) => each.id), joining: [] });
  }
  return all.length > 0 ? all : [{ voters: cluster.ids, joining: [] }];
}

/** Nothing ever damages a disk here, so nobody may find damage on one, however a node ends. */
import type { NodeId } from "@kqueuey/base";
import type { Violation } from "../../src/checkers/checker.ts";
import type { SimCluster } from "../../src/cluster.ts";
import type { Direction } from "../../src/run.ts";
import { followersOf, NOTHING_SEEN, statusOf } from "./stage.ts";

const SLOW_ROUNDS = 8;
const KILLED_ROUNDS = 30;

/**
 * The leader's disk is slow now and then, and it loses power again and again: a checkpoint that ran ahead of
 * the log would look like damage.
 */
export const slowThenUnplugged: Direction = (cluster) => {
  for (let round = 0; round < SLOW_ROUNDS; round++) {
    const leader = cluster.awaitLeader(10_000);
    const { faults } = cluster.disk(leader);
    // Mostly quick, so that a checkpoint's few syncs overtake a write of the log.
    faults.slowSync = { of: 3, outOf: 10 };
    faults.slowSyncMs = 500;
    cluster.world.runFor(cluster.random.between(600, 1_200));
    cluster.crash(leader, "power");
    faults.slowSync = { of: 0, outOf: 1 };
    const seen = startAndAsk(cluster, leader);
    if (seen.length > 0) return seen;
    cluster.world.runFor(300);
  }
  return NOTHING_SEEN;
};

/**
 * A follower's process is killed, starts on what the host's cache had of its last write, and then the power
 * goes: what it read at its start must have been made durable.
 */
export const killedThenUnplugged: Direction = (cluster) => {
  for (let round = 0; round < KILLED_ROUNDS; round++) {
    const [victim] = followersOf(cluster, cluster.awaitLeader(10_000));
    if (victim === undefined) return NOTHING_SEEN;
    cluster.world.runFor(cluster.random.between(30, 120));
    cluster.crash(victim, "process");
    const first = startAndAsk(cluster, victim);
    if (first.length > 0) return first;
    cluster.crash(victim, "power");
    const second = startAndAsk(cluster, victim);
    if (second.length > 0) return second;
  }
  return NOTHING_SEEN;
};

/** Starts the node and looks whether it believes what it has. */
function startAndAsk(cluster: SimCluster, id: NodeId): Violation[] {
  cluster.start(id);
  cluster.world.runUntil(() => statusOf(cluster, id) !== undefined, 3_000);
  if (statusOf(cluster, id)?.probation === false) return [];
  const promise = "a disk that was never damaged is believed";
  return [{ checker: "scenario", promise, what: `node ${id} does not trust its disk` }];
}

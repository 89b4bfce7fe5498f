/** Corners of membership change. */
import type { NodeId } from "@kqueuey/base";
import type { SimCluster } from "../../src/cluster.ts";
import type { Direction } from "../../src/run.ts";
import { followersOf, leads, NOTHING_SEEN, part, statusOf } from "./stage.ts";

/**
 * Two of five are learners. The leader and they are cut off from the other two voters: a majority of the
 * nodes, but not of those that vote. Then the two voters elect one of their own.
 */
export const learnersOnly: Direction = (cluster) => {
  const { world } = cluster;
  const leader = cluster.awaitLeader(10_000);
  const [one, two, ...voters] = followersOf(cluster, leader);
  if (one === undefined || two === undefined || voters.length < 2) return NOTHING_SEEN;
  if (!demote(cluster, leader, [one, two])) return NOTHING_SEEN;
  if (!world.runUntil(() => isSettled(cluster), 3_000)) return NOTHING_SEEN;
  const mend = part(cluster, [leader, one, two], voters);
  world.runFor(500);
  mend();
  part(cluster, [leader], [one, two, ...voters]);
  world.runUntil(() => voters.some((id) => leads(cluster, id)), 5_000);
  world.runFor(500);
  return NOTHING_SEEN;
};

/**
 * Two of five lose their vote at once. The leader and one more, a majority of those that stay, are cut off
 * from the other three, a majority of those that were.
 */
export const halfOfAJointChange: Direction = (cluster) => {
  const { world } = cluster;
  const leader = cluster.awaitLeader(10_000);
  const [one, two, partner, last] = followersOf(cluster, leader);
  if (one === undefined || two === undefined || partner === undefined || last === undefined) {
    return NOTHING_SEEN;
  }
  part(cluster, [leader, partner], [one, two, last]);
  if (!demote(cluster, leader, [one, two])) return NOTHING_SEEN;
  world.runUntil(() => [one, two, last].some((id) => leads(cluster, id)), 5_000);
  world.runFor(500);
  return NOTHING_SEEN;
};

/**
 * Three of five have the newest entries. One of them dies, another loses its disk: the two that lag and the
 * one that forgot are a majority, and must not elect.
 */
export const forgottenMajority: Direction = (cluster) => {
  const { world, network } = cluster;
  const leader = cluster.awaitLeader(10_000);
  const [wiped, , ...lagging] = followersOf(cluster, leader);
  if (wiped === undefined || lagging.length < 2) return NOTHING_SEEN;
  for (const id of lagging) network.slow(leader, id, 4_000);
  world.runFor(300);
  cluster.crash(leader, "power");
  cluster.crash(wiped, "power");
  cluster.wipe(wiped);
  cluster.start(wiped);
  world.runUntil(() => cluster.ids.some((id) => leads(cluster, id)), 5_000);
  world.runFor(500);
  return NOTHING_SEEN;
};

function demote(cluster: SimCluster, leader: NodeId, ids: readonly NodeId[]): boolean {
  const raft = cluster.replica(leader)?.raft;
  return raft?.changeMembership(ids.map((id) => ({ kind: "demote", id }))).ok === true;
}

function isSettled(cluster: SimCluster): boolean {
  return cluster.ids.every((id) => {
    const status = statusOf(cluster, id);
    if (status === undefined || !status.membershipCommitted) return false;
    const { members, outgoing } = status.membership;
    return outgoing.length === 0 && members.some((member) => member.role === "learner");
  });
}

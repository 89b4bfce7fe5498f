/**
 * Two nodes campaign in one term. The third votes for the first, restarts, and is asked by the second, whose
 * disk took its time with its own vote.
 */
import type { Direction } from "../../src/run.ts";
import { followersOf, leads, NOTHING_SEEN, part, statusOf } from "./stage.ts";

const SLOW_SYNC_MS = 450;

export const twoCandidates: Direction = (cluster) => {
  const { world } = cluster;
  const voter = cluster.awaitLeader(10_000);
  const [fast, slow] = followersOf(cluster, voter);
  if (fast === undefined || slow === undefined) return NOTHING_SEEN;
  part(cluster, [fast], [slow]);
  cluster.disk(slow).faults.syncLatencyMs = { from: SLOW_SYNC_MS, to: SLOW_SYNC_MS };
  cluster.crash(voter, "process");
  world.runFor(5);
  cluster.start(voter);
  world.runUntil(() => leads(cluster, fast) || leads(cluster, slow), 5_000);
  const isRace = leads(cluster, fast) && statusOf(cluster, slow)?.role === "candidate";
  if (!isRace) return NOTHING_SEEN;
  part(cluster, [fast], [voter]);
  cluster.crash(voter, "process");
  world.runFor(1);
  cluster.start(voter);
  world.runFor(2_000);
  return NOTHING_SEEN;
};

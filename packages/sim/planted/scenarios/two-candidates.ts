/**
 * Two nodes campaign in one term. The third votes for the first, restarts, and is asked by the second, whose
 * disk took its time with its own vote.
 */
import type { NodeId } from "@kqueuey/base";
import type { SimCluster } from "../../src/cluster.ts";
import type { Direction } from "../../src/run.ts";
import { followersOf, leads, NOTHING_SEEN, part, statusOf } from "./stage.ts";

/** Shorter than any election timeout. */
const SLOW_SYNC_MS = 500;
/** The two begin at random times: it takes some elections until they race. */
const ELECTIONS_MAX = 12;

export const twoCandidates: Direction = (cluster) => {
  for (let election = 0; election < ELECTIONS_MAX; election++) {
    const voter = cluster.awaitLeader(10_000);
    const [fast, slow] = followersOf(cluster, voter);
    if (fast === undefined || slow === undefined) break;
    cluster.world.runFor(200);
    if (race(cluster, { voter, fast, slow })) break;
  }
  return NOTHING_SEEN;
};

interface Racers {
  readonly voter: NodeId;
  readonly fast: NodeId;
  readonly slow: NodeId;
}

/** False when one of the two came too late to campaign in the same term. */
function race(cluster: SimCluster, { voter, fast, slow }: Racers): boolean {
  const { world } = cluster;
  const { faults } = cluster.disk(slow);
  const briskMs = faults.syncLatencyMs;
  const mend = part(cluster, [fast], [slow]);
  faults.syncLatencyMs = { from: SLOW_SYNC_MS, to: SLOW_SYNC_MS };
  restart(cluster, voter);
  world.runUntil(() => leads(cluster, fast) || leads(cluster, slow), 5_000);
  const isRace = leads(cluster, fast) && statusOf(cluster, slow)?.role === "candidate";
  if (isRace) {
    // The voter hears no more of the first: its vote is all that it could remember.
    part(cluster, [fast], [voter]);
    restart(cluster, voter);
    world.runFor(2_000);
  }
  faults.syncLatencyMs = briskMs;
  mend();
  return isRace;
}

function restart(cluster: SimCluster, id: NodeId): void {
  cluster.crash(id, "process");
  cluster.world.runFor(1);
  cluster.start(id);
}

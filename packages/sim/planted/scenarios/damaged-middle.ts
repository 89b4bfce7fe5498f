/** While a follower is down, a bit in the middle of its log turns over: it must say so when it starts. */
import type { NodeId } from "@kqueuey/base";
import type { Violation } from "../../src/checkers/checker.ts";
import type { SimCluster } from "../../src/cluster.ts";
import type { Direction } from "../../src/run.ts";
import { followersOf, NOTHING_SEEN, statusOf } from "./stage.ts";

const BLOCK_BYTES = 4_096;

export const damagedMiddle: Direction = (cluster) => {
  const { world } = cluster;
  const leader = cluster.awaitLeader(10_000);
  const [victim] = followersOf(cluster, leader);
  if (victim === undefined) return NOTHING_SEEN;
  world.runFor(1_500);
  cluster.crash(victim, "process");
  if (!damage(cluster, victim)) return NOTHING_SEEN;
  cluster.start(victim);
  world.runUntil(() => statusOf(cluster, victim) !== undefined, 3_000);
  // Whether the others would notice later is another promise.
  const isTold = statusOf(cluster, victim)?.probation !== false;
  return isTold ? NOTHING_SEEN : [cutSilently(victim)];
};

/** Turns over a bit of a group in the middle of the newest segment. */
function damage(cluster: SimCluster, id: NodeId): boolean {
  const disk = cluster.disk(id);
  const segments = disk.files().filter(({ path }) => path.endsWith(".seg"));
  const newest = segments.findLast(({ path }) => usedBlocks(disk.contents(path)) > 8);
  if (newest === undefined) return false;
  const middle = Math.floor(usedBlocks(disk.contents(newest.path)) / 2);
  disk.flipBit(newest.path, middle * BLOCK_BYTES + 20, 3);
  return true;
}

function usedBlocks(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return Math.ceil(end / BLOCK_BYTES);
}

function cutSilently(id: NodeId): Violation {
  const promise = "damage is told, never cut away";
  return { checker: "scenario", promise, what: `node ${id} went on with a log cut in its middle` };
}

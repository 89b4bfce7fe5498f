/**
 * The paper's figure 8: entries of an old term reach a majority under a later leader, before that leader's own
 * entry does; a node with a newer term in its log can still win and replace them.
 */
import type { Direction } from "../../src/run.ts";
import { followersOf, leads, NOTHING_SEEN, part, proposeBallast, statusOf } from "./stage.ts";

/** More than a frame all together, so that they travel apart from the next leader's first entry. */
const BALLAST = { entries: 4, bytes: 100_000 } as const;

export const figure8: Direction = (cluster) => {
  const { world } = cluster;
  const first = cluster.awaitLeader(10_000);
  const [partner, ...rest] = followersOf(cluster, first);
  if (partner === undefined || rest.length < 3) return NOTHING_SEEN;
  const pair = [first, partner];
  const mendPair = part(cluster, pair, rest);
  const before = statusOf(cluster, first)?.lastIndex ?? 0;
  for (let i = 0; i < BALLAST.entries; i++) {
    proposeBallast(cluster, first, BALLAST.bytes);
    world.runFor(40);
  }
  world.runUntil(() => rest.some((id) => leads(cluster, id)), 5_000);
  const second = rest.find((id) => leads(cluster, id));
  if (second === undefined) return NOTHING_SEEN;
  const term = statusOf(cluster, second)?.term ?? 0;
  const others = rest.filter((id) => id !== second);
  const mendSecond = part(cluster, [second], others);
  mendPair();
  part(cluster, pair, [second]);
  // The ballast counts as committed although the later leader's own entry is not.
  const isCounted = (): boolean =>
    pair.some((id) => {
      const status = statusOf(cluster, id);
      return status?.role === "leader" && status.term > term && status.commit > before;
    });
  world.runUntil(isCounted, 8_000);
  part(cluster, pair, others);
  mendSecond();
  world.runUntil(() => leads(cluster, second) && isFollowed(second), 8_000);
  return NOTHING_SEEN;

  function isFollowed(id: typeof second): boolean {
    return others.some((other) => statusOf(cluster, other)?.leader === id);
  }
};

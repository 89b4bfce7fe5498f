/** Whether a grant may still be handed to the one who asked. */
import type { ClusterTimeMs } from "@kqueuey/base";
import type { GrantedOutcome } from "@kqueuey/queue";

/**
 * A worker is to have at least half of its lease when it gets a message: a grant that lay about for longer, because
 * a node was paused, is given back instead. Without a cluster time there is nothing to compare with.
 */
export function isFreshGrant(grant: GrantedOutcome, now: ClusterTimeMs | undefined): boolean {
  if (grant.count === 0 || grant.leaseMs === 0 || now === undefined) return true;
  let earliest = Number.POSITIVE_INFINITY;
  for (const deadline of grant.deadlines) earliest = Math.min(earliest, deadline);
  return earliest - now >= grant.leaseMs / 2;
}

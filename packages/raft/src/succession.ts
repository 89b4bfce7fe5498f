/** Who tries first when a leader's connections close everywhere at once. */
import type { NodeId } from "@kqueuey/base";
import { voterSets } from "./quorum/joint.ts";
import { type Core, isPromotable } from "./state.ts";

/** This node's place among the voters other than `lost`, by id, from 0; undefined if it may not lead. */
export function successionRank(core: Core, lost: NodeId): number | undefined {
  if (!isPromotable(core)) return undefined;
  const { incoming, outgoing } = voterSets(core.memberships.latest.membership);
  const before = new Set<NodeId>();
  for (const { id } of [...incoming, ...outgoing]) {
    if (id !== lost && id < core.config.id) before.add(id);
  }
  return before.size;
}

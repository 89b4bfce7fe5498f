/** Changes of a seed's plan that make a planted bug matter sooner. Options of the plan alone. */
import { TRUE_CLOCK } from "../src/clocks.ts";
import type { Plan } from "../src/plan.ts";

const KIB = 1024;

/** So many nodes, true clocks, a brisk network and disk, room for large entries, no strikes: for scenarios. */
export function withNodes(plan: Plan, nodes: number): Plan {
  return {
    ...plan,
    nodes,
    clocks: Array.from({ length: nodes }, () => TRUE_CLOCK),
    network: { delayMs: { from: 1, to: 2 }, lossPer10k: 0, duplicatePer10k: 0, reorder: false },
    disk: {
      readLatencyMs: { from: 0, to: 1 },
      writeLatencyMs: { from: 0, to: 1 },
      syncLatencyMs: { from: 1, to: 3 },
    },
    sizes: { ...plan.sizes, walSegmentBytes: 1024 * KIB },
    strikes: [],
  };
}

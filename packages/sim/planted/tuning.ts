/**
 * Changes of a seed's plan that make a planted bug matter soon: a small plain load on a quiet cluster, and one
 * kind of strike at a steady pace. Options of the plan alone; the code without the bug runs the same plans.
 */
import { TRUE_CLOCK } from "../src/clocks.ts";
import type { Strike } from "../src/nemesis/strike.ts";
import type { Plan } from "../src/plan.ts";
import {
  type FairPlan,
  type FifoPlan,
  plainWorkload,
  type RarePlan,
  type WorkloadPlan,
} from "../src/workload/plan.ts";

const KIB = 1024;
const VISIBILITY_TIMEOUT_MS = 600;

/** A quiet cluster of so many nodes under a plain load, with room for large entries. */
export function quiet(plan: Plan, nodes = 3): Plan {
  return {
    ...plan,
    nodes,
    faultyMs: 3_000,
    clocks: Array.from({ length: nodes }, () => TRUE_CLOCK),
    network: { delayMs: { from: 1, to: 2 }, lossPer10k: 0, duplicatePer10k: 0, reorder: false },
    disk: {
      readLatencyMs: { from: 0, to: 1 },
      writeLatencyMs: { from: 0, to: 1 },
      syncLatencyMs: { from: 1, to: 3 },
    },
    sizes: { ...plan.sizes, walSegmentBytes: 1024 * KIB },
    workload: { ...plainWorkload(VISIBILITY_TIMEOUT_MS), pauseMs: 40 },
    strikes: [],
    lastingMinority: [],
  };
}

/** One strike after another, with time to recover. */
export const PACE = { everyMs: 900, faultyMs: 5_500 } as const;

/** The plan with disks that take their time, so that much is under way when the power goes. */
export function slowDisks(plan: Plan): Plan {
  return { ...plan, disk: { ...plan.disk, syncLatencyMs: { from: 50, to: 120 } } };
}

/** The plan with disks that are slow to read, so that a restart takes its time. */
export function slowReads(plan: Plan): Plan {
  return { ...plan, disk: { ...plan.disk, readLatencyMs: { from: 60, to: 120 } } };
}

/** The plan with a queue whose messages go to another after two receives. */
export function fragile(plan: Plan): Plan {
  const [orders] = plainWorkload(VISIBILITY_TIMEOUT_MS).queues;
  if (orders === undefined) return plan;
  const fragileOrders = { ...orders, maximumReceives: 2, deadLetterQueue: 1 };
  return withLoad(plan, { queues: [fragileOrders, { ...orders, name: "dead" }] });
}

/** The plan with FIFO queues in the place of its queues. */
export function inOrder(plan: Plan, fifo: Partial<FifoPlan> = {}): Plan {
  const usual = { deduplicationScope: "queue", groups: 3, repeatedIds: 0, attempts: 0 } as const;
  const queues = plan.workload.queues.map((queue) => ({ ...queue, fifo: { ...usual, ...fifo } }));
  return withLoad(plan, { queues });
}

/** The plan with message groups in its queues, some of which are noisy before long. */
export function withGroups(plan: Plan, fair: Partial<FairPlan> = {}): Plan {
  const fairness = { inFlightMin: 2, inFlightPercent: 25 };
  const usual = { groups: 6, loud: 6_000, ungrouped: 1_000, fairness };
  const queues = plan.workload.queues.map((queue) => ({ ...queue, fair: { ...usual, ...fair } }));
  return withLoad(plan, { queues });
}

/** The plan with clients that ask for what few do. */
export function withRare(plan: Plan, rare: Partial<RarePlan>): Plan {
  const none = { bounded: 0, inFlightMax: 1, revive: 0, otherKinds: 0 };
  return withLoad(plan, { rare: { ...none, ...rare } });
}

/** The plan with leases that are over before a short pause is. */
export function shortLeases(plan: Plan): Plan {
  const queues = plan.workload.queues.map((queue) => ({ ...queue, visibilityTimeoutMs: 250 }));
  return withLoad(plan, { queues });
}

/** The plan with a queue that keeps its messages for a second. */
export function fleeting(plan: Plan): Plan {
  const queues = plan.workload.queues.map((queue) => ({ ...queue, retentionMs: 1_000 }));
  return withLoad(plan, { queues });
}

/** The plan with other clients. */
export function withLoad(plan: Plan, load: Partial<WorkloadPlan>): Plan {
  return { ...plan, workload: { ...plan.workload, ...load } };
}

/** The plan with other chances of mischief by its clients. */
export function withRates(plan: Plan, rates: Partial<WorkloadPlan["rates"]>): Plan {
  return withLoad(plan, { rates: { ...plan.workload.rates, ...rates } });
}

/** The plan with small files and caches, so that checkpoints, snapshots and compaction come soon. */
export function withSmallFiles(plan: Plan): Plan {
  const sizes = {
    walSegmentBytes: 128 * KIB,
    checkpointEveryBytes: 8 * KIB,
    retainedBytesMax: 4 * KIB,
    cacheBytesMax: KIB,
  };
  return { ...plan, sizes };
}

/** The plan with these strikes, again and again for `faultyMs`. */
export function withStrikes(
  plan: Plan,
  pace: { readonly everyMs: number; readonly faultyMs: number },
  strikesAt: (atMs: number) => readonly Strike[],
): Plan {
  const strikes: Strike[] = [];
  for (let atMs = pace.everyMs; atMs < pace.faultyMs; atMs += pace.everyMs) {
    strikes.push(...strikesAt(atMs));
  }
  strikes.sort((a, b) => a.atMs - b.atMs);
  return { ...plan, faultyMs: pace.faultyMs, strikes };
}

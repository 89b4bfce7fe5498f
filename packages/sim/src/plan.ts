/**
 * A whole run as plain data: the cluster, its clocks, network and disks, the load, and what goes wrong when.
 * Drawn from a seed alone; a plan that was written down and read again runs the same.
 */
import type { Prng } from "@kqueuey/base";
import type { ClockPlan } from "./clocks.ts";
import type { LatencyMs } from "./disk.ts";
import { drawStrikes } from "./nemesis/draw.ts";
import type { Strike } from "./nemesis/strike.ts";
import type { NetworkFaults } from "./network.ts";
import { stream } from "./streams.ts";
import { drawFairQueues } from "./workload/fair-plan.ts";
import { drawFifoQueues } from "./workload/fifo-plan.ts";
import { drawWorkload, type WorkloadPlan } from "./workload/plan.ts";
import { drawRare } from "./workload/rare-plan.ts";

/** How a disk behaves when nothing is wrong with it. */
export interface DiskPlan {
  readonly readLatencyMs: LatencyMs;
  readonly writeLatencyMs: LatencyMs;
  readonly syncLatencyMs: LatencyMs;
}

/** Small sizes make checkpoints, compaction and snapshots happen in short runs. */
export interface SizePlan {
  readonly walSegmentBytes: number;
  readonly checkpointEveryBytes: number;
  readonly retainedBytesMax: number;
  readonly cacheBytesMax: number;
}

export interface Plan {
  readonly seed: number;
  /** 3 to 7. */
  readonly nodes: number;
  /** Virtual ms of load with faults. */
  readonly faultyMs: number;
  /** One for each node. */
  readonly clocks: readonly ClockPlan[];
  /** The network when nothing is wrong with it. */
  readonly network: NetworkFaults;
  readonly disk: DiskPlan;
  readonly sizes: SizePlan;
  readonly workload: WorkloadPlan;
  /** In order of time. */
  readonly strikes: readonly Strike[];
  /** Nodes that stay down after the faulty phase until the others have finished everything without them. */
  readonly lastingMinority: readonly number[];
}

/** What a caller chooses; everything else is drawn. */
export interface PlanSize {
  readonly faultyMs: number;
  /** As seeds were drawn when there were no other queues yet; absent: as they are today. */
  readonly only?: "standard" | "fifo";
}

const KIB = 1024;
/** Two machines' clock rates differ by at most 0.1 %. */
const DRIFT_PPM_MAX = 500;

/** The plan of a seed. */
export function planOf(seed: number, size: PlanSize): Plan {
  const random = stream(seed, "plan");
  const nodes = random.pick([3, 3, 3, 3, 4, 5, 5, 6, 7]);
  const standard = drawWorkload(stream(seed, "workload plan"));
  return {
    seed,
    nodes,
    faultyMs: size.faultyMs,
    clocks: Array.from({ length: nodes }, () => drawClock(random)),
    network: drawNetwork(random),
    disk: drawDisk(random),
    sizes: withoutCache(seed, drawSizes(random), size.only),
    workload: withMore(seed, standard, size.only),
    strikes: drawStrikes(stream(seed, "strikes"), { nodes, faultyMs: size.faultyMs }),
    lastingMinority: drawMinority(random, nodes),
  };
}

/** FIFO queues, standard ones with message groups, rare requests: each from a stream of its own. */
function withMore(seed: number, workload: WorkloadPlan, only: PlanSize["only"]): WorkloadPlan {
  const queues = [...workload.queues];
  if (only !== "standard")
    queues.push(...drawFifoQueues(stream(seed, "fifo queues"), queues.length));
  if (only === undefined)
    queues.push(...drawFairQueues(stream(seed, "fair queues"), queues.length));
  const rare = only === undefined ? drawRare(stream(seed, "rare requests")) : undefined;
  return { ...workload, queues, ...(rare === undefined ? {} : { rare }) };
}

/** Now and then no body stays in memory, so that every receive reads from the disk. */
function withoutCache(seed: number, sizes: SizePlan, only: PlanSize["only"]): SizePlan {
  const isWithout = only === undefined && stream(seed, "no cache").chance(1, 6);
  return isWithout ? { ...sizes, cacheBytesMax: 0 } : sizes;
}

function drawMinority(random: Prng, nodes: number): number[] {
  if (random.chance(1, 2)) return [];
  const ids = Array.from({ length: nodes }, (_, at) => at + 1);
  return random.shuffle(ids).slice(0, random.between(1, Math.floor((nodes - 1) / 2)));
}

function drawClock(random: Prng): ClockPlan {
  return {
    driftPpm: random.between(0, 2 * DRIFT_PPM_MAX) - DRIFT_PPM_MAX,
    originMs: random.between(0, 1_000_000_000),
    wallOffsetMs: random.chance(1, 2) ? 0 : random.between(0, 7_200_000) - 3_600_000,
  };
}

function drawNetwork(random: Prng): NetworkFaults {
  const from = random.pick([0, 1, 1, 5]);
  const to = from + random.pick([0, 1, 1, 10]);
  return { delayMs: { from, to }, lossPer10k: 0, duplicatePer10k: 0, reorder: false };
}

function drawDisk(random: Prng): DiskPlan {
  const slow = random.pick([1, 1, 1, 5]);
  return {
    readLatencyMs: { from: 0, to: slow },
    writeLatencyMs: { from: 0, to: slow },
    syncLatencyMs: { from: 1, to: 3 * slow },
  };
}

function drawSizes(random: Prng): SizePlan {
  return {
    walSegmentBytes: random.pick([128, 256, 256, 1024]) * KIB,
    checkpointEveryBytes: random.pick([8, 32, 64, 256]) * KIB,
    retainedBytesMax: random.pick([4, 16, 64, 64]) * KIB,
    cacheBytesMax: random.pick([1, 16, 64]) * KIB,
  };
}

/**
 * Ways to make a plan simpler other than by leaving out strikes. Each way names plans that are simpler than
 * the given one, the boldest first; none when there is nothing left to make simpler.
 */
import { TRUE_CLOCK } from "../clocks.ts";
import type { Strike, Victim } from "../nemesis/strike.ts";
import { CALM_NETWORK } from "../network.ts";
import type { Plan } from "../plan.ts";
import type { FairPlan, FifoPlan, WorkloadPlan, WorkloadRates } from "../workload/plan.ts";

export type Simplification = (plan: Plan) => readonly Plan[];

/** In the order in which they are tried: what makes every later run cheaper comes first. */
export const SIMPLIFICATIONS: readonly Simplification[] = [
  shorterTimes,
  fewerNodes,
  fewerQueues,
  plainerFifo,
  plainerFair,
  fewerClients,
  calmerRates,
  smallerRequests,
  calmSurroundings,
  shorterStrikes,
];

const NODES_MIN = 3;
const FAULTY_MS_MIN = 200;
const QUICK_DISK = { from: 0, to: 0 } as const;
const KIB = 1024;
const ROOMY = {
  walSegmentBytes: 1024 * KIB,
  checkpointEveryBytes: 1024 * KIB,
  retainedBytesMax: 1024 * KIB,
  cacheBytesMax: 1024 * KIB,
} as const;
const NO_RATES: WorkloadRates = {
  delayed: 0,
  release: 0,
  extend: 0,
  late: 0,
  abandon: 0,
  hangUp: 0,
  repeat: 0,
  forged: 0,
  ownLease: 0,
};

/** Strikes past the end of the faulty phase would never come. */
function shorterTimes(plan: Plan): Plan[] {
  return smaller(plan.faultyMs, FAULTY_MS_MIN).map((faultyMs) => ({
    ...plan,
    faultyMs,
    strikes: plan.strikes.filter((strike) => strike.atMs < faultyMs),
  }));
}

function fewerNodes(plan: Plan): Plan[] {
  const counts = Array.from({ length: plan.nodes - NODES_MIN }, (_, i) => NODES_MIN + i);
  return counts.map((nodes) => ({
    ...plan,
    nodes,
    clocks: plan.clocks.slice(0, nodes),
    strikes: plan.strikes.map((strike) => within(strike, nodes)).filter(isPossible),
    lastingMinority: [],
  }));
}

/** The strike with other victims in the place of nodes beyond `nodes`. */
function within(strike: Strike, nodes: number): Strike {
  const fold = (node: number): number => ((node - 1) % nodes) + 1;
  const foldVictim = (victim: Victim): Victim =>
    typeof victim === "number" ? fold(victim) : victim;
  if ("victim" in strike) return { ...strike, victim: foldVictim(strike.victim) };
  if ("node" in strike) return { ...strike, node: fold(strike.node) };
  if ("from" in strike) return { ...strike, from: fold(strike.from), to: fold(strike.to) };
  if (strike.kind === "transfer") return { ...strike, to: foldVictim(strike.to) };
  if (strike.kind !== "membership") return strike;
  const steps = strike.steps.map((step) => ({ ...step, victim: foldVictim(step.victim) }));
  return { ...strike, steps };
}

/** A link has two ends. */
function isPossible(strike: Strike): boolean {
  return !("from" in strike) || strike.from !== strike.to;
}

/** A dead-letter queue stays as long as a queue that needs it. */
function fewerQueues(plan: Plan): Plan[] {
  const { queues } = plan.workload;
  const counts = Array.from({ length: queues.length - 1 }, (_, i) => i + 1);
  const shorter = counts.map((count) => {
    const kept = queues.slice(0, count);
    const whole = kept.map((queue) =>
      queue.deadLetterQueue < count ? queue : { ...queue, maximumReceives: 0, deadLetterQueue: 0 },
    );
    return changed(plan, { queues: whole });
  });
  return [...shorter, ...counts.map((count) => withoutFirst(plan, count))];
}

/** A queue whose dead-letter queue goes keeps its messages. */
function withoutFirst(plan: Plan, count: number): Plan {
  const queues = plan.workload.queues.slice(count).map((queue) => {
    const deadLetterQueue = queue.deadLetterQueue - count;
    if (queue.maximumReceives > 0 && deadLetterQueue >= 0) return { ...queue, deadLetterQueue };
    return { ...queue, maximumReceives: 0, deadLetterQueue: 0 };
  });
  return changed(plan, { queues });
}

/** FIFO queues of one group, without repetitions. */
function plainerFifo(plan: Plan): Plan[] {
  const each = (change: Partial<FifoPlan>): Partial<WorkloadPlan> => ({
    queues: plan.workload.queues.map((queue) =>
      queue.fifo === undefined ? queue : { ...queue, fifo: { ...queue.fifo, ...change } },
    ),
  });
  return changes(plan, [each({ groups: 1 }), each({ repeatedIds: 0 }), each({ attempts: 0 })]);
}

/** Queues with one message group, none of which is louder, without settings of their own. */
function plainerFair(plan: Plan): Plan[] {
  const each = (change: (fair: FairPlan) => FairPlan): Partial<WorkloadPlan> => ({
    queues: plan.workload.queues.map((queue) =>
      queue.fair === undefined ? queue : { ...queue, fair: change(queue.fair) },
    ),
  });
  return changes(plan, [
    each((fair) => ({ ...fair, groups: 1 })),
    each((fair) => ({ ...fair, loud: 0 })),
    each((fair) => ({ ...fair, ungrouped: 0 })),
    each(({ fairness: _, ...fair }) => fair),
  ]);
}

function fewerClients(plan: Plan): Plan[] {
  const { senders, workers, readers, administrators, movers } = plan.workload;
  return changes(plan, [
    { senders: 1, workers: 1, readers: 0, administrators: 0, movers: 0 },
    { readers: 0, administrators: 0 },
    { readers: 0 },
    { administrators: 0 },
    { movers: 0 },
    { senders: 1 },
    { workers: 1 },
    ...smaller(readers, 0).map((fewer) => ({ readers: fewer })),
    ...smaller(administrators, 0).map((fewer) => ({ administrators: fewer })),
    ...smaller(movers, 0).map((fewer) => ({ movers: fewer })),
    ...smaller(senders, 1).map((fewer) => ({ senders: fewer })),
    ...smaller(workers, 1).map((fewer) => ({ workers: fewer })),
  ]);
}

function calmerRates(plan: Plan): Plan[] {
  const { rates } = plan.workload;
  const kinds = Object.entries(rates).filter(([, rate]) => rate > 0);
  const single = kinds.map(([kind]) => ({ rates: { ...rates, [kind]: 0 } }));
  const { rare: _, ...workload } = plan.workload;
  const plain = { ...plan, workload };
  const common = isEqual(plain, plan) ? [] : [plain];
  return [...common, ...changes(plan, [{ rates: NO_RATES, purge: 0 }, { purge: 0 }, ...single])];
}

function smallerRequests(plan: Plan): Plan[] {
  const { sendMax, receiveMax, bodyBytesMax, waitMsMax, pauseMs, otherPauseMs } = plan.workload;
  return changes(plan, [
    { sendMax: 1, receiveMax: 1 },
    ...smaller(sendMax, 1).map((fewer) => ({ sendMax: fewer })),
    ...smaller(receiveMax, 1).map((fewer) => ({ receiveMax: fewer })),
    ...smaller(bodyBytesMax, 32).map((fewer) => ({ bodyBytesMax: fewer })),
    ...(waitMsMax > 0 ? [{ waitMsMax: 0 }] : []),
    ...(pauseMs < 1_000 ? [{ pauseMs: 4 * pauseMs }] : []),
    ...(otherPauseMs < 2_000 ? [{ otherPauseMs: 4 * otherPauseMs }] : []),
  ]);
}

function calmSurroundings(plan: Plan): Plan[] {
  const quick = {
    readLatencyMs: QUICK_DISK,
    writeLatencyMs: QUICK_DISK,
    syncLatencyMs: { from: 1, to: 1 },
  };
  const calm = { ...CALM_NETWORK, delayMs: { from: 1, to: 1 } };
  const clocks = plan.clocks.map(() => TRUE_CLOCK);
  const parts: readonly Partial<Plan>[] = [
    { network: calm },
    { clocks },
    { disk: { ...plan.disk, ...quick } },
    { sizes: { ...plan.sizes, ...ROOMY } },
    { lastingMinority: [] },
  ];
  return parts.map((part) => ({ ...plan, ...part })).filter((other) => !isEqual(other, plan));
}

/** Every strike half as long, then each alone. */
function shorterStrikes(plan: Plan): Plan[] {
  const { strikes } = plan;
  const all = { ...plan, strikes: strikes.map(halved) };
  const single = strikes.map((_, at) => ({
    ...plan,
    strikes: strikes.map((strike, i) => (i === at ? halved(strike) : strike)),
  }));
  return [all, ...single].filter((other) => !isEqual(other, plan));
}

function halved(strike: Strike): Strike {
  if (!("lastsMs" in strike) || strike.lastsMs < 20) return strike;
  return { ...strike, lastsMs: Math.floor(strike.lastsMs / 2) };
}

function changed(plan: Plan, change: Partial<WorkloadPlan>): Plan {
  return { ...plan, workload: { ...plan.workload, ...change } };
}

/** The plan with each of the changes that changes it. */
function changes(plan: Plan, list: readonly Partial<WorkloadPlan>[]): Plan[] {
  return list.map((change) => changed(plan, change)).filter((other) => !isEqual(other, plan));
}

/** A few numbers from `least` up to below `value`. */
function smaller(value: number, least: number): number[] {
  const steps = [0, 0.5, 0.75, 0.9].map((part) => Math.floor(least + part * (value - least)));
  return [...new Set(steps)].filter((step) => step < value && step >= least);
}

/** Plans are plain data. */
function isEqual(a: Plan, b: Plan): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

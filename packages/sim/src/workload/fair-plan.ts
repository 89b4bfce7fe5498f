/** Standard queues with message groups, drawn apart from the rest of the load, which they leave as it is. */
import type { Prng } from "@kqueuey/base";
import { type FairnessPlan, type FairPlan, plainQueue, type QueuePlan } from "./plan.ts";

/** The queues with message groups of a seed, to be put behind the plan's `before` other queues. */
export function drawFairQueues(random: Prng, before: number): QueuePlan[] {
  if (random.chance(1, 2)) return [];
  const timeoutMs = random.pick([200, 1_000, 5_000]);
  const plain = { ...plainQueue("tenants", timeoutMs), fair: drawFair(random) };
  const delayMs = random.chance(1, 4) ? random.pick([50, 400]) : 0;
  const retentionMs = random.chance(1, 5) ? random.pick([1_000, 3_000]) : plain.retentionMs;
  const queues: QueuePlan[] = [{ ...plain, delayMs, retentionMs }];
  if (random.chance(1, 2)) {
    const maximumReceives = random.between(1, 3);
    const fair = drawFair(random);
    const fragile = { ...plainQueue("tenants-fragile", timeoutMs), maximumReceives, fair };
    queues.push({ ...fragile, deadLetterQueue: before + 2 });
    queues.push({ ...plainQueue("tenants-dead", timeoutMs), fair: drawFair(random) });
  }
  return queues;
}

export function drawFair(random: Prng): FairPlan {
  const fair = {
    groups: random.pick([1, 3, 8, 20]),
    loud: random.pick([0, 3_000, 6_000, 9_000]),
    ungrouped: random.pick([0, 500, 3_000]),
  };
  return random.chance(1, 4) ? fair : { ...fair, fairness: drawFairness(random) };
}

/** Small numbers, so that groups are noisy with what a short run has in flight. */
export function drawFairness(random: Prng): FairnessPlan {
  return {
    inFlightMin: random.pick([1, 2, 2, 5, 12, 30]),
    inFlightPercent: random.pick([1, 10, 10, 25, 40, 100]),
  };
}

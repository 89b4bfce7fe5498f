/** FIFO queues of a run as plain data, drawn apart from the rest of the load, which they leave as it is. */
import type { Prng } from "@kqueuey/base";
import { type FifoPlan, plainQueue, type QueuePlan } from "./plan.ts";

/** The FIFO queues of a seed, to be put behind the plan's `before` other queues. */
export function drawFifoQueues(random: Prng, before: number): QueuePlan[] {
  if (random.chance(1, 2)) return [];
  const timeoutMs = random.pick([200, 1_000, 5_000]);
  const queues: QueuePlan[] = [];
  const plain = { ...plainQueue("in-order", timeoutMs), fifo: drawFifo(random) };
  const delayMs = random.chance(1, 3) ? random.pick([50, 400, 2_000]) : 0;
  const retentionMs = random.chance(1, 5) ? random.pick([1_000, 3_000]) : plain.retentionMs;
  queues.push({ ...plain, delayMs, retentionMs });
  if (random.chance(1, 2)) {
    const maximumReceives = random.between(1, 3);
    const fifo = drawFifo(random);
    const fragile = { ...plainQueue("in-order-fragile", timeoutMs), maximumReceives, fifo };
    queues.push({ ...fragile, deadLetterQueue: before + 2 });
    queues.push({ ...plainQueue("in-order-dead", timeoutMs), fifo });
  }
  return queues;
}

export function drawFifo(random: Prng): FifoPlan {
  return {
    deduplicationScope: random.pick(["queue", "messageGroup"] as const),
    groups: random.pick([1, 2, 4, 12]),
    repeatedIds: random.chance(2, 3) ? random.between(1, 4_000) : 0,
    attempts: random.chance(2, 3) ? random.between(1, 5_000) : 0,
  };
}

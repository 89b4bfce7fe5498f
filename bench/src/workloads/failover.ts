/**
 * W4: a steady rate while the leader is killed. What counts is the longest time without a confirmation
 * and without a delivery, and whether a confirmed message was lost or a message came twice.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Figures } from "../assignment.ts";
import { bodySource, numberedBody, numberOf } from "../bodies.ts";
import type { Driver } from "../driver.ts";
import type { Milestones } from "../load.ts";

/** Sends under way at once: past it the rate waits, as a bounded client would. */
const UNDER_WAY_MAX = 20_000;
const DRAIN_LIMIT_MS = 90_000;

export async function failover(
  driver: Driver,
  options: {
    readonly bodyBytes: number;
    readonly warmUpSeconds: number;
    readonly seconds: number;
    readonly rate: number;
  },
  milestones: Milestones,
): Promise<Figures> {
  const bodies = bodySource(options.bodyBytes);
  const confirmed = new Set<number>();
  const delivered = new Map<number, number>();
  const confirms = new LongestGap();
  const deliveries = new LongestGap();
  let running = true;
  let underWay = 0;
  const receive = async (): Promise<void> => {
    while (running) {
      const messages = await driver.receive(100, 200).catch(() => undefined);
      if (messages === undefined || messages.bodies.length === 0) continue;
      deliveries.happened();
      for (const body of messages.bodies) {
        const number = numberOf(body);
        delivered.set(number, (delivered.get(number) ?? 0) + 1);
      }
      await messages.acknowledge().catch(() => undefined);
    }
  };
  const receiving = [receive(), receive()];
  const startedMs = performance.now();
  const steadyAt = options.warmUpSeconds * options.rate;
  const count = steadyAt + options.seconds * options.rate;
  const giveUpMs = startedMs + (count * 1_000) / options.rate + DRAIN_LIMIT_MS;
  for (let index = 0; index < count; index += 1) {
    const dueMs = startedMs + (index * 1_000) / options.rate;
    if (performance.now() < dueMs) await pause(1);
    await until(() => underWay < UNDER_WAY_MAX, giveUpMs);
    if (index === steadyAt) {
      confirms.begin();
      deliveries.begin();
      milestones.steady();
    }
    underWay += 1;
    driver
      .send([numberedBody(index, bodies)])
      .then(() => {
        confirmed.add(index);
        confirms.happened();
      })
      .catch(() => undefined)
      .finally(() => {
        underWay -= 1;
      });
  }
  confirms.end();
  deliveries.end();
  const limitMs = performance.now() + DRAIN_LIMIT_MS;
  const missing = (): number => [...confirmed].filter((it) => !delivered.has(it)).length;
  while ((underWay > 0 || missing() > 0) && performance.now() < limitMs) await pause(100);
  running = false;
  await Promise.race([Promise.all(receiving), pause(5_000)]);
  return {
    confirmPauseMs: confirms.longestMs,
    deliveryPauseMs: deliveries.longestMs,
    lost: missing(),
    duplicated: [...delivered.values()].filter((times) => times > 1).length,
    unconfirmed: count - confirmed.size,
  };
}

async function until(condition: () => boolean, limitMs: number): Promise<void> {
  while (!condition()) {
    if (performance.now() > limitMs) throw new Error("sends are not answered any more");
    await pause(5);
  }
}

class LongestGap {
  longestMs = 0;
  #lastMs: number | undefined;

  begin(): void {
    this.#lastMs = performance.now();
  }

  happened(): void {
    if (this.#lastMs === undefined) return;
    const nowMs = performance.now();
    this.longestMs = Math.max(this.longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  end(): void {
    this.happened();
    this.#lastMs = undefined;
  }
}

/**
 * W1: sends, receives and acknowledges at once, for a while; what counts is what went all the way.
 * Senders wait when they are `window` messages ahead of the acknowledgements, so that the queue stays
 * as long as it was.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Figures } from "../assignment.ts";
import { bodySource } from "../bodies.ts";
import type { Driver } from "../driver.ts";
import type { Milestones } from "../load.ts";
import type { Tuning } from "../systems/system.ts";

export async function throughput(
  driver: Driver,
  options: {
    readonly tuning: Tuning;
    readonly bodyBytes: number;
    readonly warmUpSeconds: number;
    readonly seconds: number;
    readonly window: number;
  },
  milestones: Milestones,
): Promise<Figures> {
  const { batch, senders, receivers } = options.tuning;
  const bodies = bodySource(options.bodyBytes);
  let sent = 0;
  let done = 0;
  let running = true;
  const send = async (): Promise<void> => {
    while (running) {
      if (sent - done > options.window) {
        await pause(1);
        continue;
      }
      sent += batch;
      await driver.send(Array.from({ length: batch }, bodies));
    }
  };
  const work = async (): Promise<void> => {
    while (running) {
      const messages = await driver.receive(batch, 1_000);
      await messages.acknowledge();
      done += messages.bodies.length;
    }
  };
  const all = [
    ...Array.from({ length: senders }, send),
    ...Array.from({ length: receivers }, work),
  ];
  for (const one of all) one.catch(fail);
  await pause(options.warmUpSeconds * 1_000);
  milestones.begin();
  const [doneBefore, startedMs] = [done, performance.now()];
  await pause(options.seconds * 1_000);
  const messages = done - doneBefore;
  const tookMs = performance.now() - startedMs;
  milestones.end();
  running = false;
  return { messages, perSecond: (messages * 1_000) / tookMs };
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

/** W3: many callers, one message a call: half of them send, half receive one and acknowledge it. */
import { setTimeout as pause } from "node:timers/promises";
import type { Figures } from "../assignment.ts";
import { bodySource } from "../bodies.ts";
import type { Driver } from "../driver.ts";
import type { Milestones } from "../load.ts";

/** Senders stay at most this far ahead. */
const WINDOW = 5_000;

export async function callers(
  driver: Driver,
  options: {
    readonly bodyBytes: number;
    readonly warmUpSeconds: number;
    readonly seconds: number;
    readonly callers: number;
  },
  milestones: Milestones,
): Promise<Figures> {
  const bodies = bodySource(options.bodyBytes);
  let sent = 0;
  let done = 0;
  let running = true;
  const send = async (): Promise<void> => {
    while (running) {
      if (sent - done > WINDOW) {
        await pause(1);
        continue;
      }
      sent += 1;
      await driver.send([bodies()]);
    }
  };
  const work = async (): Promise<void> => {
    while (running) {
      const message = await driver.receive(1, 1_000);
      await message.acknowledge();
      done += message.bodies.length;
    }
  };
  const half = Math.ceil(options.callers / 2);
  const all = [...Array.from({ length: half }, send), ...Array.from({ length: half }, work)];
  for (const one of all) {
    one.catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }
  await pause(options.warmUpSeconds * 1_000);
  milestones.begin();
  const [before, startedMs] = [done, performance.now()];
  await pause(options.seconds * 1_000);
  const messages = done - before;
  const tookMs = performance.now() - startedMs;
  milestones.end();
  running = false;
  return { messages, perSecond: (messages * 1_000) / tookMs };
}

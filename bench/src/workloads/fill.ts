/** W1b: a number of messages sent as fast as they are taken, then received and acknowledged. */
import type { Figures } from "../assignment.ts";
import { bodySource } from "../bodies.ts";
import type { Driver } from "../driver.ts";
import type { Tuning } from "../systems/system.ts";

interface FillOptions {
  readonly tuning: Tuning;
  readonly bodyBytes: number;
  readonly messages: number;
}

export async function fill(driver: Driver, options: FillOptions): Promise<Figures> {
  const { batch, senders } = options.tuning;
  const bodies = bodySource(options.bodyBytes);
  const startedMs = performance.now();
  let left = options.messages;
  const send = async (): Promise<void> => {
    while (left > 0) {
      const size = Math.min(batch, left);
      left -= size;
      await driver.send(Array.from({ length: size }, bodies));
    }
  };
  await Promise.all(Array.from({ length: senders }, send));
  return { fillPerSecond: (options.messages * 1_000) / (performance.now() - startedMs) };
}

export async function fillDrain(driver: Driver, options: FillOptions): Promise<Figures> {
  const filled = await fill(driver, options);
  const { batch, receivers } = options.tuning;
  const startedMs = performance.now();
  let left = options.messages;
  const work = async (): Promise<void> => {
    while (left > 0) {
      const messages = await driver.receive(batch, 1_000);
      await messages.acknowledge();
      left -= messages.bodies.length;
    }
  };
  await Promise.all(Array.from({ length: receivers }, work));
  const drainPerSecond = (options.messages * 1_000) / (performance.now() - startedMs);
  return { ...filled, drainPerSecond };
}

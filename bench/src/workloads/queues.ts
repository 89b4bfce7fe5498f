/** W6: the same load spread over many queues. KQueuey only: the bar compares it with itself. */
import { setTimeout as pause } from "node:timers/promises";
import { createClient, type Queue } from "@kqueuey/client";
import type { Assignment, Figures } from "../assignment.ts";
import { bodySource } from "../bodies.ts";
import type { Milestones } from "../load.ts";

const CREATORS = 32;
const LOOPS = 16;
const WINDOW = 20_000;

export async function queues(
  assignment: Assignment,
  work: { readonly seconds: number; readonly queues: number },
  milestones: Milestones,
): Promise<Figures> {
  const endpoints = assignment.reach.addresses;
  const client = createClient({ endpoints, name: "bench", timeoutMs: 60_000 });
  const all: Queue[] = Array.from({ length: work.queues }, (_, i) =>
    client.queue(`${assignment.queue}-${i}`),
  );
  let created = 0;
  const create = async (): Promise<void> => {
    for (let queue = all[created++]; queue !== undefined; queue = all[created++]) {
      await client.createQueue(queue.name);
    }
  };
  await Promise.all(Array.from({ length: CREATORS }, create));
  const { batch } = assignment.tuning;
  const bodies = bodySource(assignment.bodyBytes);
  let running = true;
  let sent = 0;
  let done = 0;
  // Each loop has its own queues and goes round them: send a batch, receive one, acknowledge it.
  const loop = async (place: number): Promise<void> => {
    const own = all.filter((_, i) => i % LOOPS === place % Math.min(LOOPS, all.length));
    for (let at = 0; running; at += 1) {
      const queue = own[at % own.length];
      if (queue === undefined || sent - done > WINDOW) {
        await pause(1);
        continue;
      }
      sent += batch;
      const sending = queue.sendBatch(Array.from({ length: batch }, bodies));
      await sending;
      const messages = await queue.receive({ maxMessages: batch, waitMs: 1_000 });
      await queue.tombstone(messages);
      done += messages.length;
    }
  };
  for (let i = 0; i < LOOPS; i++) {
    loop(i).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }
  await pause(assignment.warmUpSeconds * 1_000);
  milestones.begin();
  const [before, startedMs] = [done, performance.now()];
  await pause(work.seconds * 1_000);
  const messages = done - before;
  milestones.end();
  running = false;
  return { messages, perSecond: (messages * 1_000) / (performance.now() - startedMs) };
}

import { expect, test } from "vitest";
import { call, listAt, numberAt } from "../harness/rpc.ts";
import { startField } from "../nemesis/fixture.ts";

const DAY_MS = 86_400_000;

test("wall clocks that jump move no deadline and lose nothing", async () => {
  const { arena, load, nemesis, finish } = await startField();
  for (const offsetMs of [-DAY_MS, 3_650 * DAY_MS]) {
    await nemesis.strike({ kind: "wall-clock", who: "leader", offsetMs, lastsMs: 2_000 });
    await load.acknowledged(50);
  }
  expect(await finish()).toEqual([]);

  // That the clock does move, as far as the node can see.
  const leader = await arena.findLeader();
  const url = arena.cluster.url(leader);
  await call(url, "QueueService/CreateQueue", { queue: "times" });
  arena.setClock(leader, 3_650 * DAY_MS);
  const sentAtMs = async (): Promise<number> => {
    await call(url, "QueueService/Send", { queue: "times", messages: [{ text: "now" }] });
    const answer = await call(url, "QueueService/Receive", { queue: "times", maxMessages: 10 });
    return Math.max(0, ...listAt(answer, "messages").map((one) => numberAt(one, "sentAtMs")));
  };
  await expect.poll(sentAtMs, { timeout: 10_000 }).toBeGreaterThan(Date.now() + 3_000 * DAY_MS);
});

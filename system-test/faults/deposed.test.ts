import { describe, expect, onTestFailed, onTestFinished, test } from "vitest";
import { until } from "../harness/condition.ts";
import { CallFailure, call, listAt, numberAt, textAt } from "../harness/rpc.ts";
import { Arena } from "../nemesis/arena.ts";
import { around } from "../nemesis/partitions.ts";

/** A cluster with ten messages in a queue, and its leader. */
async function withTenMessages(): Promise<{ arena: Arena; old: number; others: number[] }> {
  const arena = await Arena.create({ flags: ["--request-timeout-ms", "3000"] });
  onTestFinished(() => arena.close());
  onTestFailed(() => console.log(arena.cluster.logs()));
  await arena.begin();
  const old = await arena.findLeader();
  const url = arena.cluster.url(old);
  await call(url, "QueueService/CreateQueue", { queue: "work" });
  const messages = Array.from({ length: 10 }, (_, index) => ({ text: `m${index}` }));
  await call(url, "QueueService/Send", { queue: "work", messages });
  return { arena, old, others: arena.ids.filter((id) => id !== old) };
}

/** Another leader takes the ten messages and tombstones them, and one is sent that the old one has not seen. */
async function finishElsewhere(arena: Arena, others: readonly number[]): Promise<void> {
  const url = arena.cluster.url(await arena.cluster.leader({ ids: others }));
  const taken = await until(
    async () => {
      const answer = await call(url, "QueueService/Receive", { queue: "work", maxMessages: 10 });
      return listAt(answer, "messages");
    },
    { what: "the ten messages from another leader" },
  );
  expect(taken).toHaveLength(10);
  const receiptHandles = taken.map((message) => textAt(message, "receiptHandle"));
  await call(url, "QueueService/Tombstone", { queue: "work", receiptHandles });
  await call(url, "QueueService/Send", { queue: "work", messages: [{ text: "later" }] });
}

/** Calls that reach the old leader; each is answered rightly or refused, and never from what it has. */
function askOld(arena: Arena, old: number): Promise<PromiseSettledResult<unknown>[]> {
  const url = arena.cluster.url(old);
  const ask = (method: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> =>
    call(url, `QueueService/${method}`, { queue: "work", ...fields }, { timeoutMs: 30_000 });
  return Promise.allSettled([
    ask("DescribeQueue", {}),
    ask("Receive", { maxMessages: 10 }),
    ask("DescribeQueue", {}),
  ]);
}

function expectNothingStale(answers: readonly PromiseSettledResult<unknown>[]): void {
  const [first, received, second] = answers;
  for (const described of [first, second]) {
    if (described?.status !== "fulfilled") continue;
    const { value } = described;
    // Ten would be what the old leader has. The message sent later may be leased by the receive beside.
    expect(numberAt(value, "available") + numberAt(value, "inFlight")).toBe(1);
  }
  if (received?.status === "fulfilled") {
    const texts = listAt(received.value, "messages").map((message) => textAt(message, "text"));
    expect(texts.filter((text) => text !== "later")).toEqual([]);
  }
  for (const answer of answers) {
    if (answer.status === "rejected") expect(answer.reason).toBeInstanceOf(CallFailure);
  }
}

describe("a client of a leader that is deposed and does not know it", () => {
  test("paused and woken up: nothing stale is read, nothing is granted twice", async () => {
    const { arena, old, others } = await withTenMessages();
    arena.cluster.pause(old);
    // Their bytes are in its socket when it wakes up: it reads them before it hears from anyone.
    const answers = askOld(arena, old);
    await finishElsewhere(arena, others);
    arena.cluster.resume(old);
    expectNothingStale(await answers);
    await arena.whole();
    expect(arena.unexpectedEnds()).toEqual([]);
  });

  test("cut off from the others, and still reached by clients: the same", async () => {
    const { arena, old, others } = await withTenMessages();
    for (const direction of around(old, arena.ids)) {
      await arena.links.setLink(direction, { cut: true });
    }
    const early = askOld(arena, old);
    await finishElsewhere(arena, others);
    const late = await askOld(arena, old);
    // A receive that finds nothing it could promise is answered empty at once, which says nothing of the queue.
    expect([late[0]?.status, late[2]?.status]).toEqual(["rejected", "rejected"]);
    expectNothingStale(late);
    expectNothingStale(await early);
    await arena.links.heal();
    await arena.whole();
    expectNothingStale(await askOld(arena, old));
    expect(arena.unexpectedEnds()).toEqual([]);
  });
});

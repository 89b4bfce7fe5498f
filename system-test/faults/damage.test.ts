import { describe, expect, test } from "vitest";
import { until } from "../harness/condition.ts";
import { call } from "../harness/rpc.ts";
import { damageFile, emptyDirectory } from "../nemesis/damage.ts";
import { type Field, startField } from "../nemesis/fixture.ts";
import type { DamageKind, FileKind } from "../nemesis/strike.ts";

describe("files of one of three nodes, damaged while it is down and load goes on", () => {
  // What Jepsen found in NATS JetStream: a flipped bit in one node's files lost whole streams.
  test("a bit in each kind of file: told, mended from the others, never served", {
    timeout: 240_000,
  }, async () => {
    const field = await startField();
    const { arena, load, nemesis, finish } = field;
    await arena.checkpointAll();
    const damages: readonly (readonly [FileKind, DamageKind])[] = [
      ["log", "flip"],
      ["manifest", "flip"],
      ["pages", "truncate"],
      ["current", "remove"],
      ["identity", "flip"],
    ];
    for (const [file, how] of damages) {
      await nemesis.strike({ kind: "damage", who: "follower", file, how, share: 0.4 });
      await load.acknowledged(20);
    }
    expect(await finish()).toEqual([]);
  });
});

describe("data lost on one node while another is down", () => {
  test("a damaged checkpoint does not count: without the third node nothing is acknowledged", async () => {
    const field = await startField();
    const { arena, load, finish } = field;
    await arena.checkpointAll();
    const [damaged = 0, down = 0, good = 0] = arena.ids;
    await arena.kill([damaged, down]);
    const { directory } = arena.cluster.place(damaged);
    for (const file of ["manifest", "pages"] as const) {
      expect(damageFile(directory, { file, how: "flip", share: 0.5 })).toBeDefined();
    }
    arena.start(damaged);
    await inProbation(field, damaged);
    await expectNothingAcknowledged(field, good);
    arena.start(down);
    await arena.whole();
    await load.acknowledged(20);
    expect(await finish()).toEqual([]);
  });

  test("a wiped node is taken in again while another is killed, and killed again", async () => {
    const field = await startField();
    const { arena, load, finish } = field;
    const [wiped = 0, down = 0, good = 0] = arena.ids;
    await arena.kill([wiped]);
    emptyDirectory(arena.cluster.place(wiped).directory);
    await arena.kill([down]);
    arena.start(wiped);
    // It finds one node that knows the cluster: not enough to take it in, nor to begin a new one.
    await inProbation(field, wiped);
    await expectNothingAcknowledged(field, good);
    arena.start(down);
    await load.acknowledged(50);
    await arena.kill([down]);
    arena.start(down);
    await arena.whole();
    await load.acknowledged(50);
    expect(await finish()).toEqual([]);
  });
});

/**
 * What needs a majority is refused by the node that is left, after its bounded wait; and of the load, which goes on
 * meanwhile, nothing is acknowledged.
 */
async function expectNothingAcknowledged({ arena, load }: Field, good: number): Promise<void> {
  const acknowledged = load.acknowledgedCount;
  const url = arena.cluster.url(good);
  const asking = call(url, "QueueService/DescribeQueue", { queue: "any" }, { timeoutMs: 30_000 });
  await expect(asking).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(load.acknowledgedCount).toBe(acknowledged);
}

/** Waits until the node says that it neither votes nor counts. */
async function inProbation({ arena }: Field, id: number): Promise<void> {
  await until(
    async () => {
      const { nodes } = await arena.cluster.status(id);
      return nodes.find((node) => node.id === id)?.role === "probation";
    },
    { what: `node ${id} to be in probation` },
  );
}

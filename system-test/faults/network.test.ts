import { describe, expect, test } from "vitest";
import { startField } from "../nemesis/fixture.ts";
import { PARTITION_SHAPES } from "../nemesis/strike.ts";

describe("links between nodes that are cut, flap, lose and crawl, under load", () => {
  test("partitions of every shape among five", { timeout: 240_000 }, async () => {
    const { load, nemesis, finish } = await startField({ nodes: 5 });
    for (const shape of PARTITION_SHAPES) {
      await nemesis.strike({ kind: "partition", shape, lastsMs: 1_500 });
      await load.acknowledged(20);
    }
    expect(await finish()).toEqual([]);
  });

  test("of the leader of three: flapping, then slow, then lossy", async () => {
    const { load, nemesis, finish } = await startField();
    await nemesis.strike({ kind: "flap", who: "leader", times: 4, everyMs: 400 });
    await nemesis.strike({
      kind: "slow-link",
      who: "leader",
      delayMs: 200,
      kilobitsPerSecond: 500,
      lastsMs: 2_000,
    });
    await nemesis.strike({ kind: "lossy-links", lost: 0.1, lastsMs: 3_000 });
    await load.acknowledged(20);
    expect(await finish()).toEqual([]);
  });

  test("a partition that heals while the new leader is paused", async () => {
    const { arena, load, finish } = await startField();
    const old = await arena.findLeader();
    for (const to of arena.ids.filter((id) => id !== old)) {
      await arena.links.setLink({ from: old, to }, { cut: true });
    }
    const next = await arena.cluster.leader({ ids: arena.ids.filter((id) => id !== old) });
    await load.acknowledged(50);
    arena.cluster.pause(next);
    await arena.links.heal();
    await arena.cluster.leader({ ids: arena.ids.filter((id) => id !== next) });
    await load.acknowledged(50);
    arena.cluster.resume(next);
    await arena.whole();
    expect(await finish()).toEqual([]);
  });
});

import { describe, expect } from "vitest";
import { powerReason } from "../lab/rights.ts";
import { startField, testNeeding } from "../nemesis/fixture.ts";

describe("machines that lose their power: what was not synced is gone", () => {
  // What Jepsen found in NATS JetStream: acknowledged before the sync.
  testNeeding(
    powerReason(),
    "all at once, right after acknowledgements: nothing acknowledged is lost",
    async () => {
      const { load, nemesis, finish } = await startField();
      for (let round = 0; round < 2; round += 1) {
        await nemesis.strike({ kind: "power-loss", who: "all" });
        await load.acknowledged(50);
      }
      expect(await finish()).toEqual([]);
    },
  );

  testNeeding(
    powerReason(),
    "one, while the leader is paused: the two that are left lose nothing",
    async () => {
      const { arena, load, finish } = await startField();
      const leader = await arena.findLeader();
      const follower = arena.cluster.otherThan(leader);
      await load.acknowledged(100);
      // What the paused leader acknowledged last is on this follower, or on the other, or on both.
      arena.cluster.pause(leader);
      await arena.losePower([follower]);
      const others = arena.ids.filter((id) => id !== leader);
      expect(await arena.cluster.leader({ ids: others })).not.toBe(leader);
      await load.acknowledged(100);
      arena.cluster.resume(leader);
      await arena.whole();
      expect(await finish()).toEqual([]);
    },
  );
});

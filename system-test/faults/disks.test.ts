import { randomUUID } from "node:crypto";
import { describe, expect } from "vitest";
import { until } from "../harness/condition.ts";
import { CallFailure, call, listAt } from "../harness/rpc.ts";
import { diskReason, throttleReason } from "../lab/rights.ts";
import type { Arena } from "../nemesis/arena.ts";
import { startField, testNeeding } from "../nemesis/fixture.ts";

const MIB = 1_048_576;

/** What came of one message sent to the leader: "stored", or the code of the refusal. */
async function sendOne(arena: Arena, queue = "bulk", groupId?: string): Promise<string> {
  const url = arena.cluster.url(await arena.findLeader());
  const message = {
    text: "x".repeat(200_000),
    groupId,
    deduplicationId: queue === "bulk" ? undefined : randomUUID(),
  };
  try {
    const answer = await call(url, "QueueService/Send", { queue, messages: [message] });
    return listAt(answer, "results").length === 1 ? "stored" : "nothing";
  } catch (error) {
    if (error instanceof CallFailure) return error.code;
    throw error;
  }
}

describe("disks of the nodes' own", () => {
  testNeeding(
    diskReason(),
    "a full one: sends are refused until there is room, and the rest goes on",
    async () => {
      const { arena, load, finish } = await startField({ diskBytes: 160 * MIB });
      const leader = await arena.findLeader();
      await call(arena.cluster.url(leader), "QueueService/CreateQueue", { queue: "bulk" });
      await call(arena.cluster.url(leader), "QueueService/CreateQueue", {
        queue: "bulk.fifo",
        attributes: { fifo: {} },
      });
      await arena.disks?.fill(leader);
      // The log has room that was taken ahead; when that is used up, it says so.
      await until(async () => (await sendOne(arena)) === "STORAGE_FULL", {
        what: "a send to be refused for the disk being full",
      });
      expect(await sendOne(arena, "bulk", "tenant")).toBe("STORAGE_FULL");
      expect(await sendOne(arena, "bulk.fifo", "tenant")).toBe("STORAGE_FULL");
      const done = load.histories.native.tombstonedCount;
      await until(() => load.histories.native.tombstonedCount > done, {
        what: "a tombstone while the disk is full",
      });
      arena.disks?.empty(leader);
      await until(async () => (await sendOne(arena)) === "stored", {
        what: "a send to be stored when there is room",
      });
      expect(await finish()).toEqual([]);
      expect(arena.cluster.running).toEqual(arena.ids);
    },
  );

  testNeeding(
    diskReason(),
    "one that stalls, one that crawls: nothing is acknowledged that could be lost",
    async () => {
      const { load, nemesis, finish } = await startField();
      await nemesis.strike({ kind: "stalled-disk", who: "leader", lastsMs: 2_500 });
      await load.acknowledged(50);
      await nemesis.strike({ kind: "stalled-disk", who: "follower", lastsMs: 1_500 });
      await load.acknowledged(50);
      if (throttleReason() === undefined) {
        const slow = {
          kind: "slow-disk",
          who: "leader",
          writesPerSecond: 20,
          lastsMs: 2_500,
        } as const;
        await nemesis.strike(slow);
        await load.acknowledged(50);
      }
      expect(await finish()).toEqual([]);
    },
  );
});

/**
 * Nodes die, stand still, lose answers and change leaders at random; the client must neither lose a message nor
 * store one twice, and a worker must handle each, as long as one node is well.
 */
import { KQueueyError } from "@kqueuey/contract";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createClient } from "./client.ts";
import { createTestCluster, type Verdict } from "./testing/index.ts";

const NODES = 3;

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Verdict>("answer") },
  { weight: 2, arbitrary: fc.constant<Verdict>("lose") },
  { weight: 1, arbitrary: fc.constant<Verdict>(new KQueueyError("UNAVAILABLE", "an election")) },
  { weight: 1, arbitrary: fc.constant<Verdict>(new KQueueyError("THROTTLED", "too much in hand")) },
);

const fault = fc.record({
  afterMs: fc.integer({ min: 0, max: 800 }),
  node: fc.integer({ min: 1, max: NODES }),
  kind: fc.constantFrom("crash", "restart", "pause", "resume", "elect", "goAway", "leaderless"),
});

test("every message is stored once and handled, whatever fails on the way", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(verdict, { maxLength: 60 }),
      fc.array(fault, { maxLength: 15 }),
      async (verdicts, faults) => {
        let judged = 0;
        const cluster = createTestCluster({
          time: "manual",
          nodes: NODES,
          intercept: () => verdicts[judged++] ?? "answer",
        });
        const { endpoints, transport } = cluster;
        const client = createClient({ endpoints, transport, batch: { maxMessages: 3 } });
        const created = client.createQueue("q");
        await cluster.advance(20_000);
        await created;

        const queue = client.queue("q");
        const stored = new Map<string, string>();
        const handled = new Map<string, number>();
        const worker = queue.work(
          (message) => void handled.set(message.id, (handled.get(message.id) ?? 0) + 1),
          { concurrency: 3, visibilityTimeoutMs: 30_000, waitMs: 1_000, onError: () => {} },
        );
        const sends = Array.from({ length: 12 }, async (_, i) => {
          const { messageId } = await queue.send(`${i}`, { timeoutMs: 300_000 });
          expect(stored.has(messageId)).toBe(false);
          stored.set(messageId, `${i}`);
        });
        for (const { afterMs, node, kind } of faults) {
          const target = cluster.nodes[node - 1];
          if (kind === "crash") target?.crash();
          else if (kind === "restart") target?.restart();
          else if (kind === "pause") target?.pause();
          else if (kind === "resume") target?.resume();
          else if (kind === "goAway") target?.goAway("chaos");
          else cluster.elect(kind === "elect" ? node : undefined);
          await cluster.advance(afterMs);
        }
        for (const node of cluster.nodes) {
          node.restart();
          node.resume();
        }
        cluster.elect(1);
        await cluster.advance(60_000);
        await Promise.all(sends);
        await cluster.advance(60_000);

        expect(stored.size).toBe(12);
        expect(new Set(handled.keys())).toEqual(new Set(stored.keys()));
        expect(await client.describeQueue("q")).toMatchObject({ available: 0, inFlight: 0 });
        await worker.stop();
        await client.close();
      },
    ),
    // A run takes milliseconds: one that hangs is a failure, with its faults for the report.
    { numRuns: 60, timeout: 20_000 },
  );
});

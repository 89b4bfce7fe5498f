/** Every row of docs/api/sqs.md again, on a real engine of one node: the broker in memory is no judge of itself. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { HangUp } from "../../call-signal.ts";
import { OneNode } from "../../testing/one-node.ts";
import { SqsCaller } from "../../testing/sqs-caller.ts";
import { BEHAVIOURS } from "../../testing/sqs-conformance/index.ts";

let node: OneNode;

beforeAll(async () => {
  node = await OneNode.start();
});

afterAll(() => node.stop());

/** The next row finds no queue. */
afterEach(async () => {
  const context = { principal: "test", signal: new HangUp() };
  const all = { prefix: "", after: "", limit: 1_000 };
  for (const name of await node.broker.listQueues(context, all)) {
    await node.broker.deleteQueue(context, name);
  }
});

describe("conformance of the engine", () => {
  test.each(BEHAVIOURS.map((row) => [row.action, row.behaviour, row] as const))(
    "%s: %s",
    async (_action, _behaviour, row) => {
      const sqs = new SqsCaller({ node });
      await row.test(sqs);
      expect(sqs.faults).toEqual([]);
    },
  );
});

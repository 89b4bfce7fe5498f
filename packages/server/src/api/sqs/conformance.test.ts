/** Every row of docs/api/sqs.md is so; and every action has rows. */
import { describe, expect, test } from "vitest";
import { SqsCaller } from "../../testing/sqs-caller.ts";
import { BEHAVIOURS } from "../../testing/sqs-conformance/index.ts";
import { ACTION_NAMES } from "./actions.ts";

describe("conformance", () => {
  test.each(BEHAVIOURS.map((row) => [row.action, row.behaviour, row] as const))(
    "%s: %s",
    async (_action, _behaviour, row) => {
      const sqs = new SqsCaller();
      await row.test(sqs);
      expect(sqs.faults).toEqual([]);
    },
  );

  test("every action is there", () => {
    const named = new Set(BEHAVIOURS.map((row) => row.action));
    expect(ACTION_NAMES.filter((name) => !named.has(name))).toEqual([]);
  });
});

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planOf } from "../nemesis/plan.ts";
import { runPlan } from "../nemesis/run.ts";

const STRIKES = 5;

test("random strikes on a cluster under load, from a seed", { timeout: 240_000 }, async () => {
  const seed = Math.floor(Math.random() * 1_000_000_000);
  const again = `npm run nemesis -- --rounds 1 --seed ${seed} --strikes ${STRIKES}`;
  console.log(`again: ${again}`);
  const keepIn = mkdtempSync(join(tmpdir(), "kqueuey-nemesis-"));
  const { violations, journal } = await runPlan(planOf(seed, STRIKES), { keepIn });
  const reasons = journal.filter((line) => line.includes("left out"));
  if (reasons.length > 0) console.log(reasons.join("\n"));
  expect({ violations, again, kept: keepIn }).toEqual({ violations: [], again, kept: keepIn });
});

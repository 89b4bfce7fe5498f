/**
 * `npm run nemesis -- --minutes M --seed S`: clusters of real processes under random strikes. Round n has the
 * seed S + n. What failed is left in a folder that is printed, with the command that runs its plan again.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { planOf } from "./plan.ts";
import { runPlan } from "./run.ts";

const STRIKES = 12;
const MINUTE_MS = 60_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    rounds: { type: "string" },
    seed: { type: "string" },
    strikes: { type: "string", default: String(STRIKES) },
  },
});
const first = Number(values.seed ?? Math.floor(Math.random() * 1_000_000_000));
const strikes = Number(values.strikes);
const rounds = Number(
  values.rounds ?? (values.minutes === undefined ? 1 : Number.MAX_SAFE_INTEGER),
);
const minutes = Number(values.minutes ?? Number.MAX_SAFE_INTEGER / MINUTE_MS);
if (![first, strikes, rounds, minutes].every((one) => Number.isFinite(one) && one >= 0)) {
  throw new Error("usage: npm run nemesis -- [--minutes M | --rounds N] [--seed S] [--strikes K]");
}

let failed = 0;
let done = 0;
const endMs = performance.now() + minutes * MINUTE_MS;
while (done < rounds && performance.now() < endMs) {
  const plan = planOf(first + done, strikes);
  console.log(`seed ${plan.seed}: ${plan.nodes} nodes, bodies of ${plan.bodyBytes} bytes`);
  const keepIn = join(mkdtempSync(join(tmpdir(), "kqueuey-nemesis-")), `seed-${plan.seed}`);
  const report = await runPlan(plan, { keepIn, onLine: (line) => console.log(`  ${line}`) });
  done += 1;
  if (report.violations.length === 0) continue;
  failed += 1;
  for (const violation of report.violations.slice(0, 20)) console.log(`BROKEN ${violation}`);
  console.log(`logs and history: ${keepIn}`);
  console.log(`again: npm run nemesis -- --rounds 1 --seed ${plan.seed} --strikes ${strikes}`);
}
console.log(`${done} rounds from seed ${first}, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

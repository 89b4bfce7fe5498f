/**
 * `npm run sim -- [--seed N] [--seeds COUNT] [--minutes VIRTUAL] [--trace]`: simulated runs, one a seed.
 * Prints the seed first; exit 0 all well, 1 crashed, 3 a promise was broken.
 */
import { parseArgs } from "node:util";
import { type RunResult, runSeed } from "./run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "20" },
    minutes: { type: "string", default: "0.5" },
    trace: { type: "boolean", default: false },
    twice: { type: "boolean", default: false },
  },
});

const faultyMs = Number(values.minutes) * 60_000;
const first = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
const count = values.seed === undefined ? Number(values.seeds) : 1;
let broken = 0;

for (let seed = first; seed < first + count; seed++) {
  const began = performance.now();
  process.stdout.write(`seed ${seed} `);
  const result = runSeed({ seed, faultyMs });
  report(result, performance.now() - began);
  if (values.twice && runSeed({ seed, faultyMs }).trace.join("\n") !== result.trace.join("\n")) {
    console.log("  NOT DETERMINISTIC: the same seed gave another trace");
    broken += 1;
  }
}
process.exitCode = broken > 0 ? 3 : 0;

function report(result: RunResult, ms: number): void {
  const perSecond = Math.round((result.steps / ms) * 1_000);
  console.log(
    `nodes ${result.plan.nodes} acknowledged ${result.acknowledged} tombstoned ${result.tombstones} ` +
      `faults ${result.faults} virtual ${Math.round(result.virtualMs / 1_000)} s ` +
      `${perSecond} events/s${result.violations.length === 0 ? "" : " FAILED"}`,
  );
  if (values.trace) for (const line of result.trace) console.log(`    ${line}`);
  if (result.violations.length === 0) return;
  broken += 1;
  for (const { promise, what } of result.violations.slice(0, 10)) {
    console.log(`  broken: ${promise}: ${what}`);
  }
  console.log(
    `  replay: npm run sim -- --seed ${result.plan.seed} --minutes ${values.minutes} --trace`,
  );
}

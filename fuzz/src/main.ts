/**
 * `npm run fuzz`: hostile bytes at every door.
 *
 *   npm run fuzz -- --list
 *   npm run fuzz -- all --seconds 60
 *   npm run fuzz -- wal --seconds 600 --seed 7
 *   npm run fuzz -- wal --seed 7 --input .kqueuey/fuzz/wal-7.bin
 *   npm run fuzz -- smoke
 *
 * A failing input is minimised and kept in a file; the line that replays it is printed.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Budget, campaign, type Outcome, replay } from "./campaign.ts";
import { TARGETS } from "./registry.ts";
import type { Target } from "./target.ts";
import { Watchdog } from "./watchdog.ts";

const SMOKE_SEED = 1;
const FOLDER = fileURLToPath(new URL("../../.kqueuey/fuzz/", import.meta.url));

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: "boolean", default: false },
    seconds: { type: "string", default: "60" },
    inputs: { type: "string", default: "Infinity" },
    seed: { type: "string" },
    input: { type: "string" },
    blind: { type: "boolean", default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const [name] = positionals;
  if (flags.list || name === undefined) {
    for (const target of TARGETS) console.log(`${target.name.padEnd(18)}${target.promise}`);
    return flags.list ? 0 : 2;
  }
  mkdirSync(FOLDER, { recursive: true });
  if (name === "smoke") return await smoke();
  const chosen = TARGETS.filter((one) =>
    name === "all" ? one.canary !== true : one.name === name,
  );
  const [first] = chosen;
  if (first === undefined) {
    console.error(`there is no target ${name}; --list shows them all`);
    return 2;
  }
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(flags.seed);
  if (flags.input !== undefined) return await replayFile(first, seed, flags.input);
  const seconds = Number(flags.seconds);
  const budget = { inputs: Number(flags.inputs), seconds, guided: !flags.blind };
  let failed = 0;
  for (const target of chosen) {
    if ((await fuzz(target, seed, budget)).failure !== undefined) failed += 1;
  }
  console.log(`${chosen.length - failed} targets held, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Every target for a moment, always with the same inputs; and the canary, which must be caught. */
async function smoke(): Promise<number> {
  let wrong = 0;
  for (const target of TARGETS) {
    const budget = { inputs: target.smokeInputs, seconds: 60, guided: false };
    const { failure } = await fuzz(target, SMOKE_SEED, budget);
    const caught = failure !== undefined;
    if (caught === (target.canary === true)) continue;
    wrong += 1;
    if (!caught) console.error(`${target.name} was not caught: the fuzzer sees nothing`);
  }
  console.log(`${TARGETS.length - wrong} targets as they should be, ${wrong} not`);
  return wrong === 0 ? 0 : 1;
}

async function fuzz(target: Target, seed: number, budget: Budget): Promise<Outcome> {
  const watchdog = new Watchdog(join(FOLDER, `${target.name}-${seed}-hangs.bin`));
  const outcome = await campaign(target, seed, { budget, watchdog });
  await watchdog.close();
  tell(target, seed, outcome);
  return outcome;
}

function tell(target: Target, seed: number, outcome: Outcome): void {
  const { inputs, tookMs, features, corpus, failure } = outcome;
  const expected = target.canary === true;
  const verdict = failure === undefined ? "held" : expected ? "caught" : "FAILED";
  const rate = `${inputs} inputs in ${(tookMs / 1_000).toFixed(1)} s`;
  const learnt = features === 0 ? "" : `, ${features} code features, corpus of ${corpus}`;
  console.log(`${target.name.padEnd(18)}${verdict.padEnd(8)}seed ${seed}, ${rate}${learnt}`);
  if (failure === undefined) return;
  const path = join(FOLDER, `${target.name}-${seed}.bin`);
  writeFileSync(path, failure.minimised);
  writeFileSync(`${path}.whole`, failure.input);
  if (expected) return;
  console.log(`  ${failure.error.stack ?? failure.error.message}`);
  console.log(`  ${failure.input.length} bytes, ${failure.minimised.length} when minimised`);
  console.log(`  npm run fuzz -- ${target.name} --seed ${seed} --input ${path}`);
}

async function replayFile(target: Target, seed: number, path: string): Promise<number> {
  const error = await replay(target, seed, new Uint8Array(readFileSync(path)));
  console.log(error === undefined ? `${target.name} held` : (error.stack ?? error.message));
  return error === undefined ? 0 : 1;
}

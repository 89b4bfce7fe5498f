/**
 * `npm run bench`: KQueuey and its peers side by side in one run, interleaved, with the same bodies.
 *
 *   npm run bench                                        everything that can run here, five times
 *   npm run bench -- --workloads W1,W2 --peers nats      some of it
 *   npm run bench -- --peers none --runs 1               KQueuey alone, once
 *   npm run bench -- --json results.json --docs          write the results and the page's tables
 *   npm run bench -- --profile FOLDER …                  leave a profile of each KQueuey node
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Figures } from "./assignment.ts";
import { describeMachine } from "./machine.ts";
import { type Settings, SYSTEMS, type Workload, workloads } from "./plan.ts";
import { writePage } from "./report.ts";
import { median, type Result, type Results, summarize } from "./results.ts";
import type { System, Tuning } from "./systems/system.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SWEEP_SECONDS = 4;

const { values: flags } = parseArgs({
  options: {
    workloads: { type: "string" },
    peers: { type: "string" },
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "10" },
    "warm-up": { type: "string", default: "3" },
    growth: { type: "string", default: "0,100000,1000000,10000000" },
    json: { type: "string" },
    docs: { type: "boolean", default: false },
    profile: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (flags.help) {
  console.log(
    "npm run bench -- [--workloads W1,W1b,W2,W3,W4,W5,W6,W7,W7b,W7c,W7d] [--peers nats,rabbitmq,…|none]\n" +
      "                 [--runs 5] [--seconds 10] [--warm-up 3] [--growth 0,100000,1000000,10000000]\n" +
      "                 [--json FILE] [--docs] [--profile FOLDER]\n\n" +
      "--profile leaves a CPU profile of each KQueuey node and what its threads, its garbage collections and\n" +
      "its files took; node bench/src/read-profile.mjs FOLDER/PID.cpuprofile reads one.\n" +
      "Peers that are not installed are skipped by name; bench/README.md says how each is installed.",
  );
  process.exit(0);
}

const settings: Settings = {
  seconds: count("seconds", flags.seconds),
  warmUpSeconds: count("warm-up", flags["warm-up"]),
  growth: flags.growth.split(",").map((each) => count("growth", each)),
};
const runs = count("runs", flags.runs);
if (flags.profile !== undefined) {
  mkdirSync(flags.profile, { recursive: true });
  // The nodes inherit it.
  process.env["PROFILE_FOLDER"] = resolve(flags.profile);
}
const chosen = choose("workloads", flags.workloads, workloads());
const systems = choose(
  "peers",
  flags.peers === "none" ? "kqueuey" : flags.peers && `kqueuey,${flags.peers}`,
  SYSTEMS,
);
const machine = describeMachine(ROOT);
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`);
console.log(`Node ${machine.node}, commit ${machine.commit}, all on this machine`);

const skipped = systems.flatMap((system) => {
  const why = system.missing();
  if (why === undefined) return [];
  console.log(`skipped: ${system.name} (${system.variant}): ${why}`);
  return [{ system: `${system.name} (${system.variant})`, why }];
});
const present = systems.filter((system) => system.missing() === undefined);
const results: Result[] = [];
for (const workload of chosen) results.push(...(await runWorkload(workload)));

const all: Results = {
  machine,
  commit: machine.commit,
  configuration: { ...settings, runs },
  results,
  skipped,
};
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(all, undefined, 2)}\n`);
if (flags.docs) writePage(ROOT, all);
process.exit(0);

/** All runs of one workload, the systems taking turns in each. */
async function runWorkload(workload: Workload): Promise<Result[]> {
  console.log(`\n${workload.name}: ${workload.title}`);
  const taking = present.filter((system) => workload.takes(system));
  const tunings = new Map<System, Tuning>();
  for (const system of taking) tunings.set(system, await tuningOf(workload, system));
  const trials = new Map<System, Figures[]>(taking.map((system) => [system, []]));
  for (let run = 1; run <= runs; run++) {
    for (const system of taking) {
      const tuning = tunings.get(system);
      if (tuning === undefined) continue;
      try {
        const figures = await workload.run(system, tuning, settings);
        trials.get(system)?.push(figures);
        say(`run ${run} ${system.name}`, figures[workload.figure] ?? 0, workload.unit);
      } catch (error) {
        console.log(`  run ${run} ${system.name} failed: ${String(error)}`);
      }
    }
  }
  const summaries = taking.flatMap((system) =>
    summarize(workload, system, trials.get(system) ?? []),
  );
  compare(workload, summaries);
  return summaries;
}

/** The best of the system's tunings for this workload, by a short run of each. */
async function tuningOf(workload: Workload, system: System): Promise<Tuning> {
  const [first, ...others] = system.tunings;
  if (first === undefined) throw new Error(`${system.name} has no tuning`);
  if (!workload.swept || others.length === 0) return first;
  let best = { tuning: first, value: 0 };
  for (const tuning of system.tunings) {
    try {
      const short = { ...settings, seconds: SWEEP_SECONDS };
      const figures = await workload.run(system, tuning, short);
      const value = figures[workload.figure] ?? 0;
      if (value > best.value) best = { tuning, value };
    } catch (error) {
      console.log(`  ${system.name} with batches of ${tuning.batch}: ${String(error)}`);
    }
  }
  console.log(`  ${system.name} (${system.variant}): batches of ${best.tuning.batch} are best`);
  return best.tuning;
}

function compare(workload: Workload, summaries: readonly Result[]): void {
  const own = summaries.find(
    (each) => each.system === "kqueuey" && each.metric === workload.figure,
  )?.median;
  const labels = new Set(summaries.map((each) => `${each.system}\t${each.variant}`));
  for (const label of labels) {
    const [system, variant] = label.split("\t");
    const of = summaries.filter((each) => each.system === system && each.variant === variant);
    const main = of.find((each) => each.metric === workload.figure)?.median ?? 0;
    const ratio =
      own === undefined || own === 0 || main === 0
        ? undefined
        : workload.moreIsBetter
          ? own / main
          : main / own;
    const times = ratio === undefined || system === "kqueuey" ? "" : `  (we: ${ratio.toFixed(1)}×)`;
    console.log(`  ${system} ${variant}${times}`);
    for (const each of of) say(`    ${each.metric}`, median(each.runs), each.unit);
  }
}

function choose<T extends { readonly name: string }>(
  flag: string,
  wanted: string | undefined,
  all: readonly T[],
): readonly T[] {
  if (wanted === undefined) return all;
  const names = wanted.split(",");
  const unknown = names.find((name) => !all.some((each) => each.name === name));
  if (unknown !== undefined) {
    const known = [...new Set(all.map((each) => each.name))].join(", ");
    console.error(`--${flag} takes ${known}; not ${unknown}`);
    process.exit(2);
  }
  return all.filter((each) => names.includes(each.name));
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= 0) return value;
  console.error(`--${flag} takes a whole number, not ${text}`);
  return process.exit(2);
}

function say(name: string, value: number, unit: string): void {
  const digits = value < 100 ? 2 : 0;
  const text = value.toLocaleString("en-US", { maximumFractionDigits: digits });
  console.log(`  ${name.padEnd(28)}${text.padStart(12)} ${unit}`);
}

/**
 * `npm run soak`: hours in the life of a real cluster, in minutes.
 *
 *   npm run soak -- --minutes 30 --seed 1
 *   npm run soak -- --minutes 30 --write-docs
 *
 * Ends with a verdict and writes soak.json and soak.svg to the folder of --out.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "../../bench/src/machine.ts";
import { type Cluster, layOut } from "../../system-test/harness/cluster.ts";
import { Faults } from "./faults.ts";
import { Load } from "./load.ts";
import { drawRecord } from "./plot.ts";
import { complaints, describePage, describeResult, type Result } from "./report.ts";
import { highestTerm, type Sample, sampleNodes } from "./sample.ts";
import { judge } from "./verdict.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SAMPLE_EVERY_MS = 5_000;
/** The last fault that may hit any node is over so long before the half that is judged. */
const SETTLE_S = 120;
/** Caches fill up and code is compiled in the first minutes: a window shorter than this says nothing of growth. */
const JUDGED_MINUTES_MIN = 5;

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string" },
    rate: { type: "string", default: "1500" },
    clients: { type: "string", default: "4" },
    backlog: { type: "string", default: "5000" },
    "body-bytes": { type: "string", default: "1024" },
    out: { type: "string", default: join(ROOT, ".kqueuey/soak") },
    "write-docs": { type: "boolean", default: false },
  },
});

const minutes = Number(flags.minutes);
const seed = flags.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(flags.seed);
const options = {
  clients: Number(flags.clients),
  rate: Number(flags.rate),
  backlog: Number(flags.backlog),
  bodyBytes: Number(flags["body-bytes"]),
};

process.exitCode = await main();

async function main(): Promise<number> {
  console.log(`seed ${seed}, ${minutes} minutes, ${options.rate} messages a second`);
  const monitor = new URL("./node-monitor.mjs", import.meta.url).href;
  const cluster = await layOut({
    env: (folder) => ({ NODE_OPTIONS: `--import ${monitor}`, SOAK_MONITOR_FOLDER: folder }),
  });
  try {
    cluster.startAll();
    await cluster.leader();
    const load = new Load({ ...options, endpoints: cluster.endpoints });
    const result = await soak(cluster, load);
    return write(result);
  } catch (error) {
    console.error(cluster.logs());
    throw error;
  } finally {
    await cluster.stop();
  }
}

async function soak(cluster: Cluster, load: Load): Promise<Result> {
  const startedMs = performance.now();
  const nowS = (): number => (performance.now() - startedMs) / 1_000;
  const halfS = (minutes * 60) / 2;
  const ending = new AbortController();
  const faults = new Faults(cluster, seed, nowS);
  await load.start();
  const striking = faults.run(halfS - Math.min(SETTLE_S, halfS / 5), ending.signal);
  const struck = striking.catch(() => ending.abort());
  const samples: Sample[] = [];
  let failures = 0;
  while (nowS() < minutes * 60 && !ending.signal.aborted) {
    const beganS = nowS();
    await pause(SAMPLE_EVERY_MS);
    const { sample, failed } = await takeSample(cluster, load, { beganS, nowS });
    samples.push(sample);
    failures += failed;
    if (samples.length % 12 === 0) tell(sample);
  }
  ending.abort();
  await struck;
  await striking;
  const left = await load.drain();
  failures += load.takeProgress().failures;
  await load.close();
  const judged = minutes / 2 >= JUDGED_MINUTES_MIN;
  const terms = samples.map(({ term }) => term).filter((term) => term > 0);
  const { cpu, cores, memoryGiB, system, node, commit, at } = describeMachine(ROOT);
  const { acknowledged, tombstoned, deliveries, risen, strangers } = load.ledger;
  return {
    ...{ seed, minutes, commit, at, ...options },
    machine: `${cores} cores of ${cpu} with ${memoryGiB} GiB, ${system}, Node ${node}`,
    ...{ acknowledged, tombstoned, deliveries, failures, risen, strangers, left },
    lost: load.ledger.lost(),
    elections: Math.max(0, ...terms) - Math.min(...terms, Math.max(0, ...terms)),
    faults: faults.done,
    samples,
    judgements: judged ? judge(samples, halfS) : [],
  };
}

async function takeSample(
  cluster: Cluster,
  load: Load,
  time: { readonly beganS: number; readonly nowS: () => number },
): Promise<{ readonly sample: Sample; readonly failed: number }> {
  const nodes = sampleNodes(cluster);
  const term = await highestTerm(cluster);
  const { acknowledged, tombstoned, p50Ms, p99Ms, failures } = load.takeProgress();
  const atS = time.nowS();
  const tookS = atS - time.beganS;
  const rates = { sentPerS: acknowledged / tookS, donePerS: tombstoned / tookS };
  const { backlog } = load;
  return { sample: { atS, nodes, ...rates, p50Ms, p99Ms, backlog, term }, failed: failures };
}

function tell({ atS, sentPerS, p50Ms, p99Ms, nodes, backlog }: Sample): void {
  const memory = nodes.map(({ rssBytes }) => Math.round(rssBytes / 1_048_576)).join("/");
  const latency = `${p50Ms?.toFixed(0) ?? "–"}/${p99Ms?.toFixed(0) ?? "–"} ms`;
  const time = `${atS.toFixed(0).padStart(6)} s`;
  console.log(`${time}  ${sentPerS.toFixed(0)}/s, ${latency}, backlog ${backlog}, ${memory} MiB`);
}

function write(result: Result): number {
  const title = `${result.minutes} minutes, seed ${result.seed}, ${result.rate} messages a second`;
  const plot = drawRecord(result.samples, result.faults, `Soak: ${title}`);
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(join(flags.out, "soak.json"), `${JSON.stringify(result, undefined, 1)}\n`);
  writeFileSync(join(flags.out, "soak.svg"), plot);
  if (flags["write-docs"]) {
    mkdirSync(join(ROOT, "docs/soak"), { recursive: true });
    writeFileSync(join(ROOT, "docs/soak/soak.svg"), plot);
    writeFileSync(join(ROOT, "docs/internals/soak.md"), describePage(result, "../soak/soak.svg"));
  }
  console.log(`\n${describeResult(result)}\n`);
  console.log(`written to ${flags.out}`);
  const wrong = complaints(result);
  for (const complaint of wrong) console.log(`FAILED  ${complaint}`);
  if (wrong.length === 0) console.log("held");
  return wrong.length === 0 ? 0 : 1;
}

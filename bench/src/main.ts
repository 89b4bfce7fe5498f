/**
 * `npm run bench`: three real nodes on this machine, every send on the disks of a majority before it is
 * acknowledged, and load processes that use the client.
 *
 *   npm run bench
 *   npm run bench -- --only throughput,latency --seconds 30 --json results.json
 */
import { fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createClient } from "@kqueuey/client";
import { type Cluster, layOut } from "../../system-test/harness/cluster.ts";
import type { Assignment, Measured } from "./assignment.ts";
import { describeMachine, residentMiB } from "./machine.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SETTLE_MS = 5_000;
const KINDS = ["throughput", "latency", "memory"] as const;

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: KINDS.join(",") },
    seconds: { type: "string", default: "15" },
    batch: { type: "string", default: "100" },
    "body-bytes": { type: "string", default: "128" },
    rate: { type: "string", default: "500" },
    messages: { type: "string", default: "1000000" },
    clients: { type: "string", default: "1" },
    json: { type: "string" },
  },
});

const configuration = {
  nodes: 3,
  seconds: Number(flags.seconds),
  batch: Number(flags.batch),
  bodyBytes: Number(flags["body-bytes"]),
  rate: Number(flags.rate),
  waitingMessages: Number(flags.messages),
  loadProcesses: Number(flags.clients),
};
const bodiesSay = `${configuration.bodyBytes}-byte random bodies, batches of ${configuration.batch}`;

const only = flags.only.split(",");
const unknown = only.find((one) => !KINDS.some((kind) => kind === one));
if (unknown !== undefined) throw new Error(`--only takes ${KINDS.join(", ")}, not ${unknown}`);

const machine = describeMachine(ROOT);
const results: Record<string, number> = {};
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`);
console.log(`Node ${machine.node}, commit ${machine.commit}, three nodes on this machine`);
if (only.includes("throughput")) await onCluster(measureThroughput);
if (only.includes("latency")) await onCluster(measureLatency);
if (only.includes("memory")) await onCluster(measureMemory);
if (flags.json !== undefined) {
  const text = JSON.stringify({ machine, configuration, results }, undefined, 2);
  writeFileSync(flags.json, `${text}\n`);
}

async function onCluster(measure: (cluster: Cluster) => Promise<void>): Promise<void> {
  const monitor = new URL("./loop-monitor.mjs", import.meta.url).href;
  const cluster = await layOut({
    flags: ["--wal-segment-bytes", "64MiB"],
    env: (folder) => ({ NODE_OPTIONS: `--import ${monitor}`, LOOP_MONITOR_FOLDER: folder }),
  });
  try {
    cluster.startAll();
    await cluster.leader();
    const client = createClient({ endpoints: cluster.endpoints });
    await client.createQueue("bench");
    await client.close();
    await measure(cluster);
  } catch (error) {
    console.error(cluster.logs());
    throw error;
  } finally {
    await cluster.stop();
  }
}

async function measureThroughput(cluster: Cluster): Promise<void> {
  console.log(`\nSent, received and tombstoned together (${bodiesSay})`);
  const window = Math.ceil(20_000 / configuration.loadProcesses);
  const all = await Promise.all(
    Array.from({ length: configuration.loadProcesses }, () =>
      load(assign(cluster, "throughput", { window })),
    ),
  );
  let perSecond = 0;
  for (const one of all) {
    if (one.kind === "throughput") perSecond += (one.messages * 1_000) / one.tookMs;
  }
  show("throughput", Math.round(perSecond), "messages/s");
  await showStalls(cluster);
}

async function measureLatency(cluster: Cluster): Promise<void> {
  console.log(
    `\nSend latency at ${configuration.rate} messages/s, open loop, from when each was due`,
  );
  const measured = await load(assign(cluster, "latency", {}));
  if (measured.kind !== "latency") throw new Error("the load process measured something else");
  show("latencyP50", measured.p50Ms, "ms");
  show("latencyP99", measured.p99Ms, "ms");
  show("latencyP999", measured.p999Ms, "ms");
  show("latencyMax", measured.maxMs, "ms");
}

async function measureMemory(cluster: Cluster): Promise<void> {
  console.log(`\n${configuration.waitingMessages} waiting messages (${bodiesSay})`);
  const measured = await load(assign(cluster, "fill", {}));
  if (measured.kind !== "fill") throw new Error("the load process measured something else");
  if (measured.messages !== configuration.waitingMessages) {
    throw new Error(`${measured.messages} messages wait`);
  }
  show("fill", Math.round((measured.messages * 1_000) / measured.tookMs), "messages/s");
  // Checkpoints of the last messages are made in this time.
  await pause(SETTLE_MS);
  for (const { id } of cluster.places) {
    const mib = residentMiB(cluster.program(id).pid);
    if (mib !== undefined) show(`residentNode${id}`, Math.round(mib), "MiB");
  }
  await showStalls(cluster);
}

/**
 * The longest stall of each node's event loop since two seconds after its start, by its own measure,
 * and what of the longest turn was work: with more processes than processors a turn also waits for one.
 */
async function showStalls(cluster: Cluster): Promise<void> {
  for (const { id, clientUrl } of cluster.places) {
    const file = join(cluster.folder, `loop-${cluster.program(id).pid}.json`);
    const { longestMs } = JSON.parse(readFileSync(file, "utf8"));
    show(`longestStallNode${id}`, Number(longestMs), "ms");
    const { longestTurn } = JSON.parse(await (await fetch(`${clientUrl}/healthz`)).text());
    show(`longestTurnWorkNode${id}`, Number(longestTurn.cpuMs), "ms");
  }
}

function assign(
  cluster: Cluster,
  kind: Assignment["kind"],
  special: Partial<Assignment>,
): Assignment {
  return {
    kind,
    endpoints: cluster.endpoints,
    queue: "bench",
    bodyBytes: configuration.bodyBytes,
    batch: configuration.batch,
    warmUpSeconds: 3,
    seconds: configuration.seconds,
    window: 20_000,
    rate: configuration.rate,
    messages: configuration.waitingMessages,
    ...special,
  };
}

function load(assignment: Assignment): Promise<Measured> {
  const child = fork(fileURLToPath(new URL("./load.ts", import.meta.url)));
  process.once("exit", () => child.kill("SIGKILL"));
  child.send(assignment);
  return new Promise((resolve, reject) => {
    let measured: Measured | undefined;
    child.once("message", (value: Measured) => {
      measured = value;
    });
    child.once("exit", (code, signal) => {
      if (measured !== undefined) resolve(measured);
      else reject(new Error(`a load process ended with ${signal ?? `status ${code}`}`));
    });
  });
}

function show(name: string, value: number, unit: string): void {
  results[name] = value;
  const digits = value < 100 ? 2 : 0;
  const text = value.toLocaleString("en-US", { maximumFractionDigits: digits });
  console.log(`  ${name.padEnd(22)}${text.padStart(12)} ${unit}`);
}

/** One workload on one system, once: servers up, a load process, what it says and what it cost, servers down. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Assignment, Figures, Phase, Report, Work } from "./assignment.ts";
import { type Running, reapAtExit, type System, type Tuning } from "./systems/system.ts";
import { deviceBytesWritten, largestResidentMiB, type Usage, usageOf } from "./usage.ts";

export interface Trial {
  readonly system: System;
  readonly work: Work;
  readonly tuning: Tuning;
  readonly bodyBytes: number;
  readonly warmUpSeconds: number;
}

const LOAD = fileURLToPath(new URL("./load.ts", import.meta.url));
const BYSTANDER = fileURLToPath(new URL("./bystander.mjs", import.meta.url));
const MONITOR = new URL("./loop-monitor.mjs", import.meta.url).href;
const QUEUE = "bench";
/** A load that takes this much longer than its phases has a client that waits for ever. */
const LOAD_LIMIT_MS = 15 * 60_000;

/** Runs `use` on a fresh cluster, with a bystander; gives what `use` gave and how still the machine stood. */
export async function onSystem(
  system: System,
  use: (running: Running) => Promise<Figures>,
): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "kqueuey-bench-"));
  let running: Running | undefined;
  let bystander: ChildProcess | undefined;
  try {
    running = await system.start(folder);
    bystander = standBy(folder);
    const figures = await use(running);
    const own = (await running.figures?.()) ?? {};
    const text = readFileSync(join(folder, `loop-${bystander.pid}.json`), "utf8");
    const { longestMs } = JSON.parse(text);
    return { ...figures, ...own, bystanderStall: Number(longestMs) };
  } finally {
    bystander?.kill();
    await running?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

export async function runTrial(trial: Trial): Promise<Figures> {
  return await onSystem(trial.system, (running) => runLoad(running, trial));
}

/** One load process against a running system. */
export async function runLoad(
  running: Running,
  trial: Omit<Trial, "system"> & { readonly queue?: string },
): Promise<Figures> {
  const assignment: Assignment = {
    reach: running.reach,
    queue: trial.queue ?? QUEUE,
    bodyBytes: trial.bodyBytes,
    tuning: trial.tuning,
    warmUpSeconds: trial.warmUpSeconds,
    work: trial.work,
  };
  const child = fork(LOAD);
  reapAtExit(child);
  child.send(assignment);
  return await new Promise((resolve, reject) => {
    let before: Sample | undefined;
    let cost: Figures = {};
    const sample = (): Sample => ({
      first: usageOf(running.pids.slice(0, 1)),
      servers: usageOf(running.pids),
      load: usageOf([child.pid ?? 0]),
      diskBytes: deviceBytesWritten(running.folder),
    });
    child.on("message", (report: Report) => {
      if (report.kind === "begin") before = sample();
      else if (report.kind === "end" && before !== undefined) {
        const { phase } = report;
        const after = sample();
        cost =
          phase === undefined
            ? costOf(before, after)
            : { ...cost, ...costByCall(phase, before, after) };
      } else if (report.kind === "steady") void running.killLeader(assignment.queue);
      else if (report.kind === "done") {
        const residentMiB = largestResidentMiB(running.pids);
        const { replicas } = running.reach;
        const bodyBytes = trial.bodyBytes * replicas;
        resolve(perMillion({ ...report.figures, ...cost, residentMiB }, bodyBytes));
      }
    });
    const limit = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`a load process did not end within ${LOAD_LIMIT_MS / 60_000} minutes`));
    }, LOAD_LIMIT_MS);
    child.once("exit", (code, signal) => {
      clearTimeout(limit);
      reject(new Error(`a load process ended with ${signal ?? `status ${code}`}`));
    });
  });
}

/** What was used until a moment. */
interface Sample {
  /** By the server at the first address, which answers when the load has but one. */
  readonly first: Usage;
  readonly servers: Usage;
  readonly load: Usage;
  readonly diskBytes: number;
}

function costByCall(phase: Phase, before: Sample, after: Sample): Figures {
  const { name, calls } = phase;
  const micros = (of: "first" | "servers" | "load"): number =>
    ((after[of].cpuSeconds - before[of].cpuSeconds) / calls) * 1e6;
  return {
    [`${name}LeaderCpuMicros`]: micros("first"),
    [`${name}ServersCpuMicros`]: micros("servers"),
    [`${name}DriverCpuMicros`]: micros("load"),
  };
}

function costOf(before: Sample, after: Sample): Figures {
  return {
    serverCpuSeconds: after.servers.cpuSeconds - before.servers.cpuSeconds,
    driverCpuSeconds: after.load.cpuSeconds - before.load.cpuSeconds,
    diskBytes: after.diskBytes - before.diskBytes,
  };
}

/** Costs for each million messages; `bodyBytes` are those of one message on all its replicas. */
function perMillion(figures: Figures, bodyBytes: number): Figures {
  const { messages = 0, serverCpuSeconds, driverCpuSeconds, diskBytes, ...rest } = figures;
  if (messages === 0 || serverCpuSeconds === undefined) return rest;
  return {
    ...rest,
    serverCpuPerMillion: (serverCpuSeconds / messages) * 1e6,
    driverCpuPerMillion: ((driverCpuSeconds ?? 0) / messages) * 1e6,
    diskBytesPerBodyByte: (diskBytes ?? 0) / messages / bodyBytes,
  };
}

function standBy(folder: string): ReturnType<typeof fork> {
  const child = fork(BYSTANDER, {
    execArgv: ["--import", MONITOR],
    env: { ...process.env, LOOP_MONITOR_FOLDER: folder },
  });
  reapAtExit(child);
  return child;
}

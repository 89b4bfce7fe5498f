/**
 * The cluster of `kqueuey dev`: starts the nodes, waits until a leader serves, says so, watches them, and
 * stops them in the end. A node that ends by itself is reported and not started again: whoever tries
 * failures should see them.
 */
import { mkdirSync, rmSync } from "node:fs";
import { KQueueyError } from "@kqueuey/contract";
import { Finished } from "../cluster-command.ts";
import { whenAborted } from "../commands/serve.ts";
import type { CliContext } from "../context.ts";
import { EXIT_CODE } from "../exit-code.ts";
import { logTail } from "./log-tail.ts";
import { type NodeProcess, startNode } from "./node-process.ts";
import type { DevPlan } from "./plan.ts";
import { checkPorts } from "./ports.ts";
import { processStart, removeState, runningLauncher, writeState } from "./state-file.ts";
import { welcomeText } from "./welcome.ts";

export interface LaunchOptions {
  readonly fresh: boolean;
  /** As the user gave it. */
  readonly dataDir: string;
}

const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;
/** A node's own drain is bounded by 10 s; past this it is killed. */
const STOP_TIMEOUT_MS = 15_000;
const LOG_LINES_SHOWN = 12;

/** Runs the plan until Ctrl-C, SIGTERM, or until no node is left. */
export async function runDev(
  context: CliContext,
  plan: DevPlan,
  options: LaunchOptions,
): Promise<void> {
  const statePath = `${plan.directory}/dev.json`;
  mkdirSync(plan.directory, { recursive: true });
  refuseSecondLauncher(statePath, options.dataDir);
  if (options.fresh) removeData(plan);
  await checkPorts(plan);
  const processes = plan.nodes.map((node) => startNode(node, context.mainPath));
  const publish = (): void => writeState(statePath, stateOf(plan, processes));
  publish();
  let stopping = false;
  const watches = processes.map((child) =>
    child.ended.then((how) => {
      if (stopping) return;
      publish();
      reportEnd(context, child, how);
    }),
  );
  const allEnded = Promise.all(watches).then(() => "ended" as const);
  const told = whenAborted(context.signal).then(() => "told" as const);
  try {
    const first = await Promise.race([whenReady(processes, context.signal), allEnded, told]);
    if (first === "ready") {
      const leader = await leaderOf(context, plan);
      context.out(welcomeText(plan, { leader, dataDir: options.dataDir }));
      await Promise.race([allEnded, told]);
    } else if (first === "late") throw notReady(plan);
    if (!context.signal.aborted) {
      context.err("kqueuey: no node is left\n");
      throw new Finished(EXIT_CODE.fault);
    }
    context.err("\nstopping\n");
  } finally {
    stopping = true;
    await stopAll(context, processes);
    removeState(statePath);
  }
}

function refuseSecondLauncher(statePath: string, dataDir: string): void {
  const pid = runningLauncher(statePath);
  if (pid === undefined) return;
  throw new KQueueyError(
    "CONFIG_INVALID",
    `the data in ${dataDir} is in use by kqueuey dev with pid ${pid}; stop that one, or give this one ` +
      "a directory and ports of its own with --data-dir, --client-port-base and --peer-port-base",
    { details: { pid } },
  );
}

/** Removes what nodes of `dev` made, and nothing else of the directory. */
function removeData(plan: DevPlan): void {
  for (const node of plan.nodes) {
    rmSync(node.dataDirectory, { recursive: true, force: true });
    rmSync(node.logFile, { force: true });
  }
}

function stateOf(
  plan: DevPlan,
  processes: readonly NodeProcess[],
): Parameters<typeof writeState>[1] {
  return {
    clusterId: plan.clusterId,
    launcher: { pid: process.pid, startedAt: processStart(process.pid) },
    nodes: processes.map(({ node, pid, running, command }) => ({
      id: node.id,
      pid: running ? (pid ?? null) : null,
      clientUrl: node.clientUrl,
      peerAddress: node.peerAddress,
      dataDirectory: node.dataDirectory,
      logFile: node.logFile,
      command,
    })),
  };
}

function reportEnd(context: CliContext, child: NodeProcess, how: string): void {
  const { node } = child;
  context.err(
    `\nkqueuey: node ${node.id} (pid ${child.pid ?? "none"}) ended: ${how}. The end of ${node.logFile}:\n` +
      `${logTail(node.logFile, LOG_LINES_SHOWN)}` +
      `  The other nodes go on. Ctrl-C and \`kqueuey dev\` bring all back; node ${node.id} alone:\n` +
      `    ${child.command.join(" ")}\n`,
  );
}

/** "ready" once every node that runs says that it serves. */
async function whenReady(
  processes: readonly NodeProcess[],
  signal: AbortSignal,
): Promise<"ready" | "late"> {
  const untilMs = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < untilMs && !signal.aborted) {
    const running = processes.filter((child) => child.running);
    const ready = await Promise.all(running.map((child) => isReady(child.node.clientUrl)));
    if (ready.length > 0 && ready.every((answer) => answer)) return "ready";
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  return "late";
}

async function isReady(clientUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${clientUrl}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function leaderOf(context: CliContext, plan: DevPlan): Promise<number | undefined> {
  const client = context.connect(
    plan.nodes.map((node) => node.clientUrl),
    { timeoutMs: 5_000 },
  );
  try {
    return (await client.clusterStatus({ signal: context.signal })).leader;
  } catch {
    // The welcome says then that it does not know; the cluster serves all the same.
    return undefined;
  } finally {
    await client.close();
  }
}

function notReady(plan: DevPlan): KQueueyError {
  const tails = plan.nodes.map(
    (node) => `  ${node.logFile}:\n${logTail(node.logFile, LOG_LINES_SHOWN)}`,
  );
  return new KQueueyError(
    "UNAVAILABLE",
    `no leader served within ${READY_TIMEOUT_MS / 1_000} s. The ends of the logs:\n${tails.join("")}`,
  );
}

/** Asks all nodes to stop, and kills those that do not in time. */
async function stopAll(context: CliContext, processes: readonly NodeProcess[]): Promise<void> {
  for (const child of processes) child.kill("SIGTERM");
  const kill = setTimeout(() => {
    for (const child of processes) {
      if (!child.running) continue;
      context.err(`kqueuey: node ${child.node.id} did not stop in time and is killed\n`);
      child.kill("SIGKILL");
    }
  }, STOP_TIMEOUT_MS);
  await Promise.all(processes.map((child) => child.ended));
  clearTimeout(kill);
}

/** Three KQueuey nodes as a user has them, with the event loop's longest stall recorded beside. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Cluster, layOut } from "../../../system-test/harness/cluster.ts";
import type { Running, System } from "./system.ts";

const PROFILER = new URL("../profiler.mjs", import.meta.url).href;
const MONITOR = new URL("../loop-monitor.mjs", import.meta.url).href;

const BASE: Omit<System, "start"> = {
  name: "kqueuey",
  variant: "3 nodes, synced on a majority",
  tunings: [
    { batch: 100, senders: 8, receivers: 8 },
    { batch: 500, senders: 8, receivers: 8 },
  ],
  missing: () => undefined,
};

export const kqueuey: System = kqueueyWith(() => []);

/** With further flags; `folder` is where the run keeps its files. */
export function kqueueyWith(flags: (folder: string) => readonly string[]): System {
  return { ...BASE, start: (folder) => start(flags(folder)) };
}

async function start(flags: readonly string[]): Promise<Running> {
  const cluster = await layOut({
    flags: ["--wal-segment-bytes", "64MiB", ...flags],
    env: (folder) => ({
      NODE_OPTIONS: `--import ${MONITOR} --import ${PROFILER}`,
      LOOP_MONITOR_FOLDER: folder,
    }),
  });
  try {
    cluster.startAll();
    return running(cluster, await cluster.leader());
  } catch (error) {
    console.error(cluster.logs());
    await cluster.stop();
    throw error;
  }
}

/** The leader of the start is the first of the addresses and of the processes. */
function running(cluster: Cluster, leader: number): Running {
  // What a restart costs is told by its time: nobody is served while a node loads.
  let beforeRestart: Readonly<Record<string, number>> | undefined;
  const ids = cluster.places.map(({ id }) => id);
  const ordered = [leader, ...ids.filter((id) => id !== leader)];
  const addresses = ordered.map((id) => cluster.url(id));
  return {
    reach: { driver: "kqueuey", addresses, replicas: 3 },
    get pids() {
      return ordered.map((id) => cluster.program(id).pid);
    },
    folder: cluster.folder,
    killLeader: async () => {
      const leader = await cluster.leader();
      await cluster.kill(leader);
      return `node ${leader}`;
    },
    restart: async () => {
      beforeRestart = await stalls(cluster);
      await Promise.all(cluster.places.map(({ id }) => cluster.kill(id)));
      const startedMs = performance.now();
      cluster.startAll();
      await cluster.leader();
      return performance.now() - startedMs;
    },
    figures: async () => beforeRestart ?? (await stalls(cluster)),
    stop: async () => {
      if (process.env["PROFILE_FOLDER"] !== undefined) await leaveProfiles(cluster);
      await cluster.stop();
    },
  };
}

/** The profiler writes what it has on a polite signal. */
async function leaveProfiles(cluster: Cluster): Promise<void> {
  const programs = cluster.places.map(({ id }) => cluster.program(id));
  for (const program of programs) program.signal("SIGTERM");
  await Promise.all(programs.map((program) => program.ended()));
}

/** What `loop-monitor.mjs` writes. */
interface LoopFigures {
  readonly longestMs: number;
  readonly longestInCheckpointMs: number;
  readonly checkpoints: number;
  readonly longestWorkMs: number;
  readonly p99Ms: number;
}

/**
 * The longest stall of any node's event loop since two seconds after its start, by its own measure, and
 * what of a stall was work: with more processes than processors a turn also waits for one.
 */
async function stalls(cluster: Cluster): Promise<Record<string, number>> {
  const figures = {
    longestStall: 0,
    longestStallInCheckpoint: 0,
    checkpoints: 0,
    longestStallWork: 0,
    longestTurnWork: 0,
    loopDelayP99: 0,
  };
  for (const { id, clientUrl } of cluster.places) {
    // One that the workload killed has nothing to tell.
    if (!cluster.program(id).running) continue;
    const file = join(cluster.folder, `loop-${cluster.program(id).pid}.json`);
    const loop: LoopFigures = JSON.parse(readFileSync(file, "utf8"));
    const { longestTurn } = JSON.parse(await (await fetch(`${clientUrl}/healthz`)).text());
    const longest = (name: keyof typeof figures, ms: number): void => {
      figures[name] = Math.max(figures[name], ms);
    };
    longest("longestStall", loop.longestMs);
    longest("longestStallInCheckpoint", loop.longestInCheckpointMs);
    figures.checkpoints += loop.checkpoints;
    longest("longestStallWork", loop.longestWorkMs);
    longest("longestTurnWork", Number(longestTurn.cpuMs));
    longest("loopDelayP99", loop.p99Ms);
  }
  return figures;
}

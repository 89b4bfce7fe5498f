/** What is recorded every few seconds: of each node, and of the load. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../../system-test/harness/cluster.ts";

export interface NodeSample {
  readonly id: number;
  readonly pid: number;
  readonly rssBytes: number;
  /** Heap and what hangs on it, before any collection: the least of a while is what counts. */
  readonly heapBytes: number;
  readonly fileDescriptors: number;
  readonly diskBytes: number;
  /** 99th percentile of the event loop's delay in the last second, ms. */
  readonly loopMs: number;
}

export interface Sample {
  /** Seconds since the load began. */
  readonly atS: number;
  /** Nodes whose process runs and was there to be looked at. */
  readonly nodes: readonly NodeSample[];
  /** Messages acknowledged, and tombstoned, since the sample before, a second. */
  readonly sentPerS: number;
  readonly donePerS: number;
  /** Of sends, from when each was due; undefined when none was answered. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Messages in the queue by the load's own count. */
  readonly backlog: number;
  /** The highest term that a node told, 0 while none does. Each election makes a higher one. */
  readonly term: number;
}

export function sampleNodes(cluster: Cluster): readonly NodeSample[] {
  return cluster.running.flatMap((id) => {
    const { pid } = cluster.program(id);
    const { directory } = cluster.place(id);
    try {
      const monitored = JSON.parse(
        readFileSync(join(cluster.folder, `monitor-${pid}.json`), "utf8"),
      );
      return {
        id,
        pid,
        rssBytes: residentBytes(pid),
        heapBytes: Number(monitored.heapBytes),
        fileDescriptors: readdirSync(`/proc/${pid}/fd`).length,
        diskBytes: folderBytes(directory),
        loopMs: Number(monitored.loopMs),
      };
    } catch {
      // It has just begun, or just ended.
      return [];
    }
  });
}

/** The highest term among the nodes that answer. */
export async function highestTerm(cluster: Cluster): Promise<number> {
  const terms = await Promise.all(
    cluster.running.map((id) =>
      cluster.status(id).then(
        (status) => status.term,
        () => 0,
      ),
    ),
  );
  return Math.max(0, ...terms);
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1_024;
}

/** Bytes that the files of a folder take on the disk. A file that goes meanwhile counts as gone. */
function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    try {
      bytes += entry.isDirectory() ? folderBytes(path) : statSync(path).blocks * 512;
    } catch {}
  }
  return bytes;
}

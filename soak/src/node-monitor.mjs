/**
 * Loaded into a node before its own code (`node --import`): writes what only the process itself knows to a file
 * named for it, once a second. Plain JavaScript, because the node is.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const folder = process.env["SOAK_MONITOR_FOLDER"];

if (folder !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const path = join(folder, `monitor-${process.pid}.json`);
  const write = () => {
    const { heapUsed, external } = process.memoryUsage();
    const loopMs = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
    delays.reset();
    writeFileSync(`${path}.new`, JSON.stringify({ heapBytes: heapUsed + external, loopMs }));
    renameSync(`${path}.new`, path);
  };
  setInterval(write, 1_000).unref();
}

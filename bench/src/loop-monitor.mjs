/**
 * Loaded into a process before its own code (`node --import`): writes the longest stall of its event loop
 * so far and the 99th percentile of its delay, in ms, to a file named for the process, twice a second.
 * Plain JavaScript, because the node is.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const folder = process.env["LOOP_MONITOR_FOLDER"];

if (folder !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const write = () => {
    const longestMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
    const p99Ms = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
    const file = join(folder, `loop-${process.pid}.json`);
    // Whoever reads it never sees half of it.
    writeFileSync(`${file}.new`, JSON.stringify({ longestMs, p99Ms }));
    renameSync(`${file}.new`, file);
  };
  // What loading the program cost is not of interest.
  setTimeout(() => delays.reset(), 2_000).unref();
  write();
  setInterval(write, 500).unref();
}

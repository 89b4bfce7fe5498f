/**
 * Loaded into a node before its own code (`node --import`): writes the longest stall of its event loop so
 * far, in ms, to a file named for its process, twice a second. Plain JavaScript, because the node is.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const folder = process.env["LOOP_MONITOR_FOLDER"];

if (folder !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const write = () => {
    const longestMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
    writeFileSync(join(folder, `loop-${process.pid}.json`), JSON.stringify({ longestMs }));
  };
  // What loading the program cost is not of interest.
  setTimeout(() => delays.reset(), 2_000).unref();
  setInterval(write, 500).unref();
}

/**
 * Loaded into a process before its own code (`node --import`): writes the longest stall of its event loop
 * so far, the longest that fell into a checkpoint and how many of those there were, how much of any stall its
 * thread worked at most, and the 99th percentile of the delay, in ms, to a file named for the process, twice a
 * second. Plain JavaScript, because the node is.
 */
import { subscribe } from "node:diagnostics_channel";
import { existsSync, openSync, readSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const folder = process.env["LOOP_MONITOR_FOLDER"];

if (folder !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const ticks = watchTicks();
  const write = () => {
    const longestMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
    const p99Ms = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
    const file = join(folder, `loop-${process.pid}.json`);
    // Whoever reads it never sees half of it. The folder may be gone before us, at the end.
    if (!existsSync(folder)) return;
    const { longestWorkMs, longestInCheckpointMs, checkpoints } = ticks;
    const found = { longestMs, longestWorkMs, longestInCheckpointMs, checkpoints, p99Ms };
    writeFileSync(`${file}.new`, JSON.stringify(found));
    renameSync(`${file}.new`, file);
  };
  // What loading the program cost is not of interest.
  setTimeout(() => {
    delays.reset();
    ticks.longestWorkMs = 0;
    ticks.longestInCheckpointMs = 0;
  }, 2_000).unref();
  write();
  setInterval(write, 500).unref();
}

/**
 * Ticks that came late: the longest delay of one between whose ends a checkpoint ran at any time, and the most
 * processor time that the thread took in any (Linux only).
 */
function watchTicks() {
  const ticks = { longestWorkMs: 0, longestInCheckpointMs: 0, checkpoints: 0 };
  const running = new Set();
  let ranSinceTick = false;
  subscribe("kqueuey:checkpoint", (message) => {
    ranSinceTick = true;
    if (message.running) {
      running.add(message.group);
      ticks.checkpoints += 1;
    } else {
      running.delete(message.group);
    }
  });
  const read = threadTime();
  let [lastMs, lastWorkMs] = [performance.now(), read()];
  setInterval(() => {
    const [nowMs, workMs] = [performance.now(), read()];
    const lateMs = nowMs - lastMs - RESOLUTION_MS;
    ticks.longestWorkMs = Math.max(ticks.longestWorkMs, Math.min(lateMs, workMs - lastWorkMs));
    if (ranSinceTick || running.size > 0) {
      ticks.longestInCheckpointMs = Math.max(ticks.longestInCheckpointMs, lateMs);
    }
    ranSinceTick = false;
    [lastMs, lastWorkMs] = [nowMs, workMs];
  }, RESOLUTION_MS).unref();
  return ticks;
}

function threadTime() {
  try {
    const fd = openSync("/proc/thread-self/schedstat", "r");
    const text = Buffer.alloc(64);
    return () => Number.parseInt(text.latin1Slice(0, readSync(fd, text, 0, 64, 0)), 10) / 1e6;
  } catch {
    return () => 0;
  }
}

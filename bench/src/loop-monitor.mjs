/**
 * Loaded into a process before its own code (`node --import`): writes the longest stall of its event loop
 * so far, how much of any stall its thread worked at most, and the 99th percentile of the delay, in ms, to a
 * file named for the process, twice a second. Plain JavaScript, because the node is.
 */
import { openSync, readSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const folder = process.env["LOOP_MONITOR_FOLDER"];

if (folder !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const work = workInStalls();
  const write = () => {
    const longestMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
    const p99Ms = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
    const file = join(folder, `loop-${process.pid}.json`);
    // Whoever reads it never sees half of it.
    const found = { longestMs, longestWorkMs: work.longestMs, p99Ms };
    writeFileSync(`${file}.new`, JSON.stringify(found));
    renameSync(`${file}.new`, file);
  };
  // What loading the program cost is not of interest.
  setTimeout(() => {
    delays.reset();
    work.longestMs = 0;
  }, 2_000).unref();
  write();
  setInterval(write, 500).unref();
}

/** The most processor time that the thread took between two ticks that came late. Linux only. */
function workInStalls() {
  const work = { longestMs: 0 };
  const read = threadTime();
  let [lastMs, lastWorkMs] = [performance.now(), read()];
  setInterval(() => {
    const [nowMs, workMs] = [performance.now(), read()];
    const lateMs = nowMs - lastMs - RESOLUTION_MS;
    work.longestMs = Math.max(work.longestMs, Math.min(lateMs, workMs - lastWorkMs));
    [lastMs, lastWorkMs] = [nowMs, workMs];
  }, RESOLUTION_MS).unref();
  return work;
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

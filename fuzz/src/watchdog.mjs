/**
 * The watchdog's thread: when the runner has stayed with one input for too long, it keeps that input in a
 * file and ends the process, which can't end itself. Plain JavaScript, because a thread's first file is.
 */
import { writeFileSync, writeSync } from "node:fs";
import { workerData } from "node:worker_threads";

const { state, bytes, limitMs, path } = workerData;
const words = new Int32Array(state);
let seen = -1;
let sinceMs = performance.now();

setInterval(() => {
  const [turn = 0, length = 0, busy = 0] = words;
  if (turn !== seen || busy === 0) {
    seen = turn;
    sinceMs = performance.now();
  } else if (performance.now() - sinceMs > limitMs) {
    writeFileSync(path, new Uint8Array(bytes).slice(0, length));
    writeSync(2, `HANGS: no answer within ${limitMs} ms; the input is in ${path}\n`);
    process.kill(process.pid, "SIGKILL");
  }
}, 500);

/**
 * Loaded into a node before its own code (`npm run bench -- --profile FOLDER`): samples its stack twice a
 * millisecond and counts what it writes to which files; on SIGTERM it leaves `FOLDER/PID.cpuprofile` and
 * `FOLDER/PID.json` and goes. Plain JavaScript, because the node is.
 */
import fs from "node:fs";
import { Session } from "node:inspector";
import { basename, dirname, join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";

const folder = process.env["PROFILE_FOLDER"];
/** What loading the program costs is not of interest. */
const AFTER_MS = 2_000;

if (folder !== undefined && process.argv.includes("serve")) {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: 500 });
  setTimeout(() => session.post("Profiler.start"), AFTER_MS).unref();

  const pauses = [];
  new PerformanceObserver((list) => {
    for (const { startTime, duration, detail } of list.getEntries()) {
      if (startTime > AFTER_MS) pauses.push({ kind: detail.kind, ms: duration, at: startTime });
    }
  }).observe({ entryTypes: ["gc"] });

  const written = countWrites();
  process.once("SIGTERM", () => {
    session.post("Profiler.stop", (_, result) => {
      const at = join(folder, String(process.pid));
      fs.writeFileSync(`${at}.cpuprofile`, JSON.stringify(result?.profile));
      const longest = pauses.toSorted((a, b) => b.ms - a.ms).slice(0, 20);
      const sum = pauses.reduce((total, { ms }) => total + ms, 0);
      const gc = { count: pauses.length, ms: sum, longest };
      const found = { written: Object.fromEntries(written), gc, threads: threads() };
      fs.writeFileSync(`${at}.json`, JSON.stringify(found));
      process.exit(0);
    });
  });
}

/** Bytes and calls by the kind of file: its folder and its name without numbers. */
function countWrites() {
  const written = new Map();
  const kinds = new Map();
  const { open, write, writev } = fs;
  fs.open = (path, flags, mode, done) => {
    open(path, flags, mode, (error, fd) => {
      const name = basename(String(path)).replaceAll(/\d+/g, "N");
      if (error === null) kinds.set(fd, `${basename(dirname(String(path)))}/${name}`);
      done(error, fd);
    });
  };
  const count = (fd, bytes) => {
    const kind = kinds.get(fd) ?? "other";
    const of = written.get(kind) ?? { calls: 0, bytes: 0 };
    written.set(kind, { calls: of.calls + 1, bytes: of.bytes + bytes });
  };
  fs.write = (fd, buffer, ...rest) => {
    count(fd, buffer.byteLength);
    write(fd, buffer, ...rest);
  };
  fs.writev = (fd, chunks, ...rest) => {
    count(
      fd,
      chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0),
    );
    writev(fd, chunks, ...rest);
  };
  return written;
}

/** Processor time of each thread, user and system, in ms. Linux only. */
function threads() {
  return fs.readdirSync("/proc/self/task").map((id) => {
    const text = fs.readFileSync(`/proc/self/task/${id}/stat`, "utf8");
    const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { id, name, userMs: Number(fields[11]) * 10, systemMs: Number(fields[12]) * 10 };
  });
}

/** The process `kqueuey`: hands the world to the command line, and its exit code back. */
import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient } from "@kqueuey/client";
import type { CliContext } from "./context.ts";
import { EXIT_CODE } from "./exit-code.ts";
import { runCli } from "./program.ts";

/** Aborted by the first SIGINT, SIGTERM or SIGHUP; the second ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  // As many calls listen to it as are under way; that is no leak.
  setMaxListeners(0, controller.signal);
  const stop = (reason: string): void => {
    if (controller.signal.aborted) process.exit(EXIT_CODE.interrupted);
    controller.abort(reason);
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop(name));
  // A node that `dev` started ends with it, however `dev` ended.
  if (process.connected) {
    process.on("disconnect", () => {
      if (!controller.signal.aborted) stop("the parent process is gone");
    });
  }
  return controller.signal;
}

/** Who reads our output may go away (`kqueuey poll --follow | head`): then there is nothing left to do. */
function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? EXIT_CODE.done : EXIT_CODE.fault);
  });
}

endWithReader(process.stdout);
endWithReader(process.stderr);

const context: CliContext = {
  env: process.env,
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  outIsTerminal: process.stdout.isTTY === true,
  lines:
    process.stdin.isTTY === true
      ? undefined
      : () => createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY }),
  readFile: (path) => readFileSync(path),
  connect: (endpoints, { timeoutMs }) =>
    createClient({
      endpoints,
      name: "kqueuey-cli",
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    }),
  signal: stopSignal(),
  nowMs: () => performance.now(),
  mainPath: fileURLToPath(import.meta.url),
};

/** How long what is left open (sockets of a node that failed) may keep a process that is done. */
const LINGER_MS = 1_000;

process.exitCode = await runCli(process.argv.slice(2), context);
// The IPC channel to `dev` would keep the process.
if (process.connected) process.disconnect();
setTimeout(() => process.exit(), LINGER_MS).unref();

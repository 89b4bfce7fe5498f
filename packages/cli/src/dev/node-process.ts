/** One node as a child process. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { PlannedNode } from "./plan.ts";

/** How a child ended: "exit code 1" or "signal SIGKILL". */
export type EndText = string;

export interface NodeProcess {
  readonly node: PlannedNode;
  /** The words that start it. */
  readonly command: readonly string[];
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Settles when it has ended; never rejects. */
  readonly ended: Promise<EndText>;
  readonly running: boolean;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/**
 * Starts `node` with this very program. Its output goes to its log. It has a process group of its own, so
 * that Ctrl-C reaches the launcher alone, which stops the nodes in order; the IPC channel tells it when
 * the launcher is gone without a word.
 */
export function startNode(node: PlannedNode, mainPath: string): NodeProcess {
  mkdirSync(node.dataDirectory, { recursive: true });
  const command = [process.execPath, ...process.execArgv, mainPath, ...node.args];
  const [file = process.execPath, ...args] = command;
  const log = openSync(node.logFile, "a");
  const child = spawn(file, args, {
    stdio: ["ignore", log, log, "ipc"],
    detached: true,
    env: childEnvironment(),
  });
  closeSync(log);
  return watch(child, node, command);
}

/** Threads for a node's file work: the pool's size counts from the start of a process only. */
const FILE_THREADS = "12";

/** Our variables are for this process; a node of `dev` is configured by flags alone. */
function childEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env);
  const inherited = entries.filter(([name]) => !name.startsWith("KQUEUEY_"));
  return { UV_THREADPOOL_SIZE: FILE_THREADS, ...Object.fromEntries(inherited) };
}

function watch(child: ChildProcess, node: PlannedNode, command: readonly string[]): NodeProcess {
  let running = true;
  const ended = new Promise<EndText>((resolve) => {
    child.once("error", (error) => {
      running = false;
      resolve(`it could not be started: ${error.message}`);
    });
    child.once("exit", (code, signal) => {
      running = false;
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  return {
    node,
    command,
    pid: child.pid,
    ended,
    get running() {
      return running;
    },
    kill: (signal) => {
      if (running) child.kill(signal);
    },
  };
}

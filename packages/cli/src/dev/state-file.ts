/**
 * `.kqueuey/dev.json`: what runs, for people and tools, and for the next `kqueuey dev`, which must not
 * start on the same data. Written whole to a file beside it and renamed, so a reader never sees half.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** One node of a running `dev`. */
export interface DevNodeState {
  readonly id: number;
  /** Null once the process has ended. */
  readonly pid: number | null;
  readonly clientUrl: string;
  readonly peerAddress: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Starts the node again, as a list of words. */
  readonly command: readonly string[];
}

export interface DevState {
  readonly clusterId: string;
  readonly launcher: { readonly pid: number; readonly startedAt: string | null };
  readonly nodes: readonly DevNodeState[];
}

/** Writes the state. */
export function writeState(path: string, state: DevState): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(draft, path);
}

/** Removes the state: nothing runs any more. */
export function removeState(path: string): void {
  rmSync(path, { force: true });
}

/** The pid of the `dev` that runs on this state file; undefined when none does. */
export function runningLauncher(path: string): number | undefined {
  const launcher = readLauncher(path);
  if (launcher === undefined || !isAlive(launcher.pid)) return undefined;
  // A pid is used again some day, in a container at once; its start tells two processes apart.
  const startedAt = processStart(launcher.pid);
  return startedAt === launcher.startedAt ? launcher.pid : undefined;
}

function readLauncher(path: string): DevState["launcher"] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || !("launcher" in parsed)) return undefined;
  const { launcher } = parsed;
  if (typeof launcher !== "object" || launcher === null) return undefined;
  if (!("pid" in launcher) || typeof launcher.pid !== "number") return undefined;
  const startedAt = "startedAt" in launcher ? launcher.startedAt : null;
  return { pid: launcher.pid, startedAt: typeof startedAt === "string" ? startedAt : null };
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It exists, and is somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** When a process started, in ticks since the machine did (Linux); null where that can't be known. */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; the start is the 20th field after it (proc(5)).
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

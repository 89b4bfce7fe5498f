/**
 * One part of the gate: a program whose exit status says whether it passed. A part runs in a process
 * group of its own, so that whatever it started can be ended with it.
 */
import { type ChildProcess, spawn } from "node:child_process";

export interface Part {
  /** Words for the list, such as "types". */
  readonly name: string;
  /** The programs of the part, run one after another until one fails; arguments to node. */
  readonly steps: readonly (readonly string[])[];
  /** Where the part wrote vitest's JSON report; its tests are then counted one by one. */
  readonly reportPath?: string;
  /** Test files of these kinds must be there: a suite that finds nothing has not passed. */
  readonly kinds?: readonly TestKind[];
  /** Past this the part is ended and has failed. */
  readonly timeoutMs: number;
  /** Show its output while it runs, instead of only when it failed. */
  readonly live?: boolean;
}

export type TestKind = "unit" | "script" | "property" | "system";

export interface PartRun {
  readonly exitedWell: boolean;
  readonly output: string;
  readonly durationMs: number;
  readonly timedOut: boolean;
}

const running = new Set<ChildProcess>();

/** Ends every part that is running, with everything it started. */
export function killRunning(): void {
  for (const child of running) killGroup(child);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
}

/** Runs the steps of `part` in `root`; never throws for a part that fails. */
export async function runPart(part: Part, root: string): Promise<PartRun> {
  const startedMs = performance.now();
  const chunks: string[] = [];
  let timedOut = false;
  for (const step of part.steps) {
    const left = part.timeoutMs - (performance.now() - startedMs);
    const end = await runStep(step, { root, timeoutMs: left, chunks, live: part.live === true });
    timedOut ||= end === "timed-out";
    if (end !== "passed") break;
    if (step === part.steps.at(-1)) {
      return finish(true);
    }
  }
  return finish(false);

  function finish(exitedWell: boolean): PartRun {
    const durationMs = performance.now() - startedMs;
    return { exitedWell, output: chunks.join(""), durationMs, timedOut };
  }
}

interface StepOptions {
  readonly root: string;
  readonly timeoutMs: number;
  readonly chunks: string[];
  readonly live: boolean;
}

function runStep(
  args: readonly string[],
  options: StepOptions,
): Promise<"passed" | "failed" | "timed-out"> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], {
      cwd: options.root,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, FORCE_COLOR: "0", NO_COLOR: "1" },
    });
    running.add(child);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, options.timeoutMs);
    const take = (chunk: Buffer): void => {
      options.chunks.push(chunk.toString("utf8"));
      if (options.live) process.stdout.write(chunk);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const settle = (end: "passed" | "failed"): void => {
      clearTimeout(timer);
      running.delete(child);
      // What a part leaves behind must not run into the next one.
      killGroup(child);
      resolve(timedOut ? "timed-out" : end);
    };
    child.once("error", (error) => {
      options.chunks.push(`${error.message}\n`);
      settle("failed");
    });
    child.once("exit", (code) => settle(code === 0 ? "passed" : "failed"));
  });
}

/** Where and of what a measurement was made. */
import { execFileSync } from "node:child_process";
import { cpus, platform, release, totalmem } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly commit: string;
  readonly at: string;
}

export function describeMachine(root: string): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.version,
    commit: commitOf(root),
    at: new Date().toISOString(),
  };
}

function commitOf(root: string): string {
  try {
    const run = (...args: string[]): string =>
      execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
    const changed = run("status", "--porcelain", "--untracked-files=no") === "" ? "" : " (changed)";
    return `${run("rev-parse", "--short", "HEAD")}${changed}`;
  } catch {
    return "unknown";
  }
}

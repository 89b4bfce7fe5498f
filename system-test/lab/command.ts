/** Commands of the host: `ip`, `tc`, `mount` and their kind. A failure says what was asked and what was answered. */
import { execFile, execFileSync } from "node:child_process";

const TIMEOUT_MS = 30_000;

/** Runs a command and answers what it printed. */
export function run(command: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(" ")}: ${stderr.trim() || error.message}`));
    });
  });
}

/** The same while the process ends, when nothing may be waited for. */
export function runNow(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, {
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Whether a command succeeds; what it changes is the caller's to undo. */
export function succeeds(command: string, ...args: readonly string[]): boolean {
  try {
    runNow(command, ...args);
    return true;
  } catch {
    return false;
  }
}

/**
 * Programs in other languages: found on the machine, or the test is skipped by its name; what they need
 * is fetched once, into a folder outside of what is committed.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where programs are built: `node_modules` is never committed and survives between runs. */
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/kqueuey-sdk", import.meta.url));
const PREPARE_TIMEOUT_MS = 300_000;
/** How pip, go and mvn say that they could not fetch something. */
const NO_NETWORK = new RegExp(
  [
    "name resolution|resolve host|unknown host|no such host|could not transfer|dial tcp|offline",
    "connection (refused|timed out|error)|newconnectionerror|network is unreachable",
  ].join("|"),
  "i",
);

/** A command and its first arguments, or why there is none. */
export type Found =
  | { readonly ok: true; readonly command: readonly string[]; readonly what: string }
  | { readonly ok: false; readonly why: string };

/** A folder beside this file. */
export function folderOf(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}

/** Whether `command` runs and ends well. */
export async function works(command: string, ...args: string[]): Promise<boolean> {
  return (await run(command, args, {})).ok;
}

export interface RunResult {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a command to its end. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> },
): Promise<RunResult> {
  return new Promise((resolve) => {
    const { cwd } = options;
    const env = { ...process.env, ...options.env };
    const settings = { env, timeout: PREPARE_TIMEOUT_MS, maxBuffer: 16_777_216 };
    execFile(
      command,
      args,
      cwd === undefined ? settings : { ...settings, cwd },
      (error, out, err) => resolve({ ok: error === null, output: `${out}${err}` }),
    );
  });
}

/**
 * The folder that `prepare` filled for exactly `source`, now or in an earlier run; or the reason when there is
 * no network to fetch with. Throws when it failed otherwise.
 */
export async function prepared(
  name: string,
  source: string,
  prepare: (folder: string) => Promise<RunResult>,
): Promise<{ readonly folder: string } | { readonly why: string }> {
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 12);
  const folder = join(CACHE, `${name}-${hash}`);
  const stamp = join(folder, "prepared");
  if (existsSync(stamp)) return { folder };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const result = await prepare(folder);
  if (!result.ok) {
    // A program that is wrong must not pass for a machine without a network.
    if (!NO_NETWORK.test(result.output)) throw new Error(`${name}: ${result.output}`);
    const lastLines = result.output.trim().split("\n").slice(-5).join("\n");
    return { why: `what ${name} needs could not be fetched: ${lastLines}` };
  }
  mkdirSync(`${stamp}.new`);
  renameSync(`${stamp}.new`, stamp);
  return { folder };
}

/** The texts of all files of a folder, for `prepared`. */
export function sourceOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => readFileSync(path, "utf8"))
    .join("\0");
}

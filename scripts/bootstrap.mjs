/**
 * What has to work before anything is installed: plain JavaScript, `node:` modules only. The npm
 * scripts go through here, so that a fresh clone needs Node and npm and nothing else.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the root package.json. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const NODE_MINIMUM = [20, 19];

/** Ends with a sentence, not a stack trace, on a Node that cannot run this. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [majorMinimum, minorMinimum] = NODE_MINIMUM;
  if (major > majorMinimum || (major === majorMinimum && minor >= minorMinimum)) return;
  console.error(
    `KQueuey needs Node ${NODE_MINIMUM.join(".")} or later; this is ${process.versions.node}.`,
  );
  process.exit(1);
}

/**
 * True when node_modules holds what package-lock.json asks for. npm leaves a list of what it
 * installed behind as its last act, so a broken-off install counts as none.
 */
export function isInstalled(root) {
  const wanted = readLock(join(root, "package-lock.json"));
  const present = readLock(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined || present === undefined) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    // Optional ones are for other platforms.
    if (path === "" || entry.optional === true || entry.devOptional === true) continue;
    const found = present[path];
    if (found === undefined || found.version !== entry.version) return false;
  }
  return true;
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * Installs what the lock file names, unless that is there already. Not `npm ci`: it refuses a lock file that
 * lacks the optional binaries of other platforms, which npm leaves out when it wrote the lock file on one that
 * was not offered them. `--no-save` keeps the lock file as it is.
 */
export async function ensureInstalled() {
  if (isInstalled(ROOT)) return;
  console.log("Installing dependencies (npm install), once …");
  const status = await runNpm(["install", "--no-save", "--no-fund", "--no-audit"]);
  if (status !== 0) {
    console.error("npm install failed; its output is above.");
    process.exit(status);
  }
}

/** Compiles every package to its dist folder; a second run takes about a second. */
export async function build() {
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const status = await run(process.execPath, [tsc, "-b"]);
  if (status !== 0) {
    console.error("The build failed; the compiler's output is above.");
    process.exit(status);
  }
}

function runNpm(args) {
  // npm tells the scripts it starts where it is; without it, it is on the path.
  const npm = process.env.npm_execpath;
  if (npm?.endsWith(".js")) return run(process.execPath, [npm, ...args]);
  return run(process.platform === "win32" ? "npm.cmd" : "npm", args);
}

/**
 * Runs a program to its end with our own input and output and answers its exit status.
 *
 * Ctrl-C in a terminal reaches every process of the foreground group by itself: then this one only
 * waits for the child, so that the child hears it once. A signal sent to this process alone is passed on.
 */
export function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: "inherit" });
    const onInterrupt = () => {
      if (process.stdin.isTTY !== true) child.kill("SIGINT");
    };
    const onTerminate = () => child.kill("SIGTERM");
    process.on("SIGINT", onInterrupt);
    process.on("SIGTERM", onTerminate);
    process.on("SIGHUP", onTerminate);
    const forget = () => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      process.off("SIGHUP", onTerminate);
    };
    child.once("error", (error) => {
      forget();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      forget();
      resolve(code ?? (signal === "SIGINT" ? 130 : 1));
    });
  });
}

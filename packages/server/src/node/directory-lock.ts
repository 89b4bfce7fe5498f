/**
 * One process per data directory. Node has no `flock`, so every process first announces itself by a file
 * of its own and then looks for others: of two, the later one sees the earlier. Who meets a living one
 * withdraws. Nobody ever removes a living one's file, so there is no moment in which two hold the lock.
 *
 * A process that is gone (also by `kill -9`) is recognised by its id together with its start time, so that a
 * reused id does not count. Process ids of another container mean nothing here: such a holder counts as alive
 * while it refreshes its file. A holder whose file is gone (someone cleared the directory) is told.
 */
import { randomInt, randomUUID } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KQueueyError } from "@kqueuey/contract";

/** What the lock file says of its holder. */
interface Holder {
  readonly pid: number;
  /** Start of the process in clock ticks since boot; "" where the host does not tell. */
  readonly started: string;
  /** Which process ids these are: boot and container; "" where the host does not tell. */
  readonly space: string;
  /** Differs for every lock that is taken. */
  readonly id: string;
}

const LOCK_PREFIX = "lock-";
const REFRESH_MS = 1_000;
/** A holder of another container that did not refresh its file for this long is gone. */
const SILENT_MS = 4_000;
/** Two that start at once both withdraw, and try again at different times. */
const TRIES_MAX = 4;
const BACKOFF_MS = 50;

/**
 * Makes the directory if needed and locks it for this process. Gives the function that unlocks it.
 * Rejects with CONFIG_INVALID when another process uses it, or it can't be used at all.
 * `onLost` is called once if the lock's file was removed by someone: stop at once.
 */
export async function lockDirectory(
  directory: string,
  onLost?: () => void,
): Promise<() => Promise<void>> {
  try {
    await fs.mkdir(directory, { recursive: true, mode: 0o750 });
    const holder = await describeSelf();
    return hold(await acquire(directory, holder), onLost);
  } catch (error) {
    if (KQueueyError.is(error)) throw error;
    const text = error instanceof Error ? error.message : String(error);
    const message = `the data directory ${directory} can't be used: ${text}`;
    throw new KQueueyError("CONFIG_INVALID", message, { cause: error });
  }
}

/** Gives the path of the lock's file. */
async function acquire(directory: string, holder: Holder): Promise<string> {
  const lock = path.join(directory, `${LOCK_PREFIX}${holder.id}`);
  const draft = path.join(directory, `draft-${holder.id}`);
  for (let tries = 1; ; tries++) {
    // Renamed when it is whole, so that nobody reads half of it and takes it for worthless.
    await fs.writeFile(draft, JSON.stringify(holder), { mode: 0o640 });
    await fs.rename(draft, lock);
    const other = await findOther(directory, holder);
    if (other === undefined) return lock;
    await fs.rm(lock, { force: true });
    if (tries === TRIES_MAX) throw inUse(directory, other);
    await sleep(randomInt(BACKOFF_MS * tries, BACKOFF_MS * tries * 4));
  }
}

/** Another living holder, if there is one; files of dead ones are removed. */
async function findOther(directory: string, self: Holder): Promise<Holder | undefined> {
  for (const name of await fs.readdir(directory)) {
    if (!name.startsWith(LOCK_PREFIX) || name === `${LOCK_PREFIX}${self.id}`) continue;
    const file = path.join(directory, name);
    const found = await readHolder(file);
    if (found === "missing") continue;
    if (found !== undefined && (await alive(file, found))) return found;
    await fs.rm(file, { force: true });
  }
  return undefined;
}

/** Refreshes the file while the lock is held, and gives the function that ends that. */
function hold(lock: string, onLost?: () => void): () => Promise<void> {
  let held = true;
  const refresh = async (): Promise<void> => {
    const now = new Date();
    try {
      await fs.utimes(lock, now, now);
    } catch (error) {
      // Any other failure (a sick disk) is no loss of the lock; the next refresh tells.
      if (!held || !hasCode(error, "ENOENT")) return;
      held = false;
      clearInterval(timer);
      onLost?.();
    }
  };
  const timer = setInterval(() => void refresh().catch(() => undefined), REFRESH_MS);
  timer.unref();
  return async () => {
    if (!held) return;
    held = false;
    clearInterval(timer);
    await fs.rm(lock, { force: true });
  };
}

/** undefined: the file does not say who holds it (torn by a crash of the host). */
async function readHolder(file: string): Promise<Holder | "missing" | undefined> {
  let text = "";
  try {
    text = await fs.readFile(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return "missing";
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    return isHolder(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null) return false;
  const { pid, started, space, id } = value as Partial<Record<keyof Holder, unknown>>;
  const texts = [started, space, id].every((text) => typeof text === "string");
  return typeof pid === "number" && Number.isInteger(pid) && pid > 0 && texts;
}

async function alive(lock: string, found: Holder): Promise<boolean> {
  const space = await processSpace();
  if (found.space === space) return await runs(found);
  return await refreshes(lock);
}

/** Whether the very process that took the lock still runs. */
async function runs(found: Holder): Promise<boolean> {
  try {
    process.kill(found.pid, 0);
  } catch (error) {
    // EPERM: it runs, as someone else.
    if (!hasCode(error, "EPERM")) return false;
  }
  const started = await startOf(found.pid);
  return started === found.started;
}

/** Watches the file for a while; also a machine's earlier boot ends up here, and is silent. */
async function refreshes(lock: string): Promise<boolean> {
  const changedMs = async (): Promise<number> => {
    try {
      return (await fs.stat(lock)).mtimeMs;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return 0;
      throw error;
    }
  };
  const before = await changedMs();
  // Clocks of two containers on one host are one clock; an old file need not be watched.
  if (Date.now() - before > SILENT_MS * 4) return false;
  await sleep(SILENT_MS);
  return (await changedMs()) !== before;
}

async function describeSelf(): Promise<Holder> {
  const { pid } = process;
  const [started, space] = await Promise.all([startOf(pid), processSpace()]);
  return { pid, started, space, id: randomUUID() };
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces and parentheses. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await fs.readFile(`/proc/${pid}/stat`, "utf8");
    const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = afterName[0];
    // A zombie holds nothing any more.
    return state === "Z" ? "ended" : (afterName[19] ?? "");
  } catch {
    return "";
  }
}

async function processSpace(): Promise<string> {
  try {
    const [boot, space] = await Promise.all([
      fs.readFile("/proc/sys/kernel/random/boot_id", "utf8"),
      fs.readlink("/proc/self/ns/pid"),
    ]);
    return `${boot.trim()} ${space}`;
  } catch {
    return "";
  }
}

function inUse(directory: string, holder: Holder): KQueueyError {
  const message = `the data directory ${directory} is in use by process ${holder.pid}`;
  return new KQueueyError("CONFIG_INVALID", message, { details: { directory } });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

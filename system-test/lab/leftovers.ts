/**
 * What a test run that was killed could not give back: processes, network namespaces, bridges, mounted
 * images, control groups. Each carries its owner's name, so that the next run removes what nobody owns
 * and nothing else.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runNow, succeeds } from "./command.ts";

/** Folders of small disks begin so; the owner follows. */
export const DISKS_PREFIX = "kqueuey-disks-";
const CONTROL_GROUPS = "/sys/fs/cgroup/blkio";

/** Names this process among all that ran on the host since it was started. */
export function ownerName(): string {
  return `${process.pid}-${startedAt(process.pid)}`;
}

/** Removes what belongs to owners that are gone. */
export function removeLeftovers(): void {
  for (const number of orphanedNetworks()) {
    for (const space of spacesOf(number)) {
      for (const pid of pidsIn(space)) endProcess(pid);
      succeeds("ip", "link", "del", space.replace("kqueuey-", "kqp"));
      succeeds("ip", "netns", "del", space);
    }
    succeeds("ip", "link", "del", `kqbridge${number}`);
  }
  for (const folder of readdirSync(tmpdir())) {
    if (folder.startsWith(DISKS_PREFIX) && isOrphan(folder.slice(DISKS_PREFIX.length))) {
      removeDisks(join(tmpdir(), folder));
    }
  }
  if (!existsSync(CONTROL_GROUPS)) return;
  for (const group of readdirSync(CONTROL_GROUPS)) {
    if (group.startsWith(DISKS_PREFIX) && isOrphan(group.slice(DISKS_PREFIX.length))) {
      removeEmptyFolder(join(CONTROL_GROUPS, group));
    }
  }
}

/** Unmounts every image in a folder of small disks and removes it. */
export function removeDisks(folder: string): void {
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((mount) => mount.startsWith(`${folder}/`));
  for (const mount of mounts) {
    // A frozen file system cannot be unmounted, and one that is not frozen cannot be thawed.
    succeeds("fsfreeze", "--unfreeze", mount);
    if (!succeeds("umount", mount)) succeeds("umount", "--lazy", mount);
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

export function removeEmptyFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Something is in it still, or it is gone already.
  }
}

function orphanedNetworks(): number[] {
  const links: unknown = JSON.parse(
    runNow("ip", "-json", "link", "show", "type", "bridge") || "[]",
  );
  if (!Array.isArray(links)) return [];
  return links.flatMap((link: unknown) => {
    const text = JSON.stringify(link);
    const number = /"ifname":"kqbridge(\d+)"/.exec(text)?.[1];
    const owner = /"ifalias":"([\d-]+)"/.exec(text)?.[1];
    return number !== undefined && owner !== undefined && isOrphan(owner) ? [Number(number)] : [];
  });
}

function spacesOf(number: number): string[] {
  return runNow("ip", "netns", "list")
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name.startsWith(`kqueuey-${number}-`));
}

function pidsIn(space: string): number[] {
  return runNow("ip", "netns", "pids", space).split("\n").filter(Boolean).map(Number);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** `owner` may go on with more after the process and its start. */
function isOrphan(owner: string): boolean {
  const [pid = "", started = ""] = owner.split("-");
  return startedAt(Number(pid)) !== started;
}

/** When a process began, in the kernel's ticks; "" when there is none. A pid alone may be given again. */
function startedAt(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

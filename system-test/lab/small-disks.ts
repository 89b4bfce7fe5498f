/**
 * A file system of its own for each node: an image, mounted, of a size that a test can fill. It can be
 * full, slow, stalled, and it can lose its power: what the page cache held is then really gone, as after
 * a machine's power loss, which `kill -9` alone cannot do.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { run, runNow, succeeds } from "./command.ts";
import {
  DISKS_PREFIX,
  ownerName,
  removeDisks,
  removeEmptyFolder,
  removeLeftovers,
} from "./leftovers.ts";
import { SHUTDOWN_PROGRAM } from "./rights.ts";

const BALLAST = "ballast";
const CONTROL_GROUPS = "/sys/fs/cgroup/blkio";
/** Less than this left over is full. */
const FULL_BYTES = 64 * 1024;

const open = new Set<SmallDisks>();
process.on("exit", () => {
  for (const disks of open) disks.closeNow();
});

export class SmallDisks {
  readonly folder: string;
  readonly #throttled = new Map<number, string>();

  private constructor() {
    this.folder = mkdtempSync(join(tmpdir(), `${DISKS_PREFIX}${ownerName()}-`));
    open.add(this);
  }

  /** Makes and mounts a disk of `bytes` for each node. */
  static async create(ids: readonly number[], bytes: number): Promise<SmallDisks> {
    removeLeftovers();
    const disks = new SmallDisks();
    try {
      for (const id of ids) {
        mkdirSync(disks.mountOf(id));
        await run("truncate", "--size", String(bytes), disks.#image(id));
        // No blocks for root alone: a node is root here and must find the disk full when it is.
        await run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=8", disks.#image(id));
        await disks.mount(id);
      }
      return disks;
    } catch (error) {
      disks.closeNow();
      throw error;
    }
  }

  /** Where node `id`'s disk is. */
  mountOf(id: number): string {
    return join(this.folder, `disk-${id}`);
  }

  async mount(id: number): Promise<void> {
    await run("mount", "-o", "loop", this.#image(id), this.mountOf(id));
  }

  /** Only when no process uses it any more. */
  async unmount(id: number): Promise<void> {
    await run("umount", this.mountOf(id));
  }

  /** Takes the rest of the disk away. */
  async fill(id: number): Promise<void> {
    const ballast = join(this.mountOf(id), BALLAST);
    for (let taken = 0; ; ) {
      const { bavail, bsize } = statfsSync(this.mountOf(id));
      let bytes = bavail * bsize;
      if (bytes < FULL_BYTES) return;
      // Part of what is free is needed for the bookkeeping of the rest.
      while (!succeeds("fallocate", "-o", String(taken), "-l", String(bytes), ballast)) {
        bytes = Math.floor(bytes / 2);
        if (bytes < FULL_BYTES) return;
      }
      taken += bytes;
    }
  }

  empty(id: number): void {
    rmSync(join(this.mountOf(id), BALLAST), { force: true });
  }

  /** No write completes until `thaw`. Thaw before the node is killed: a stalled write cannot be. */
  async freeze(id: number): Promise<void> {
    await run("fsfreeze", "--freeze", this.mountOf(id));
  }

  async thaw(id: number): Promise<void> {
    await run("fsfreeze", "--unfreeze", this.mountOf(id));
  }

  /** Process `pid` writes to node `id`'s disk at most so many times a second. */
  throttle(id: number, pid: number, writesPerSecond: number): void {
    const group = join(CONTROL_GROUPS, `${basename(this.folder)}-${id}`);
    mkdirSync(group, { recursive: true });
    writeFileSync(
      join(group, "blkio.throttle.write_iops_device"),
      `${this.#device(id)} ${writesPerSecond}`,
    );
    writeFileSync(join(group, "cgroup.procs"), String(pid));
    this.#throttled.set(id, group);
  }

  unthrottle(id: number): void {
    const group = this.#throttled.get(id);
    if (group === undefined) return;
    this.#throttled.delete(id);
    for (const pid of readFileSync(join(group, "cgroup.procs"), "utf8")
      .split("\n")
      .filter(Boolean)) {
      writeFileSync(join(CONTROL_GROUPS, "cgroup.procs"), pid);
    }
    removeEmptyFolder(group);
  }

  /** All disks of `ids` lose their power at once. Processes that use them see errors from then on. */
  async cutPower(ids: readonly number[]): Promise<void> {
    await run("perl", "-e", SHUTDOWN_PROGRAM, ...ids.map((id) => this.mountOf(id)));
  }

  /** Power is back: the file system recovers as far as its journal goes. No process may use the disk. */
  async restorePower(ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      await this.unmount(id);
      await this.mount(id);
    }
  }

  async close(): Promise<void> {
    this.closeNow();
    await Promise.resolve();
  }

  closeNow(): void {
    if (!open.delete(this)) return;
    for (const id of this.#throttled.keys()) this.unthrottle(id);
    removeDisks(this.folder);
  }

  #image(id: number): string {
    return join(this.folder, `disk-${id}.img`);
  }

  /** Major and minor number of the loop device that the image is on. */
  #device(id: number): string {
    return runNow("findmnt", "--noheadings", "--output", "MAJ:MIN", this.mountOf(id)).trim();
  }
}

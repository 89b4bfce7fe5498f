import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockDirectory } from "./directory-lock.ts";

let root = "";
const children: ChildProcess[] = [];

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "kqueuey-lock-"));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  fs.rmSync(root, { recursive: true, force: true });
});

/** A file as another holder would leave it. */
function leaveLock(content: string): string {
  const file = path.join(root, "lock-other");
  fs.writeFileSync(file, content);
  return file;
}

/** A process that only waits. */
function sleeper(): ChildProcess {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "ignore" });
  children.push(child);
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

function startOf(pid: number | undefined): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

const onLinux = test.runIf(process.platform === "linux");

describe("a data directory", () => {
  test("is made and locked, and free again after the release", async () => {
    const directory = path.join(root, "deep", "data");
    const release = await lockDirectory(directory);
    expect(fs.readdirSync(directory)).toHaveLength(1);
    await release();
    expect(fs.readdirSync(directory)).toEqual([]);
    await (await lockDirectory(directory))();
  });

  test("in use is refused by name, and nothing is changed", async () => {
    const release = await lockDirectory(root);
    const before = fs.readdirSync(root);
    await expect(lockDirectory(root)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `the data directory ${root} is in use by process ${process.pid}`,
    });
    expect(fs.readdirSync(root)).toEqual(before);
    await release();
  });

  test("is never locked by two of many who try at once", async () => {
    leaveLock("torn by a cra");
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(root)));
    const locked = tries.filter((result) => result.status === "fulfilled");
    expect(locked.length).toBeLessThanOrEqual(1);
    expect(fs.readdirSync(root)).toHaveLength(locked.length);
    for (const { value: release } of locked) await release();
    await (await lockDirectory(root))();
  });

  onLinux("of a killed process is free", async () => {
    const child = sleeper();
    const holder = { ...(await lockOf(root)), pid: child.pid, started: startOf(child.pid) };
    leaveLock(JSON.stringify(holder));
    await expect(lockDirectory(root)).rejects.toThrow(`in use by process ${child.pid}`);
    await killed(child);
    await (await lockDirectory(root))();
  });

  onLinux("is free when the holder's process id belongs to another process now", async () => {
    const holder = { ...(await lockOf(root)), pid: process.pid, started: "1" };
    leaveLock(JSON.stringify(holder));
    await (await lockDirectory(root))();
  });

  onLinux("locked from an earlier boot or a container that is gone is free", async () => {
    const holder = { ...(await lockOf(root)), space: "another boot pid:[1]" };
    const file = leaveLock(JSON.stringify(holder));
    const anHourAgo = new Date(Date.now() - 3_600_000);
    fs.utimesSync(file, anHourAgo, anHourAgo);
    await (await lockDirectory(root))();
  });

  test("whose lock was removed by someone tells the holder", async () => {
    await new Promise<void>((resolve, reject) => {
      lockDirectory(root, resolve).then(() => {
        for (const name of fs.readdirSync(root)) fs.rmSync(path.join(root, name));
      }, reject);
    });
  });

  test("that is no directory is refused with the reason", async () => {
    const file = path.join(root, "file");
    fs.writeFileSync(file, "");
    await expect(lockDirectory(file)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

/** What a lock taken now would say. */
async function lockOf(directory: string): Promise<Record<string, unknown>> {
  const release = await lockDirectory(directory);
  const name = fs.readdirSync(directory)[0] ?? "";
  const content: unknown = JSON.parse(fs.readFileSync(path.join(directory, name), "utf8"));
  await release();
  return { ...Object(content), id: "other" };
}

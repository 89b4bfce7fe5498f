import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { DiskDone, DiskResult, FileHandle } from "@kqueuey/storage";
import { DISK_CONTRACT } from "@kqueuey/storage/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NodeDisk } from "./disk.ts";

let root = "";

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "kqueuey-disk-"));
});

afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

function asked<T>(request: (done: DiskDone<T>) => void): Promise<DiskResult<T>> {
  return new Promise((resolve) => {
    request(resolve);
  });
}

async function value<T>(request: (done: DiskDone<T>) => void): Promise<T> {
  const result = await asked(request);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

describe("Node's disk keeps the Disk contract", () => {
  for (const { title, run } of DISK_CONTRACT) {
    test(title, async () => {
      const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      await run({ disk: new NodeDisk(root), turn });
    });
  }
});

describe("Node's disk", () => {
  test("answers what was asked before a close, then closes", async () => {
    const disk = new NodeDisk(root, 1);
    const file = await value<FileHandle>((done) => disk.open("a", { mode: "create" }, done));
    const order: string[] = [];
    const note = (what: string) => (): void => {
      order.push(what);
    };
    disk.write(file, 0, [new Uint8Array(100_000)], note("write"));
    disk.sync(file, note("sync"));
    await value<undefined>((done) => disk.close(file, done));
    order.push("closed");
    expect(order).toEqual(["write", "sync", "closed"]);
  });

  test("lets the log pass while everything else waits in line", async () => {
    const disk = new NodeDisk(root, 1);
    const log = await value<FileHandle>((done) =>
      disk.open("log", { mode: "create", dsync: true, urgent: true }, done),
    );
    const slow = await value<FileHandle>((done) => disk.open("slow", { mode: "create" }, done));
    const order: string[] = [];
    const filled = value<undefined>((done) => disk.allocate(slow, 16 << 20, done)).then(() => {
      order.push("filled");
    });
    await value<undefined>((done) => disk.write(log, 0, [Uint8Array.of(1)], done));
    order.push("logged");
    await filled;
    expect(order).toEqual(["logged", "filled"]);
  });

  test("says in its own words why a request failed", async () => {
    fs.writeFileSync(path.join(root, "file"), "");
    fs.mkdirSync(path.join(root, "full", "inner"), { recursive: true });
    const disk = new NodeDisk(root);
    const inFile = await asked((done) => disk.open("file/a", { mode: "create" }, done));
    expect(inFile).toMatchObject({ ok: false, error: { code: "exists" } });
    fs.mkdirSync(path.join(root, "other"));
    const onto = await asked<undefined>((done) => disk.rename("other", "full", done));
    expect(onto).toMatchObject({ ok: false, error: { code: "exists" } });
  });

  test("a disk without room is no-space", async () => {
    // /dev/full refuses every byte; a link to it stands in for a file on a full disk.
    if (!fs.existsSync("/dev/full")) return;
    fs.symlinkSync("/dev/full", path.join(root, "full"));
    const disk = new NodeDisk(root);
    const file = await value<FileHandle>((done) => disk.open("full", { mode: "write" }, done));
    const written = await asked<undefined>((done) => disk.write(file, 0, [Uint8Array.of(1)], done));
    expect(written).toMatchObject({ ok: false, error: { code: "no-space" } });
    await value<undefined>((done) => disk.close(file, done));
  });
});

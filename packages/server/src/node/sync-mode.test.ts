import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { MemoryDisk } from "@kqueuey/storage/testing";
import { expect, test } from "vitest";
import { NodeDisk } from "./disk.ts";
import { measureSyncMode, type SyncMeasurement } from "./sync-mode.ts";

/** A disk whose requests take the given virtual ms; `dsync` is what the log's first way takes for a write. */
function measureOn(requestMs: {
  readonly write: number;
  readonly sync: number;
  readonly dsync?: number;
}): SyncMeasurement {
  const disk = new MemoryDisk();
  let nowMs = 0;
  let writes = 0;
  disk.fault = (request) => {
    if (request === "write") {
      writes += 1;
      // The way that is measured first writes forty times.
      nowMs += writes <= 40 ? (requestMs.dsync ?? requestMs.write) : requestMs.write;
    }
    if (request === "sync") nowMs += requestMs.sync;
    return undefined;
  };
  let measured: SyncMeasurement | undefined;
  measureSyncMode({ disk, monotonicMs: () => nowMs }, "linux", (result) => {
    if (result.ok) measured = result.value;
  });
  disk.run();
  if (measured === undefined) throw new Error("not measured");
  return measured;
}

test("takes the way with the smaller median and tells both", () => {
  const measured = measureOn({ write: 3, sync: 2 });
  expect(measured.mode).toBe("dsync");
  expect(measured.rounds.dsync).toEqual({ medianMs: 3, slowestMs: 3 });
  expect(measured.rounds.fdatasync).toEqual({ medianMs: 5, slowestMs: 5 });
});

test("O_DSYNC, which is one request, is left only for what is clearly faster", () => {
  expect(measureOn({ dsync: 5, write: 2, sync: 2 }).mode).toBe("dsync");
  expect(measureOn({ dsync: 6, write: 2, sync: 2 }).mode).toBe("fdatasync");
});

test("a disk that refuses is an error, and nothing is left behind", () => {
  const disk = new MemoryDisk();
  let code = "";
  disk.fault = (request) => (request === "write" ? { code: "io", message: "sick" } : undefined);
  measureSyncMode({ disk, monotonicMs: () => 0 }, "darwin", (result) => {
    if (!result.ok) code = result.error.code;
  });
  disk.run();
  expect(code).toBe("io");
  expect(() => disk.contents("sync-measurement")).toThrow("no file");
});

test("measures a real disk", async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "kqueuey-sync-"));
  try {
    const disk = new NodeDisk(root);
    const measured = await new Promise<SyncMeasurement>((resolve, reject) => {
      const ports = { disk, monotonicMs: () => performance.now() };
      measureSyncMode(ports, process.platform, (result) => {
        if (result.ok) resolve(result.value);
        else reject(new Error(result.error.message));
      });
    });
    expect(measured.rounds[measured.mode]?.medianMs).toBeGreaterThan(0);
    expect(fs.readdirSync(root)).toEqual([]);
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
});

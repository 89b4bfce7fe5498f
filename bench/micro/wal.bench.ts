/**
 * The log alone on this machine's disk: rounds a second and bytes a second, for several sizes and numbers
 * of appends in flight, and how fast a log is read back.
 *
 *     UV_THREADPOOL_SIZE=12 node --conditions=dev --import tsx bench/micro/wal.bench.ts [folder]
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { groupId, logIndex, monotonic, term } from "@kqueuey/base";
import {
  type OpenWalResult,
  openWal,
  type SyncMode,
  type Wal,
  type WalConfig,
} from "@kqueuey/storage";
import { nodeCrc32 } from "../../packages/server/src/node/crc32.ts";
import { NodeDisk } from "../../packages/server/src/node/disk.ts";
import { nodeRandom } from "../../packages/server/src/node/random.ts";
import { measureSyncMode, type SyncMeasurement } from "../../packages/server/src/node/sync-mode.ts";

const SECONDS = 3;
const GROUP = groupId(0);
const base = process.argv[2] ?? os.tmpdir();
const root = fs.mkdtempSync(path.join(base, "kqueuey-wal-bench-"));

interface Load {
  readonly entryBytes: number;
  readonly inFlight: number;
  readonly syncMode: SyncMode;
}

async function open(config: Partial<WalConfig>): Promise<Extract<OpenWalResult, { kind: "open" }>> {
  const ports = { disk: new NodeDisk(root), crc32: nodeCrc32, random: nodeRandom };
  const result = await new Promise<OpenWalResult>((resolve) => openWal(ports, config, resolve));
  if (result.kind !== "open") throw new Error(JSON.stringify(result));
  return result;
}

function close(wal: Wal): Promise<void> {
  return new Promise((resolve) => wal.close(() => resolve()));
}

async function run(load: Load): Promise<void> {
  const opened = await open({ syncMode: load.syncMode });
  const { wal } = opened;
  const timer = setInterval(() => wal.tick(monotonic(performance.now())), 20);
  const data = Buffer.alloc(load.entryBytes, 7);
  let index = opened.recovered.groups.get(GROUP)?.last.index ?? 0;
  let appends = 0;
  const latencies: number[] = [];
  const before = process.cpuUsage();
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let left = load.inFlight;
    const append = (): void => {
      const startMs = performance.now();
      if (startMs - start > SECONDS * 1_000) {
        left -= 1;
        if (left === 0) resolve();
        return;
      }
      index += 1;
      const entries = [{ index: logIndex(index), term: term(1), kind: "commands", data } as const];
      wal.append(GROUP, { entries }, () => {
        appends += 1;
        latencies.push(performance.now() - startMs);
        append();
      });
      // As a leader does: what is far behind is checkpointed and consumed.
      wal.cover(GROUP, logIndex(Math.max(0, index - 1_000)));
      if (index % 256 === 0) for (const segment of wal.coveredSegments()) wal.reclaim(segment);
    };
    for (let i = 0; i < load.inFlight; i++) append();
  });
  const seconds = (performance.now() - start) / 1_000;
  const cpu = process.cpuUsage(before);
  clearInterval(timer);
  const { groupsWritten, dataBytesWritten } = wal.stats();
  await close(wal);
  latencies.sort((a, b) => a - b);
  const at = (share: number): string =>
    (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2);
  const columns = [
    load.syncMode.padEnd(9),
    `${load.entryBytes} B`.padStart(9),
    `${load.inFlight}`.padStart(9),
    (groupsWritten / seconds).toFixed(0).padStart(9),
    (appends / seconds).toFixed(0).padStart(10),
    (dataBytesWritten / seconds / 1e6).toFixed(1).padStart(8),
    at(0.5).padStart(8),
    at(0.99).padStart(8),
    ((cpu.user + cpu.system) / groupsWritten).toFixed(0).padStart(9),
  ];
  console.log(columns.join(" "));
}

async function readBack(): Promise<void> {
  const bytes = fs
    .readdirSync(path.join(root, "wal"))
    .reduce((sum, name) => sum + fs.statSync(path.join(root, "wal", name)).size, 0);
  const start = performance.now();
  const { wal, recovered } = await open({});
  const ms = performance.now() - start;
  const last = recovered.groups.get(GROUP)?.last.index ?? 0;
  console.log(
    `recovery: ${ms.toFixed(0)} ms for ${(bytes / 1e6).toFixed(0)} MB, last entry ${last}`,
  );
  await close(wal);
}

async function main(): Promise<void> {
  console.log(
    `${os.cpus().length} × ${os.cpus()[0]?.model ?? "?"}, Node ${process.version}, ${root}`,
  );
  const disk = new NodeDisk(root);
  const measured = await new Promise<SyncMeasurement | undefined>((resolve) => {
    const ports = { disk, monotonicMs: () => performance.now() };
    measureSyncMode(ports, process.platform, (result) =>
      resolve(result.ok ? result.value : undefined),
    );
  });
  console.log(`chosen: ${measured?.mode ?? "?"} ${JSON.stringify(measured?.rounds)}`);
  console.log(
    "mode           entry in flight  rounds/s  appends/s     MB/s   p50 ms   p99 ms CPU µs/rd",
  );
  for (const syncMode of ["dsync", "fdatasync"] as const) {
    for (const [entryBytes, inFlight] of [
      [128, 1],
      [16_384, 1],
      [16_384, 32],
      [262_144, 8],
    ] as const) {
      await run({ entryBytes, inFlight, syncMode });
    }
  }
  await readBack();
}

try {
  await main();
} finally {
  fs.rmSync(root, { recursive: true, force: true });
}

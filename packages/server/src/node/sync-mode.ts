/**
 * Which way of making a write durable is faster here, and how long it takes: measured on the data
 * directory's own disk before the log is opened.
 */
import { assert } from "@kqueuey/base";
import type { Disk, DiskDone, DiskError, FileHandle, SyncMode } from "@kqueuey/storage";

export interface SyncMeasurement {
  readonly mode: SyncMode;
  /** Per way, in ms: the median and the slowest of the rounds. A way that is not measured is absent. */
  readonly rounds: Readonly<Partial<Record<SyncMode, { medianMs: number; slowestMs: number }>>>;
}

export interface SyncMeasuringPorts {
  readonly disk: Disk;
  /** Monotonic ms with fractions. */
  readonly monotonicMs: () => number;
}

const SCRATCH_NAME = "sync-measurement";
const ROUNDS = 40;
const BLOCK = new Uint8Array(4096);
/**
 * `fdatasync` is taken when its median is below this part of that of O_DSYNC: nodes that start together on one
 * disk disturb each other's rounds by more than the two differ.
 */
const CLEARLY_FASTER = 0.7;

/**
 * Writes `ROUNDS` blocks in each way and takes the one with the smaller median; that of O_DSYNC, which is one
 * request and not two, unless the other is clearly faster. Only Linux makes O_DSYNC writes durable down to
 * the disk; elsewhere it is `fdatasync` (Node flushes fully there).
 */
export function measureSyncMode(
  ports: SyncMeasuringPorts,
  platform: string,
  done: DiskDone<SyncMeasurement>,
): void {
  const modes: readonly SyncMode[] = platform === "linux" ? ["dsync", "fdatasync"] : ["fdatasync"];
  const { disk } = ports;
  const fail = (error: DiskError): void => {
    disk.remove(SCRATCH_NAME, () => done({ ok: false, error }));
  };
  disk.remove(SCRATCH_NAME, (removed) => {
    if (!removed.ok) return fail(removed.error);
    disk.open(SCRATCH_NAME, { mode: "create" }, (made) => {
      if (!made.ok) return fail(made.error);
      disk.allocate(made.value, ROUNDS * BLOCK.length, (allocated) => {
        disk.close(made.value, () => {
          if (allocated.ok) measureAll(ports, modes, finish);
          else fail(allocated.error);
        });
      });
    });
  });
  const finish: DiskDone<Map<SyncMode, number[]>> = (measured) => {
    if (!measured.ok) return fail(measured.error);
    disk.remove(SCRATCH_NAME, (removed) => {
      if (removed.ok) done({ ok: true, value: choose(measured.value) });
      else done(removed);
    });
  };
}

function measureAll(
  ports: SyncMeasuringPorts,
  modes: readonly SyncMode[],
  done: DiskDone<Map<SyncMode, number[]>>,
): void {
  const measured = new Map<SyncMode, number[]>();
  const next = (at: number): void => {
    const mode = modes[at];
    if (mode === undefined) {
      done({ ok: true, value: measured });
      return;
    }
    const options = { mode: "write", dsync: mode === "dsync", urgent: true } as const;
    ports.disk.open(SCRATCH_NAME, options, (opened) => {
      if (!opened.ok) return done(opened);
      measureRounds(ports, { file: opened.value, mode }, (rounds) => {
        ports.disk.close(opened.value, () => {
          if (!rounds.ok) return done(rounds);
          measured.set(mode, rounds.value);
          next(at + 1);
        });
      });
    });
  };
  next(0);
}

function measureRounds(
  ports: SyncMeasuringPorts,
  way: { readonly file: FileHandle; readonly mode: SyncMode },
  done: DiskDone<number[]>,
): void {
  const { disk, monotonicMs } = ports;
  const rounds: number[] = [];
  const round = (): void => {
    if (rounds.length === ROUNDS) {
      done({ ok: true, value: rounds });
      return;
    }
    const startMs = monotonicMs();
    const durable: DiskDone<undefined> = (result) => {
      if (!result.ok) return done(result);
      rounds.push(monotonicMs() - startMs);
      round();
    };
    disk.write(way.file, rounds.length * BLOCK.length, [BLOCK], (written) => {
      if (!written.ok || way.mode === "dsync") durable(written);
      else disk.sync(way.file, durable);
    });
  };
  round();
}

function choose(measured: ReadonlyMap<SyncMode, number[]>): SyncMeasurement {
  const rounds: Partial<Record<SyncMode, { medianMs: number; slowestMs: number }>> = {};
  let best: { mode: SyncMode; weighedMs: number } | undefined;
  for (const [mode, times] of measured) {
    const sorted = times.toSorted((a, b) => a - b);
    const medianMs = sorted[sorted.length >> 1] ?? 0;
    rounds[mode] = { medianMs, slowestMs: sorted.at(-1) ?? 0 };
    const weighedMs = mode === "dsync" ? medianMs * CLEARLY_FASTER : medianMs;
    if (best === undefined || weighedMs < best.weighedMs) best = { mode, weighedMs };
  }
  assert(best !== undefined, "something was measured");
  return { mode: best.mode, rounds };
}

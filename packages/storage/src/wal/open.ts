/**
 * Opens the log: reads and decides (recovery.ts), then makes durable what it read, and only then gives
 * it to its users. What a killed process wrote may be in the host's cache alone, so the last group is
 * written again; what stands behind it is cut; names are synced. A damaged log is left as it is.
 */
import type { DirectoryEntry, Disk, DiskDone, DiskError, FileHandle } from "../disk.ts";
import { walConfig } from "./config.ts";
import { BLOCK_BYTES } from "./format.ts";
import { type LogEnd, type RecoveryResult, recoverLog } from "./recovery.ts";
import { type Segment, segmentPath } from "./segments.ts";
import { DRAFT_NAME, type ReadySegment } from "./supply.ts";
import type { OpenWalResult, QuarantineWal, WalConfig, WalFailure, WalPorts } from "./types.ts";
import { type ActiveSegment, WalWriter } from "./wal.ts";

type Whole = Extract<RecoveryResult, { kind: "whole" }>;
type OpenDone = (result: OpenWalResult) => void;
/** One request; the next step waits for its success. */
type Step = (done: DiskDone<unknown>) => void;

const COPY_BYTES = 1024 * 1024;
const ZERO_BLOCK = new Uint8Array(BLOCK_BYTES);

/** Opens the log in its folder, or makes it. */
export function openWal(ports: WalPorts, config: Partial<WalConfig>, done: OpenDone): void {
  const full = walConfig(config);
  const { disk } = ports;
  const { directory } = full;
  let listing: readonly DirectoryEntry[] = [];
  const steps: Step[] = [
    (next) => disk.makeDirectory(directory, next),
    (next) => disk.syncDirectory(parentOf(directory), next),
    (next) =>
      disk.list(directory, (listed) => {
        if (listed.ok) listing = listed.value;
        next(listed);
      }),
  ];
  runSteps(steps, (error) => {
    if (error !== undefined) {
      done({ kind: "failed", failure: failureOf(error, directory) });
      return;
    }
    recoverLog(ports, { config: full, listing }, (result) => {
      finishOpening(ports, { config: full, result }, done);
    });
  });
}

/** Moves a damaged log's folder aside (`<directory>.damaged-1`, …), so that a new one can begin. */
export const quarantineWal: QuarantineWal = (ports, config, done) => {
  const { directory } = walConfig(config);
  const { disk } = ports;
  const parent = parentOf(directory);
  disk.list(parent, (listed) => {
    if (!listed.ok) {
      done({ ok: false, failure: failureOf(listed.error, parent) });
      return;
    }
    const taken = new Set(listed.value.map((entry) => entry.name));
    const base = directory.slice(parent === "" ? 0 : parent.length + 1);
    let number = 1;
    while (taken.has(`${base}.damaged-${number}`)) number += 1;
    const steps: Step[] = [
      (next) => disk.rename(directory, `${directory}.damaged-${number}`, next),
      (next) => disk.syncDirectory(parent, next),
    ];
    runSteps(steps, (error) => {
      if (error === undefined) done({ ok: true, value: undefined });
      else done({ ok: false, failure: failureOf(error, directory) });
    });
  });
};

function finishOpening(
  ports: WalPorts,
  input: { readonly config: WalConfig; readonly result: RecoveryResult },
  done: OpenDone,
): void {
  const { config, result } = input;
  switch (result.kind) {
    case "failed":
      done({ kind: "failed", failure: failureOf(result.error, result.what) });
      return;
    case "newer":
      done({
        kind: "newer-format",
        message: `the log was written by a newer version: ${result.what}`,
      });
      return;
    case "damaged": {
      const groups = result.state.recovered();
      const recovered = { groups, fresh: false, tornTail: false };
      done({ kind: "damaged", damage: result.damage, recovered });
      return;
    }
    case "whole":
      makeDurable(ports, { config, whole: result }, done);
      return;
  }
}

/** Rewrites the tail, cuts what is behind it, clears the folder, then starts the writer. */
function makeDurable(
  ports: WalPorts,
  input: { readonly config: WalConfig; readonly whole: Whole },
  done: OpenDone,
): void {
  const { config, whole } = input;
  const { disk } = ports;
  const { directory } = config;
  const { end, tornHead } = whole;
  const { ready, excess } = usableReady(whole, config);
  let file: FileHandle | undefined;
  const steps: Step[] = [(next) => disk.remove(`${directory}/${DRAFT_NAME}`, next)];
  if (end !== undefined) {
    steps.push((next) =>
      openForWriting(disk, { config, end }, (opened) => {
        if (opened.ok) file = opened.value;
        next(opened);
      }),
    );
    steps.push((next) =>
      withFile(file, next, (open) => rewriteTail(disk, { end, file: open }, next)),
    );
  }
  if (tornHead !== undefined) {
    steps.push((next) => clearFirstBlock(disk, segmentPath(directory, tornHead.id), next));
  }
  // From the newest down, so that the names that stay have no gap.
  for (const { id } of excess.toReversed()) {
    steps.push((next) => disk.remove(segmentPath(directory, id), next));
  }
  steps.push((next) => disk.syncDirectory(directory, next));
  runSteps(steps, (error) => {
    if (error !== undefined) done({ kind: "failed", failure: failureOf(error, directory) });
    else startWriter(ports, { config, whole, file, ready }, done);
  });
}

function startWriter(
  ports: WalPorts,
  input: {
    readonly config: WalConfig;
    readonly whole: Whole;
    readonly file: FileHandle | undefined;
    readonly ready: readonly ReadySegment[];
  },
  done: OpenDone,
): void {
  const { config, whole, file, ready } = input;
  const { state, end } = whole;
  let active: ActiveSegment | undefined;
  if (end !== undefined && file !== undefined) {
    const segment: Segment = state.segments.get(end.segment.id);
    segment.state = "active";
    active = { segment, file, salt: end.lastGroup.header.salt, position: end.position };
  }
  const groups = state.recovered();
  const writer = new WalWriter(ports, config, {
    logs: state.logs(),
    segments: state.segments,
    active,
    ready,
    returned: whole.leftOver,
    lastId: ready.at(-1)?.id ?? end?.segment.id ?? 0,
    nextGroup: (end?.lastGroup.header.number ?? 0) + 1,
  });
  writer.begin((begun) => {
    if (!begun.ok) {
      done({ kind: "failed", failure: begun.failure });
      return;
    }
    const tornTail = end?.torn === true || whole.tornHead !== undefined;
    done({ kind: "open", wal: writer, recovered: { groups, fresh: groups.size === 0, tornTail } });
  });
}

/** Ready files up to the first that has another length than new ones. */
function usableReady(
  whole: Whole,
  config: WalConfig,
): { readonly ready: readonly ReadySegment[]; readonly excess: readonly ReadySegment[] } {
  const kept = config.aheadSegments + config.spareSegments;
  const wrong = whole.ready.findIndex(({ bytes }) => bytes !== config.segmentBytes);
  const cut = Math.min(kept, wrong < 0 ? whole.ready.length : wrong);
  return { ready: whole.ready.slice(0, cut), excess: whole.ready.slice(cut) };
}

function openForWriting(
  disk: Disk,
  input: { readonly config: WalConfig; readonly end: LogEnd },
  done: DiskDone<FileHandle>,
): void {
  const { config, end } = input;
  const path = segmentPath(config.directory, end.segment.id);
  const dsync = config.syncMode === "dsync";
  disk.open(path, { mode: "write", dsync, urgent: true }, done);
}

/** Writes the last group again where it stands, and zeroes over what follows. */
function rewriteTail(
  disk: Disk,
  input: { readonly end: LogEnd; readonly file: FileHandle },
  done: DiskDone<unknown>,
): void {
  const { end, file } = input;
  const from = end.lastGroup.position;
  const steps: Step[] = [];
  for (let at = from; at < from + end.lastGroup.bytes; at += COPY_BYTES) {
    const length = Math.min(COPY_BYTES, from + end.lastGroup.bytes - at);
    steps.push((next) =>
      disk.read(file, at, length, (read) => {
        if (read.ok) disk.write(file, at, [read.value], next);
        else next(read);
      }),
    );
  }
  if (end.position < end.segment.bytes) {
    steps.push((next) => disk.write(file, end.position, [ZERO_BLOCK], next));
  }
  steps.push((next) => disk.sync(file, next));
  runSteps(steps, (error) => done(error === undefined ? STEP_DONE : { ok: false, error }));
}

function clearFirstBlock(disk: Disk, path: string, done: DiskDone<unknown>): void {
  let file: FileHandle | undefined;
  const steps: Step[] = [
    (next) =>
      disk.open(path, { mode: "write" }, (opened) => {
        if (opened.ok) file = opened.value;
        next(opened);
      }),
    (next) => withFile(file, next, (open) => disk.write(open, 0, [ZERO_BLOCK], next)),
    (next) => withFile(file, next, (open) => disk.sync(open, next)),
    (next) => withFile(file, next, (open) => disk.close(open, next)),
  ];
  runSteps(steps, (error) => done(error === undefined ? STEP_DONE : { ok: false, error }));
}

const STEP_DONE = { ok: true, value: undefined } as const;

function withFile(
  file: FileHandle | undefined,
  next: DiskDone<unknown>,
  use: (file: FileHandle) => void,
): void {
  if (file === undefined)
    next({ ok: false, error: { code: "io", message: "the file is not open" } });
  else use(file);
}

/** Runs one step after another until one fails. */
function runSteps(steps: readonly Step[], done: (error: DiskError | undefined) => void): void {
  const run = (at: number): void => {
    const step = steps[at];
    if (step === undefined) {
      done(undefined);
      return;
    }
    step((result) => {
      if (result.ok) run(at + 1);
      else done(result.error);
    });
  };
  run(0);
}

function failureOf(cause: DiskError, what: string): WalFailure {
  const code = cause.code === "no-space" ? "no-space" : "io";
  return { code, message: `${what}: ${cause.message}`, cause };
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

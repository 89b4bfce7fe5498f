/**
 * Finds a group's state at start: which generation is current, what its checkpoint holds, which part of
 * the log goes on from there. Damage anywhere means an empty state in a new generation, the damaged one
 * set aside: the node asks to be admitted anew and never goes on from half of what it had.
 */
import { ByteReader, type LogIndex, logIndex, must, type Term } from "@kqueuey/base";
import type { Entry } from "@kqueuey/raft";
import type { EntryMap } from "./bodies/entry-map.ts";
import { isBodySegment } from "./bodies/segment-ledger.ts";
import type { SegmentSource } from "./bodies/segment-source.ts";
import { Generation, generationFolder, groupFolder } from "./checkpoint/generation.ts";
import { type LoadedGeneration, loadGeneration } from "./checkpoint/load.ts";
import type { DirectoryEntry } from "./disk.ts";
import { checkFileHeader, encodeFileHeader, numberInName } from "./file-header.ts";
import { failureOf, type Outcome, readWholeFile, runSteps, writeWholeFile } from "./files.ts";
import type { GroupPorts } from "./group-ports.ts";
import { type LogStart, placeFrom } from "./log-tail.ts";
import {
  damage,
  diskFailure,
  type GroupRecovered,
  type StoreDone,
  type StoreFailure,
} from "./store-types.ts";
import { LOG_START } from "./wal/group-log.ts";
import type { LogPoint, RecoveredGroup, TermRun } from "./wal/types.ts";

/** Everything that a group's store starts with. */
export interface OpenedGroup extends LoadedGeneration {
  readonly log: LogStart;
  readonly recovered: GroupRecovered;
}

/** What was known of the group before its own files were read. */
export interface OpenContext {
  /** What the log held of it; undefined if nothing. */
  readonly log: RecoveredGroup | undefined;
  /** Damage outside of the group's files that takes its state away. */
  readonly damage: StoreFailure | undefined;
}

/** Opens the group. Fails only if the disk does. */
export function openGroup(
  ports: GroupPorts,
  context: OpenContext,
  done: StoreDone<OpenedGroup>,
): void {
  const folder = groupFolder(ports.group);
  ports.disk.list(folder, (listed) => {
    if (!listed.ok) {
      done({ ok: false, failure: diskFailure(listed.error, folder) });
      return;
    }
    const names = listed.value;
    readCurrent(ports, names, (current) => {
      if (!current.ok) {
        giveUp(ports, { context, names, failure: current.failure }, done);
        return;
      }
      const number = Math.max(1, current.value, markerGeneration(ports, context.log));
      openGeneration(ports, { context, names, number, isCurrent: number === current.value }, done);
    });
  });
}

/** The file that names the current generation. */
function currentPath(ports: GroupPorts): string {
  return `${groupFolder(ports.group)}/current`;
}

/** Its presence says that damage was met while the node ran. */
function damagedPath(ports: GroupPorts): string {
  return `${groupFolder(ports.group)}/damaged`;
}

/** Leaves word for the next start that this group's state cannot be trusted. */
export function markDamaged(ports: GroupPorts, done: () => void): void {
  writeWholeFile(ports.disk, { path: damagedPath(ports), bytes: Uint8Array.of(1) }, () => done());
}

/** The current generation's number, 0 if there is none yet. */
function readCurrent(
  ports: GroupPorts,
  names: readonly DirectoryEntry[],
  done: StoreDone<number>,
): void {
  if (names.some((entry) => entry.name === "damaged")) {
    done({
      ok: false,
      failure: damage(damagedPath(ports), "damage was met when the node last ran"),
    });
    return;
  }
  const path = currentPath(ports);
  readWholeFile(ports.disk, path, (read) => {
    if (!read.ok) done(read);
    else if (read.value === undefined) done({ ok: true, value: 0 });
    else {
      const number = new ByteReader(read.value, Math.min(8, read.value.length)).u32();
      const identity = { kind: "current", group: ports.group, number } as const;
      const wrong = checkFileHeader(read.value, identity, ports.crc32);
      if (wrong !== undefined) done({ ok: false, failure: damage(path, wrong) });
      else done({ ok: true, value: number });
    }
  });
}

/** Makes `number` the current generation, durably. */
export function writeCurrent(ports: GroupPorts, number: number, done: Outcome): void {
  const identity = { kind: "current", group: ports.group, number } as const;
  const bytes = encodeFileHeader(identity, ports.crc32);
  writeWholeFile(ports.disk, { path: currentPath(ports), bytes }, done);
}

/** The generation that the log's snapshot marker names, 0 if none. */
function markerGeneration(ports: GroupPorts, log: RecoveredGroup | undefined): number {
  const directory = log?.snapshotMarker?.directory;
  const prefix = `${groupFolder(ports.group)}/`;
  if (directory === undefined || !directory.startsWith(prefix)) return 0;
  return numberInName("gen", directory.slice(prefix.length)) ?? 0;
}

function openGeneration(
  ports: GroupPorts,
  found: {
    readonly context: OpenContext;
    readonly names: readonly DirectoryEntry[];
    readonly number: number;
    readonly isCurrent: boolean;
  },
  done: StoreDone<OpenedGroup>,
): void {
  const { context, names, number } = found;
  const fail = (failure: StoreFailure): void => {
    if (failure.code === "damaged") giveUp(ports, { context, names, failure }, done);
    else done({ ok: false, failure });
  };
  if (context.damage !== undefined) {
    fail(context.damage);
    return;
  }
  runSteps(
    [
      (next) => makeFolder(ports, generationFolder(ports.group, number), next),
      (next) => (found.isCurrent ? next(undefined) : writeCurrent(ports, number, next)),
    ],
    (failure) => {
      if (failure !== undefined) {
        fail(failure);
        return;
      }
      loadGeneration(ports, { number, receiving: false }, (loaded) => {
        if (!loaded.ok) {
          fail(loaded.failure);
          return;
        }
        joinLog(ports, { ...loaded.value, log: context.log }, (joined) => {
          if (!joined.ok) {
            fail(joined.failure);
            return;
          }
          removeOldGenerations(ports, names, number);
          done(joined);
        });
      });
    },
  );
}

/** Makes the folder and makes all names on the way to it durable. */
function makeFolder(ports: GroupPorts, folder: string, done: Outcome): void {
  const { disk } = ports;
  const parents = ["", "groups", groupFolder(ports.group)];
  runSteps(
    [
      (next) => disk.makeDirectory(folder, (made) => next(failureOf(made, folder))),
      ...parents.map(
        (parent) =>
          (next: Outcome): void =>
            disk.syncDirectory(parent, (synced) => next(failureOf(synced, parent))),
      ),
    ],
    done,
  );
}

/** Decides what of the log goes on from the checkpoint, and puts its entries into the map. */
function joinLog(
  ports: GroupPorts,
  found: LoadedGeneration & { readonly log: RecoveredGroup | undefined },
  done: StoreDone<OpenedGroup>,
): void {
  const { generation, map, source } = found;
  const meta = generation.meta;
  const log = found.log ?? emptyLog(ports);
  const checkpoint: LogPoint = meta ?? LOG_START;
  const wrong = gapBetween(checkpoint, log);
  if (wrong !== undefined) {
    done({ ok: false, failure: damage(generation.folder, wrong) });
    return;
  }
  const baseIndex = placeLog(map, log);
  map.advanceLog(baseIndex);
  const base: LogPoint = { index: baseIndex, term: must(termIn(log, baseIndex), "base term") };
  const termRuns = runsAfter(log, baseIndex);
  const start: LogStart = { base, last: log.last, termRuns, hardState: log.hardState };
  readMembershipEntries({ map, source, log, after: checkpoint.index }, ports, (read) => {
    if (!read.ok) {
      done(read);
      return;
    }
    const recovered: GroupRecovered = {
      group: ports.group,
      hardState: log.hardState,
      checkpoint: meta,
      base,
      last: log.last,
      termRuns,
      membershipEntries: read.value,
      damage: undefined,
    };
    done({ ok: true, value: { generation, map, source, log: start, recovered } });
  });
}

/** The terms of the entries after `base`: the run that `base` is in begins anew behind it. */
function runsAfter(log: RecoveredGroup, base: number): TermRun[] {
  const runs: TermRun[] = [];
  for (let at = 0; at < log.termRuns.length; at++) {
    const run = must(log.termRuns[at], "term run");
    const end = log.termRuns[at + 1]?.from ?? log.last.index + 1;
    if (end <= base + 1) continue;
    runs.push({ from: logIndex(Math.max(run.from, base + 1)), term: run.term });
  }
  return runs;
}

function emptyLog(ports: GroupPorts): RecoveredGroup {
  return {
    group: ports.group,
    hardState: undefined,
    snapshotMarker: undefined,
    compacted: LOG_START,
    last: LOG_START,
    termRuns: [],
    placements: [],
  };
}

/** Why the log does not go on from the checkpoint, or undefined if it does. */
function gapBetween(checkpoint: LogPoint, log: RecoveredGroup): string | undefined {
  const { index, term } = checkpoint;
  if (log.compacted.index > index) {
    return `the log begins after ${log.compacted.index}, the checkpoint ends at ${index}`;
  }
  if (log.last.index < index) {
    return `the log ends at ${log.last.index}, before the checkpoint's ${index}`;
  }
  const held = termIn(log, index);
  return held === term ? undefined : `entry ${index} has term ${held} in the log, ${term} here`;
}

function termIn(log: RecoveredGroup, index: number): Term | undefined {
  if (index === log.compacted.index) return log.compacted.term;
  let found: TermRun | undefined;
  for (const run of log.termRuns) if (run.from <= index) found = run;
  return found?.term;
}

/** Puts the log's entries into the map; gives the index after which all are whole. */
function placeLog(map: EntryMap, log: RecoveredGroup): LogIndex {
  let base = log.compacted.index;
  for (const run of log.placements) {
    for (let at = 0; at < run.placements.count; at++) {
      const index = logIndex(run.from + at);
      if (index <= log.compacted.index || index > log.last.index) continue;
      const known = map.locate(index);
      if (known === undefined) map.place(index, placeFrom(run.placements, at));
      else if (isBodySegment(known.segment) && index > base) base = index;
    }
  }
  return base;
}

/** Reads the entries of kind `membership` above `after`: raft needs them at once. */
function readMembershipEntries(
  parts: {
    readonly map: EntryMap;
    readonly source: SegmentSource;
    readonly log: RecoveredGroup;
    readonly after: LogIndex;
  },
  ports: GroupPorts,
  done: StoreDone<readonly Entry[]>,
): void {
  const wanted: LogIndex[] = [];
  for (const run of parts.log.placements) {
    for (let at = 0; at < run.placements.count; at++) {
      const index = logIndex(run.from + at);
      const inLog = index > parts.after && index <= parts.log.last.index;
      if (inLog && run.placements.kind(at) === "membership") wanted.push(index);
    }
  }
  const entries: Entry[] = [];
  const next = (): void => {
    const index = wanted[entries.length];
    if (index === undefined) {
      done({ ok: true, value: entries });
      return;
    }
    const place = must(parts.map.locate(index), "an entry of the log has a place");
    parts.source.read(place, (read) => {
      if (!read.ok) {
        done(read);
        return;
      }
      if (ports.crc32(read.value) !== place.crc) {
        const what = `entry ${index} is damaged`;
        done({ ok: false, failure: damage(`log segment ${place.segment}`, what) });
        return;
      }
      const term = must(termIn(parts.log, index), "an entry of the log has a term");
      entries.push({ term, index, kind: "membership", data: read.value });
      next();
    });
  };
  next();
}

/** Starts over from nothing in a new generation; the damaged one is kept for people to look at. */
function giveUp(
  ports: GroupPorts,
  found: {
    readonly context: OpenContext;
    readonly names: readonly DirectoryEntry[];
    readonly failure: StoreFailure;
  },
  done: StoreDone<OpenedGroup>,
): void {
  const { context, names, failure } = found;
  if (failure.code !== "damaged") {
    done({ ok: false, failure });
    return;
  }
  const { disk, group } = ports;
  const numbers = names.map((entry) => numberInName("gen", entry.name) ?? 0);
  const number = Math.max(0, ...numbers, markerGeneration(ports, context.log)) + 1;
  const generation = new Generation({ group, number });
  const log = context.log;
  const start: LogStart = {
    base: LOG_START,
    last: LOG_START,
    termRuns: [],
    hardState: log?.hardState,
  };
  runSteps(
    [
      (next) => makeFolder(ports, generation.folder, next),
      (next) => writeCurrent(ports, number, next),
      (next) => emptyTheLog(ports, log, next),
      (next) => setAside(ports, names, next),
      (next) => disk.remove(damagedPath(ports), (gone) => next(failureOf(gone, "damaged"))),
      (next) => disk.syncDirectory(groupFolder(group), (s) => next(failureOf(s, "groups"))),
    ],
    (failed) => {
      if (failed !== undefined) {
        done({ ok: false, failure: failed });
        return;
      }
      loadGeneration(ports, { number, receiving: false }, (loaded) => {
        if (!loaded.ok) {
          done(loaded);
          return;
        }
        const recovered: GroupRecovered = {
          group,
          hardState: log?.hardState,
          checkpoint: undefined,
          base: LOG_START,
          last: LOG_START,
          termRuns: [],
          membershipEntries: [],
          damage: failure,
        };
        done({ ok: true, value: { ...loaded.value, log: start, recovered } });
      });
    },
  );
}

function emptyTheLog(ports: GroupPorts, log: RecoveredGroup | undefined, done: Outcome): void {
  if (log === undefined || (log.last.index === 0 && log.compacted.index === 0)) {
    done(undefined);
    return;
  }
  const admission = ports.wal.append(ports.group, { resetTo: LOG_START }, (result) =>
    done(result.ok ? undefined : { ...result.failure }),
  );
  if (admission !== "accepted") done({ code: "io", message: "the log took no reset" });
}

/** Renames damaged generations; of those of earlier times none is kept. */
function setAside(ports: GroupPorts, names: readonly DirectoryEntry[], done: Outcome): void {
  const { disk, group } = ports;
  const folder = groupFolder(group);
  const steps: ((next: Outcome) => void)[] = [];
  for (const { name } of names) {
    if (!name.startsWith("damaged-")) continue;
    const path = `${folder}/${name}`;
    steps.push((next) => disk.remove(path, (removed) => next(failureOf(removed, path))));
  }
  for (const { name } of names) {
    if (numberInName("gen", name) === undefined) continue;
    const path = `${folder}/${name}`;
    const aside = `${folder}/damaged-${name}`;
    steps.push((next) => disk.rename(path, aside, (renamed) => next(failureOf(renamed, path))));
  }
  runSteps(steps, done);
}

/** Removes generations that were replaced; of later ones, only the newest may be half received. */
function removeOldGenerations(
  ports: GroupPorts,
  names: readonly DirectoryEntry[],
  current: number,
): void {
  const numbers = names.map((entry) => numberInName("gen", entry.name) ?? 0);
  const newest = Math.max(0, ...numbers);
  for (const number of numbers) {
    if (number === 0 || number === current || (number > current && number === newest)) continue;
    const path = generationFolder(ports.group, number);
    ports.disk.remove(path, () => undefined);
  }
}

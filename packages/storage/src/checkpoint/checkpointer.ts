/**
 * Copies the state machine's units and the entry map into page files and swaps the manifest, in turns.
 *
 * What must hold, in this order: the units are on disk; the log is durable at the checkpoint's index (a
 * state ahead of the log could name bodies that a crash takes away); the manifest that names them is
 * durable under its name. Only then are older files removed and is the log told that it is covered.
 *
 * A run without a source writes the entry map alone, for the index of the checkpoint that is there: it
 * makes room when bodies were moved and the state machine has nothing to say.
 */
import { assert, type Crc32, type LogIndex, must } from "@kqueuey/base";
import type { EntryMap } from "../bodies/entry-map.ts";
import type { Disk } from "../disk.ts";
import { FILE_HEADER_BYTES } from "../file-header.ts";
import {
  FileAppender,
  failureOf,
  type Outcome,
  renameDurably,
  runSteps,
  type SpaceReserve,
} from "../files.ts";
import type { CheckpointMeta, CheckpointSource, StoreDone, StoreFailure } from "../store-types.ts";
import type { Generation } from "./generation.ts";
import { encodeManifest, type ManifestFile } from "./manifest.ts";
import { PageWriter } from "./page-writer.ts";
import { UnitStream } from "./unit-stream.ts";
import { UnitDelta } from "./unit-table.ts";

/** Entries marked or let go in one turn. */
const ENTRIES_A_TURN = 2048;
/** Chunks of the entry map written in one turn: up to 336 KiB. */
const CHUNKS_A_TURN = 16;
/** Bytes copied out of page files with little alive in one checkpoint. */
const TIDY_BYTES_MAX = 64 * 1024 * 1024;
/** More page files than this are merged, the smallest first. */
const PAGE_FILES_MAX = 32;

/** What a checkpoint needs of its store. */
export interface CheckpointHost {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly reserve: SpaceReserve;
  readonly generation: Generation;
  readonly map: EntryMap;
  durableIndex(): LogIndex;
  /** Body segments, as far as they are synced. */
  bodySegments(): readonly ManifestFile[];
  /** A new manifest is durable. */
  published(meta: CheckpointMeta): void;
  /** Number of the newest read request, and whether all up to a number were answered. */
  lastRead(): number;
  maySettle(number: number): boolean;
  /** The store cannot go on. */
  failed(failure: StoreFailure): void;
}

type Phase = "units" | "gone" | "durable" | "map" | "tidy" | "finish" | "manifest" | "settle";

interface Run {
  readonly source: CheckpointSource | undefined;
  readonly meta: CheckpointMeta;
  readonly sequence: number;
  readonly writer: PageWriter;
  readonly machine: UnitDelta;
  readonly map: UnitDelta;
  /** Chunks of the entry map to write, once known, and how many of them were. */
  chunks: readonly number[] | undefined;
  chunksDone: number;
  done: StoreDone<CheckpointMeta> | undefined;
  phase: Phase;
  tidy: { readonly stream: UnitStream } | undefined;
  manifest: ManifestRun | undefined;
  /** Reads up to this one may still want an entry that the manifest left out. */
  lastRead: number;
}

interface ManifestRun {
  readonly slices: Generator<Uint8Array, void>;
  readonly files: readonly ManifestFile[];
  readonly appender: FileAppender;
}

export class Checkpointer {
  readonly #host: CheckpointHost;
  #run: Run | undefined;
  #busy = false;
  #stopped = false;
  #spent = 0;

  constructor(host: CheckpointHost) {
    this.#host = host;
  }

  get running(): boolean {
    return this.#run !== undefined;
  }

  /** The first manifest that surely says what the entry map says from now on. */
  get nextSequence(): number {
    const { sequence } = this.#host.generation;
    return this.#run === undefined ? sequence + 1 : this.#run.sequence + 1;
  }

  /** Begins a checkpoint of the state that `source` holds now; none may be running. */
  begin(source: CheckpointSource, meta: CheckpointMeta, done: StoreDone<CheckpointMeta>): void {
    const mode = this.#host.generation.meta === undefined ? "full" : "changed";
    source.beginCheckpoint(mode);
    this.#host.map.beginCheckpoint();
    if (mode === "full") this.#host.map.markAllDirty();
    this.#start(source, meta, done);
  }

  /** Writes the entry map anew, for the state that is durable. None may be running. */
  beginMaintenance(done: StoreDone<CheckpointMeta>): void {
    this.#start(undefined, must(this.#host.generation.meta, "there is a checkpoint"), done);
  }

  /** Bytes read and written since this was last asked. */
  takeSpent(): number {
    const spent = this.#spent;
    this.#spent = 0;
    return spent;
  }

  /** Does a turn's worth, about `bytesMax` bytes; true if the next turn can go on at once. */
  pump(bytesMax: number): boolean {
    const run = this.#run;
    if (run === undefined || this.#busy || this.#stopped) return false;
    switch (run.phase) {
      case "units":
        this.#copyUnits(run, bytesMax);
        break;
      case "gone":
        if (this.#host.map.markGone(ENTRIES_A_TURN)) run.phase = "durable";
        break;
      case "durable":
        // Entries have a place once they are durable.
        if (this.#host.durableIndex() < run.meta.index) return false;
        run.phase = "map";
        break;
      case "map":
        this.#copyMap(run);
        break;
      case "tidy":
        this.#copyLiving(run, bytesMax);
        break;
      case "finish":
        this.#step(run, (next) => run.writer.finish(next), "manifest");
        break;
      case "manifest":
        if (run.manifest === undefined) this.#beginManifest(run);
        else this.#writeManifest(run);
        break;
      case "settle":
        return this.#settle(run);
    }
    return this.#run !== undefined && !this.#busy;
  }

  /** Gives up what is running without a completion: the store was closed or replaced. */
  stop(): void {
    this.#stopped = true;
    const run = this.#run;
    // One that was published has ended for its source already; only its old entries are still let go.
    if (run !== undefined && run.phase !== "settle") run.source?.endCheckpoint(false);
    this.#run = undefined;
  }

  #start(
    source: CheckpointSource | undefined,
    meta: CheckpointMeta,
    done: StoreDone<CheckpointMeta>,
  ): void {
    assert(this.#run === undefined, "one checkpoint at a time");
    const { disk, crc32, reserve, generation } = this.#host;
    const { folder, group } = generation;
    const nextNumber = (): number => generation.takePageNumber();
    this.#run = {
      source,
      meta,
      sequence: generation.sequence + 1,
      writer: new PageWriter({ disk, crc32, reserve, folder, group, nextNumber }),
      machine: new UnitDelta(),
      map: new UnitDelta(),
      chunks: undefined,
      chunksDone: 0,
      done,
      phase: source === undefined ? "map" : "units",
      tidy: undefined,
      manifest: undefined,
      lastRead: 0,
    };
  }

  /** Runs one disk step and goes to `phase` when it succeeded. */
  #step(run: Run, step: (next: Outcome) => void, phase: Phase): void {
    this.#busy = true;
    step((failure) => {
      this.#busy = false;
      if (this.#run !== run || this.#stopped) return;
      if (failure === undefined) run.phase = phase;
      else this.#abort(run, failure);
    });
  }

  #flush(run: Run, phase: Phase): void {
    this.#spent += run.writer.queuedBytes;
    this.#step(run, (next) => run.writer.flush(next), phase);
  }

  #copyUnits(run: Run, bytesMax: number): void {
    const source = must(run.source, "units come from a source");
    const { units, removed, done } = source.nextCheckpointUnits(bytesMax);
    for (const unit of units) run.machine.set(unit.key, run.writer.add("machine", unit));
    for (const key of removed) run.machine.remove(key);
    this.#flush(run, done ? "gone" : "units");
  }

  /** Writes the chunks that were dirty when this phase began; what changes now is the next run's. */
  #copyMap(run: Run): void {
    const { map } = this.#host;
    run.chunks ??= map.takeDirty();
    const range = { upTo: run.meta.index, keepGone: run.source === undefined };
    const end = Math.min(run.chunks.length, run.chunksDone + CHUNKS_A_TURN);
    for (; run.chunksDone < end; run.chunksDone++) {
      const number = must(run.chunks[run.chunksDone], "a dirty chunk");
      const bytes = map.encodeChunk(number, range);
      if (bytes === undefined) run.map.remove(number);
      else run.map.set(number, run.writer.add("map", { key: number, bytes }));
    }
    const phase = end < run.chunks.length ? "map" : "tidy";
    this.#flush(run, phase);
  }

  /** Copies what is alive in page files that are mostly dead, so that they can go. */
  #copyLiving(run: Run, bytesMax: number): void {
    if (run.tidy === undefined) {
      const stream = this.#chooseTidy(run);
      if (stream === undefined) run.phase = "finish";
      else run.tidy = { stream };
      return;
    }
    const { stream } = run.tidy;
    this.#busy = true;
    stream.next(bytesMax, (read) => {
      this.#busy = false;
      if (this.#run !== run || this.#stopped) return;
      if (!read.ok) {
        this.#abort(run, read.failure);
        return;
      }
      for (const unit of read.value) {
        const delta = unit.kind === "machine" ? run.machine : run.map;
        if (!delta.hides(unit.key)) delta.set(unit.key, run.writer.copy(unit));
      }
      const phase = read.value.length === 0 ? "finish" : "tidy";
      this.#flush(run, phase);
    });
  }

  #chooseTidy(run: Run): UnitStream | undefined {
    const { disk, crc32, generation } = this.#host;
    const files = [...generation.liveWith(run.machine, run.map)]
      .filter(([, file]) => file.live > 0)
      .sort(([, a], [, b]) => a.live - b.live);
    const chosen = new Set<number>();
    let copied = 0;
    for (const [number, file] of files) {
      const sparse = file.live * 2 < file.bytes - FILE_HEADER_BYTES;
      const crowded = files.length - chosen.size > PAGE_FILES_MAX;
      if ((!sparse && !crowded) || copied + file.live > TIDY_BYTES_MAX) continue;
      copied += file.live;
      chosen.add(number);
    }
    if (chosen.size === 0) return undefined;
    const { folder, group, machineUnits, mapUnits } = generation;
    return UnitStream.of(
      { disk, crc32, folder, group },
      [
        { kind: "machine", table: machineUnits },
        { kind: "map", table: mapUnits },
      ],
      (file) => chosen.has(file),
    );
  }

  #beginManifest(run: Run): void {
    const { disk, crc32, reserve, generation } = this.#host;
    const files: ManifestFile[] = [];
    for (const [number, file] of generation.liveWith(run.machine, run.map)) {
      if (file.live > 0) files.push({ number, bytes: file.bytes });
    }
    files.push(...run.writer.files());
    const head = {
      sequence: run.sequence,
      meta: run.meta,
      pageFiles: files,
      bodySegments: this.#host.bodySegments(),
    };
    const slices = encodeManifest(
      generation.group,
      {
        head,
        units: [
          { table: generation.machineUnits, delta: run.machine },
          { table: generation.mapUnits, delta: run.map },
        ],
      },
      crc32,
    );
    const temporary = `${generation.manifestPath}.tmp`;
    const appender = new FileAppender(disk, temporary, reserve);
    run.manifest = { slices, files, appender };
    this.#step(
      run,
      (next) =>
        runSteps(
          [
            (then) => disk.remove(temporary, (removed) => then(failureOf(removed, temporary))),
            (then) => appender.create(then),
          ],
          next,
        ),
      "manifest",
    );
  }

  #writeManifest(run: Run): void {
    const { slices, appender } = must(run.manifest, "a manifest is being written");
    const slice = slices.next();
    if (!slice.done) {
      this.#spent += slice.value.length;
      this.#step(run, (next) => appender.write([slice.value], next), "manifest");
      return;
    }
    const { disk, generation } = this.#host;
    this.#busy = true;
    runSteps(
      [
        (next) => appender.sync(next),
        (next) => appender.close(next),
        (next) =>
          renameDurably(disk, { from: appender.path, to: generation.manifestPath }, (failure) =>
            next(final(failure)),
          ),
      ],
      (failure) => {
        this.#busy = false;
        if (this.#run !== run || this.#stopped) return;
        if (failure === undefined) this.#publish(run);
        else this.#abort(run, failure);
      },
    );
  }

  #publish(run: Run): void {
    const { disk, generation } = this.#host;
    const { files } = must(run.manifest, "a manifest was written");
    const { sequence, meta, machine, map } = run;
    generation.publish({ sequence, meta }, files, { machine, map });
    run.phase = "settle";
    run.lastRead = this.#host.lastRead();
    run.source?.endCheckpoint(true);
    this.#host.published(meta);
    generation.collect(disk);
    const done = run.done;
    run.done = undefined;
    done?.({ ok: true, value: meta });
  }

  /** Lets go of the entries that the new manifest left out, once nobody reads from them any more. */
  #settle(run: Run): boolean {
    if (run.source !== undefined) {
      if (!this.#host.maySettle(run.lastRead)) return false;
      if (!this.#host.map.settle(ENTRIES_A_TURN)) return true;
    }
    this.#run = undefined;
    return false;
  }

  /** A run that could not be finished leaves nothing behind; only a full disk lets the store go on. */
  #abort(run: Run, failure: StoreFailure): void {
    for (const number of run.chunks ?? []) this.#host.map.markDirty(number);
    if (failure.code !== "no-space") {
      this.#stopped = true;
      run.done?.({ ok: false, failure });
      this.#host.failed(failure);
      return;
    }
    this.#busy = true;
    const finish = (): void => {
      this.#busy = false;
      if (this.#run !== run || this.#stopped) return;
      this.#run = undefined;
      run.source?.endCheckpoint(false);
      run.done?.({ ok: false, failure });
    };
    const discardPages = (): void => run.writer.discard(finish);
    const closeTidy = (): void => {
      if (run.tidy === undefined) discardPages();
      else run.tidy.stream.close(discardPages);
    };
    if (run.manifest === undefined) closeTidy();
    else run.manifest.appender.discard(closeTidy);
  }
}

/** A rename that failed may have happened: whatever the disk said, the store cannot go on. */
function final(failure: StoreFailure | undefined): StoreFailure | undefined {
  return failure === undefined ? undefined : { code: "io", message: failure.message };
}

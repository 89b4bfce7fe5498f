/**
 * Small state machines over the `Disk` port that more than one part needs: whole files written so that
 * they are there entirely or not at all, files that only grow, reads that must be complete.
 */
import { assert, must } from "@kqueuey/base";
import type { Disk, DiskResult, FileHandle } from "./disk.ts";
import { damage, diskFailure, type StoreDone, type StoreFailure } from "./store-types.ts";

/** Something went wrong, or undefined. */
export type Outcome = (failure: StoreFailure | undefined) => void;

/** One step of a sequence of disk requests: told where to report. */
type Step = (next: Outcome) => void;

/** Runs `steps` one after another and stops at the first failure. */
export function runSteps(steps: readonly Step[], done: Outcome): void {
  let at = 0;
  const next: Outcome = (failure) => {
    const step = steps[at];
    if (failure !== undefined || step === undefined) {
      done(failure);
      return;
    }
    at += 1;
    step(next);
  };
  next(undefined);
}

/** The failure of a disk result, or undefined. */
export function failureOf(result: DiskResult<unknown>, path: string): StoreFailure | undefined {
  return result.ok ? undefined : diskFailure(result.error, path);
}

/** The folder of a path; "" for a name in the data directory itself. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/**
 * Where a full disk's last bytes come from. `giveUp` frees a reserve and calls back with true, or with
 * false when there is none to give.
 */
export interface SpaceReserve {
  giveUp(done: (freed: boolean) => void): void;
}

/** Puts `bytes` at `path`, replacing what is there: durable and whole when done, or not there at all. */
export function writeWholeFile(
  disk: Disk,
  file: { readonly path: string; readonly bytes: Uint8Array },
  done: Outcome,
): void {
  const temporary = `${file.path}.tmp`;
  const appender = new FileAppender(disk, temporary);
  runSteps(
    [
      (next) => disk.remove(temporary, (result) => next(failureOf(result, temporary))),
      (next) => appender.create(next),
      (next) => appender.write([file.bytes], next),
      (next) => appender.sync(next),
      (next) => appender.close(next),
      (next) => renameDurably(disk, { from: temporary, to: file.path }, next),
    ],
    (failure) => {
      if (failure === undefined) done(undefined);
      else appender.discard(() => done(failure));
    },
  );
}

/** Renames within one folder and syncs the folder. */
export function renameDurably(
  disk: Disk,
  names: { readonly from: string; readonly to: string },
  done: Outcome,
): void {
  const folder = folderOf(names.to);
  disk.rename(names.from, names.to, (renamed) => {
    if (!renamed.ok) done(diskFailure(renamed.error, names.to));
    else disk.syncDirectory(folder, (synced) => done(failureOf(synced, folder)));
  });
}

/** The whole file, or undefined if it is not there. */
export function readWholeFile(
  disk: Disk,
  path: string,
  done: StoreDone<Uint8Array | undefined>,
): void {
  disk.open(path, { mode: "read" }, (opened) => {
    if (!opened.ok) {
      if (opened.error.code === "not-found") done({ ok: true, value: undefined });
      else done({ ok: false, failure: diskFailure(opened.error, path) });
      return;
    }
    const file = opened.value;
    const finish: StoreDone<Uint8Array> = (result) => disk.close(file, () => done(result));
    disk.size(file, (size) => {
      if (!size.ok) finish({ ok: false, failure: diskFailure(size.error, path) });
      else readExactly(disk, { file, path, position: 0, length: size.value }, finish);
    });
  });
}

/** Exactly `length` bytes; a file that ends before is damaged. */
export function readExactly(
  disk: Disk,
  range: {
    readonly file: FileHandle;
    readonly path: string;
    readonly position: number;
    readonly length: number;
  },
  done: StoreDone<Uint8Array>,
): void {
  if (range.length === 0) {
    done({ ok: true, value: new Uint8Array(0) });
    return;
  }
  disk.read(range.file, range.position, range.length, (result) => {
    if (!result.ok) {
      done({ ok: false, failure: diskFailure(result.error, range.path) });
    } else if (result.value.length < range.length) {
      const end = range.position + result.value.length;
      done({ ok: false, failure: damage(range.path, `ends at ${end}, bytes are missing`) });
    } else {
      done({ ok: true, value: result.value });
    }
  });
}

/** Exactly `length` bytes of a file that is not open. */
export function readFileRange(
  disk: Disk,
  range: { readonly path: string; readonly position: number; readonly length: number },
  done: StoreDone<Uint8Array>,
): void {
  disk.open(range.path, { mode: "read" }, (opened) => {
    if (!opened.ok) {
      const missing = opened.error.code === "not-found";
      const failure = missing
        ? damage(range.path, "is missing")
        : diskFailure(opened.error, range.path);
      done({ ok: false, failure });
      return;
    }
    readExactly(disk, { ...range, file: opened.value }, (read) =>
      disk.close(opened.value, () => done(read)),
    );
  });
}

/** A new file that only grows; one request at a time. */
export class FileAppender {
  readonly path: string;
  readonly #disk: Disk;
  readonly #reserve: SpaceReserve | undefined;
  #handle: FileHandle | undefined;
  #length = 0;
  #busy = false;

  /** With a `reserve`, a write that finds the disk full is tried once more after it was given up. */
  constructor(disk: Disk, path: string, reserve?: SpaceReserve) {
    this.#disk = disk;
    this.path = path;
    this.#reserve = reserve;
  }

  /** Bytes written, those in flight included. */
  get length(): number {
    return this.#length;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** The open file, for reading what was written. */
  get handle(): FileHandle {
    return must(this.#handle, "the file was created");
  }

  create(done: Outcome): void {
    this.#begin();
    this.#disk.open(this.path, { mode: "create" }, (opened) => {
      this.#busy = false;
      if (opened.ok) this.#handle = opened.value;
      done(failureOf(opened, this.path));
    });
  }

  /** Appends the chunks. */
  write(chunks: readonly Uint8Array[], done: Outcome): void {
    this.#begin();
    const position = this.#length;
    for (const chunk of chunks) this.#length += chunk.length;
    this.#writeAt(position, chunks, (result) => {
      const reserve = this.#reserve;
      if (result.ok || result.error.code !== "no-space" || reserve === undefined) {
        this.#finish(result, done);
        return;
      }
      reserve.giveUp((freed) => {
        if (!freed) this.#finish(result, done);
        else this.#writeAt(position, chunks, (again) => this.#finish(again, done));
      });
    });
  }

  sync(done: Outcome): void {
    this.#begin();
    this.#disk.sync(this.handle, (result) => this.#finish(result, done));
  }

  /** Closes the file; a failure to close says nothing about synced bytes. */
  close(done: Outcome): void {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) done(undefined);
    else this.#disk.close(handle, () => done(undefined));
  }

  /** Closes and removes the file, whatever became of it. */
  discard(done: () => void): void {
    this.close(() => this.#disk.remove(this.path, () => done()));
  }

  #writeAt(
    position: number,
    chunks: readonly Uint8Array[],
    done: (result: DiskResult<undefined>) => void,
  ): void {
    this.#disk.write(this.handle, position, chunks, done);
  }

  #begin(): void {
    assert(!this.#busy, "one request at a time on a growing file");
    this.#busy = true;
  }

  #finish(result: DiskResult<undefined>, done: Outcome): void {
    this.#busy = false;
    done(failureOf(result, this.path));
  }
}

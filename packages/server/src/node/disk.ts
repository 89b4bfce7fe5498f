/**
 * The Disk port over `node:fs`, callbacks all the way: no promise between a write and its completion.
 *
 * Requests run on libuv's threads. Those on files opened as `urgent` (the log) start at once; all
 * others share a part of the threads, so that however much is read, checkpointed or filled with zeroes, a
 * sync of the log never waits for a thread.
 */
import fs from "node:fs";
import path from "node:path";
import { assert } from "@kqueuey/base";
import {
  assertDiskPath,
  type DirectoryEntry,
  type Disk,
  type DiskDone,
  type DiskError,
  type DiskResult,
  type FileHandle,
  type OpenOptions,
} from "@kqueuey/storage";
import { threadPoolSize } from "./thread-pool.ts";

/** Zeroes of `allocate` are written and synced in pieces of this size: a sync of all would hold up others. */
const FILL_BYTES = 4 * 1024 * 1024;
const FILL_CHUNK = new Uint8Array(256 * 1024);

interface OpenFile {
  readonly fd: number;
  readonly path: string;
  readonly options: OpenOptions;
  /** Requests under way; a close waits for them, or they would meet another file under the same number. */
  requests: number;
  closing: (() => void) | undefined;
}

export class NodeDisk implements Disk {
  readonly #root: string;
  readonly #open = new Map<FileHandle, OpenFile>();
  readonly #gate: Gate;
  #handles = 0;

  /** `root` is the data directory, which exists. `backgroundMax`: requests at a time that are not the log's. */
  constructor(root: string, backgroundMax: number = Math.max(1, threadPoolSize() - 2)) {
    this.#root = path.resolve(root);
    this.#gate = new Gate(backgroundMax);
  }

  open(name: string, options: OpenOptions, done: DiskDone<FileHandle>): void {
    const full = this.#file(name);
    this.#background(done, (answer) => {
      fs.open(full, flagsOf(options), 0o640, (error, fd) => {
        if (error !== null) {
          answer(failure(error));
          return;
        }
        this.#handles += 1;
        const handle = this.#handles as FileHandle;
        this.#open.set(handle, { fd, path: name, options, requests: 0, closing: undefined });
        answer({ ok: true, value: handle });
      });
    });
  }

  close(handle: FileHandle, done: DiskDone<undefined>): void {
    const file = this.#need(handle);
    this.#open.delete(handle);
    const close = (): void => {
      this.#background(done, (answer) => fs.close(file.fd, answerNothing(answer)));
    };
    if (file.requests === 0) close();
    else file.closing = close;
  }

  allocate(handle: FileHandle, bytes: number, done: DiskDone<undefined>): void {
    const file = this.#needWritable(handle);
    this.#onFile(file, done, (answer) => fillWithZeroes(file.fd, { from: 0, bytes }, answer));
  }

  write(
    handle: FileHandle,
    position: number,
    chunks: readonly Uint8Array[],
    done: DiskDone<undefined>,
  ): void {
    const file = this.#needWritable(handle);
    assert(position >= 0, "a write needs a position");
    this.#onFile(file, done, (answer) => writeAll(file.fd, { position, chunks }, answer));
  }

  sync(handle: FileHandle, done: DiskDone<undefined>): void {
    const file = this.#need(handle);
    this.#onFile(file, done, (answer) => fs.fdatasync(file.fd, answerNothing(answer)));
  }

  read(handle: FileHandle, position: number, length: number, done: DiskDone<Uint8Array>): void {
    const file = this.#need(handle);
    assert(position >= 0 && length >= 0, "a read needs a position and a length");
    this.#onFile(file, done, (answer) => {
      const memory = Buffer.allocUnsafeSlow(length);
      readAll(file.fd, { position, into: new Uint8Array(memory.buffer), filled: 0 }, answer);
    });
  }

  size(handle: FileHandle, done: DiskDone<number>): void {
    const file = this.#need(handle);
    this.#onFile(file, done, (answer) => {
      fs.fstat(file.fd, (error, stats) => {
        answer(error === null ? { ok: true, value: stats.size } : failure(error));
      });
    });
  }

  truncate(handle: FileHandle, bytes: number, done: DiskDone<undefined>): void {
    const file = this.#needWritable(handle);
    assert(bytes >= 0, "a file has no negative length");
    this.#onFile(file, done, (answer) => {
      fs.fstat(file.fd, (error, stats) => {
        if (error !== null) answer(failure(error));
        // It only shortens: a longer file would have a hole, which is no promise of space.
        else if (stats.size <= bytes) answer(DONE);
        else fs.ftruncate(file.fd, bytes, answerNothing(answer));
      });
    });
  }

  rename(from: string, to: string, done: DiskDone<undefined>): void {
    const source = this.#file(from);
    const target = this.#file(to);
    this.#background(done, (answer) => fs.rename(source, target, answerNothing(answer)));
  }

  remove(name: string, done: DiskDone<undefined>): void {
    const full = this.#file(name);
    this.#background(done, (answer) => {
      fs.rm(full, { recursive: true, force: true }, answerNothing(answer));
    });
  }

  makeDirectory(name: string, done: DiskDone<undefined>): void {
    const full = this.#directory(name);
    this.#background(done, (answer) => {
      fs.mkdir(full, { recursive: true, mode: 0o750 }, answerNothing(answer));
    });
  }

  list(name: string, done: DiskDone<readonly DirectoryEntry[]>): void {
    const full = this.#directory(name);
    this.#background(done, (answer) => {
      fs.readdir(full, { withFileTypes: true }, (error, entries) => {
        if (error === null) {
          const names = entries.filter((entry) => entry.isFile() || entry.isDirectory());
          statAll(full, { names, at: 0, found: [] }, answer);
        } else if (error.code === "ENOENT") answer({ ok: true, value: [] });
        else answer(failure(error));
      });
    });
  }

  freeBytes(done: DiskDone<number>): void {
    this.#background(done, (answer) => {
      fs.statfs(this.#root, (error, stats) => {
        if (error !== null) answer(failure(error));
        else answer({ ok: true, value: stats.bavail * stats.bsize });
      });
    });
  }

  syncDirectory(name: string, done: DiskDone<undefined>): void {
    const full = this.#directory(name);
    this.#background(done, (answer) => {
      fs.open(full, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY, (error, fd) => {
        if (error !== null) {
          answer(failure(error));
          return;
        }
        fs.fsync(fd, (syncError) => {
          fs.close(fd, () => answer(syncError === null ? DONE : failure(syncError)));
        });
      });
    });
  }

  #file(name: string): string {
    assertDiskPath(name, "file");
    return path.join(this.#root, name);
  }

  #directory(name: string): string {
    assertDiskPath(name, "directory");
    return path.join(this.#root, name);
  }

  #need(handle: FileHandle): OpenFile {
    const file = this.#open.get(handle);
    assert(file !== undefined, "the file is not open");
    return file;
  }

  #needWritable(handle: FileHandle): OpenFile {
    const file = this.#need(handle);
    assert(file.options.mode !== "read", "the file is open for reading only");
    return file;
  }

  #onFile<T>(file: OpenFile, done: DiskDone<T>, run: (answer: DiskDone<T>) => void): void {
    file.requests += 1;
    const finished: DiskDone<T> = (result) => {
      file.requests -= 1;
      if (file.requests === 0) file.closing?.();
      done(result);
    };
    if (file.options.urgent === true) run(finished);
    else this.#background(finished, run);
  }

  #background<T>(done: DiskDone<T>, run: (answer: DiskDone<T>) => void): void {
    this.#gate.enter((leave) => {
      run((result) => {
        leave();
        done(result);
      });
    });
  }
}

/** Lets a bounded number of tasks run at a time, the others in order after them. */
class Gate {
  readonly #max: number;
  #running = 0;
  readonly #waiting: ((leave: () => void) => void)[] = [];

  constructor(max: number) {
    assert(max >= 1, "a gate lets at least one through");
    this.#max = max;
  }

  enter(task: (leave: () => void) => void): void {
    if (this.#running === this.#max) {
      this.#waiting.push(task);
      return;
    }
    this.#running += 1;
    task(() => this.#leave());
  }

  #leave(): void {
    this.#running -= 1;
    const next = this.#waiting.shift();
    if (next !== undefined) this.enter(next);
  }
}

const DONE: DiskResult<undefined> = { ok: true, value: undefined };

function flagsOf(options: OpenOptions): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DSYNC } = fs.constants;
  // Without O_DSYNC (Windows) a synchronous file would be one in name only.
  assert(options.dsync !== true || O_DSYNC !== undefined, "this host has no O_DSYNC");
  const dsync = options.dsync === true ? O_DSYNC : 0;
  switch (options.mode) {
    case "read":
      return O_RDONLY;
    case "write":
      return O_RDWR | dsync;
    case "create":
      return O_RDWR | O_CREAT | O_EXCL | dsync;
  }
}

function failure<T>(error: NodeJS.ErrnoException): DiskResult<T> {
  return { ok: false, error: { code: codeOf(error), message: error.message } };
}

/** The host's codes that mean something to the store; every other one is `io`. */
const CODES: ReadonlyMap<string, DiskError["code"]> = new Map([
  ["ENOENT", "not-found"],
  ["EEXIST", "exists"],
  ["ENOTEMPTY", "exists"],
  ["EISDIR", "exists"],
  ["ENOTDIR", "exists"],
  ["ENOSPC", "no-space"],
  ["EDQUOT", "no-space"],
]);

function codeOf(error: NodeJS.ErrnoException): DiskError["code"] {
  return CODES.get(error.code ?? "") ?? "io";
}

function answerNothing(answer: DiskDone<undefined>): (error: NodeJS.ErrnoException | null) => void {
  return (error) => answer(error === null ? DONE : failure(error));
}

/** Writes every byte: the host may take fewer than asked for, for example when the disk fills up. */
function writeAll(
  fd: number,
  what: { readonly position: number; readonly chunks: readonly Uint8Array[] },
  answer: DiskDone<undefined>,
): void {
  const chunks = what.chunks.filter((chunk) => chunk.length > 0);
  if (chunks.length === 0) {
    setImmediate(answer, DONE);
    return;
  }
  fs.writev(fd, chunks, what.position, (error, written) => {
    if (error !== null) {
      answer(failure(error));
      return;
    }
    const rest = dropBytes(chunks, written);
    if (rest.length === 0) answer(DONE);
    else writeAll(fd, { position: what.position + written, chunks: rest }, answer);
  });
}

function dropBytes(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (left >= chunk.length) left -= chunk.length;
    else {
      rest.push(left === 0 ? chunk : chunk.subarray(left));
      left = 0;
    }
  }
  return rest;
}

function readAll(
  fd: number,
  what: { readonly position: number; readonly into: Uint8Array; readonly filled: number },
  answer: DiskDone<Uint8Array>,
): void {
  const { position, into, filled } = what;
  if (into.length === 0) {
    setImmediate(answer, { ok: true, value: into });
    return;
  }
  fs.read(fd, into, filled, into.length - filled, position + filled, (error, count) => {
    if (error !== null) answer(failure(error));
    else if (count === 0) answer({ ok: true, value: into.subarray(0, filled) });
    else if (filled + count === into.length) answer({ ok: true, value: into });
    else readAll(fd, { position, into, filled: filled + count }, answer);
  });
}

/** Zeroes, piece by piece, each on the disk before the next. The last sync includes the length. */
function fillWithZeroes(
  fd: number,
  range: { readonly from: number; readonly bytes: number },
  answer: DiskDone<undefined>,
): void {
  const { from, bytes } = range;
  if (from >= bytes) {
    fs.fsync(fd, answerNothing(answer));
    return;
  }
  const length = Math.min(FILL_BYTES, bytes - from);
  const chunks: Uint8Array[] = [];
  for (let left = length; left > 0; left -= FILL_CHUNK.length) {
    chunks.push(left >= FILL_CHUNK.length ? FILL_CHUNK : FILL_CHUNK.subarray(0, left));
  }
  writeAll(fd, { position: from, chunks }, (written) => {
    if (!written.ok) {
      answer(written);
      return;
    }
    fs.fdatasync(fd, (error) => {
      if (error === null) fillWithZeroes(fd, { from: from + length, bytes }, answer);
      else answer(failure(error));
    });
  });
}

/** Lengths of the files, one after another: a listing takes one thread, not all. */
function statAll(
  folder: string,
  state: { readonly names: readonly fs.Dirent[]; readonly at: number; found: DirectoryEntry[] },
  answer: DiskDone<readonly DirectoryEntry[]>,
): void {
  const { names, at, found } = state;
  const next = names[at];
  if (next === undefined) {
    answer({ ok: true, value: found.sort((a, b) => (a.name < b.name ? -1 : 1)) });
    return;
  }
  const { name } = next;
  if (next.isDirectory()) {
    found.push({ name, kind: "directory", bytes: 0 });
    statAll(folder, { names, at: at + 1, found }, answer);
    return;
  }
  fs.stat(path.join(folder, name), (error, stats) => {
    // A file that went since the listing is simply not there.
    if (error !== null && error.code !== "ENOENT") {
      answer(failure(error));
      return;
    }
    if (error === null) found.push({ name, kind: "file", bytes: stats.size });
    statAll(folder, { names, at: at + 1, found }, answer);
  });
}

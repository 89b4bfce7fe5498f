/**
 * A disk in memory for unit tests: first in, first out, no latency and no faults but those that a test
 * asks for. Completions come from `run` or `step`. (Crashes and torn writes are the simulator's disk's.)
 */
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
} from "../disk.ts";

interface MemoryFile {
  bytes: Uint8Array;
}

interface Open {
  readonly file: MemoryFile;
  readonly path: string;
  readonly writable: boolean;
}

/** The requests of a disk, for planning faults. */
export type DiskRequest = keyof Disk;

/** Decides over a request: an error to fail it with, undefined to let it be. */
export type FaultPlan = (request: DiskRequest, path: string) => DiskError | undefined;

export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryFile>();
  readonly #directories = new Set<string>([""]);
  readonly #open = new Map<FileHandle, Open>();
  readonly #queue: (() => void)[] = [];
  #handles = 0;

  /** Consulted when a request is carried out. */
  fault: FaultPlan | undefined;
  /** Space for new bytes; allocations and growing writes beyond it fail with `no-space`. */
  spaceBytes: number = Number.MAX_SAFE_INTEGER;

  /** Requests that wait. */
  get pending(): number {
    return this.#queue.length;
  }

  /** Carries out the oldest request and calls its completion; false when there is none. */
  step(): boolean {
    const task = this.#queue.shift();
    if (task === undefined) return false;
    task();
    return true;
  }

  /** Carries out everything, also what completions ask for. */
  run(): void {
    while (this.step());
  }

  /** Forgets every request that waits and every open file, as the end of the process does. */
  crash(): void {
    this.#queue.length = 0;
    this.#open.clear();
  }

  /** The bytes of a file, shared with it: tests look and damage. */
  contents(path: string): Uint8Array {
    const file = this.#files.get(path);
    assert(file !== undefined, `no file ${path}`);
    return file.bytes;
  }

  open(path: string, options: OpenOptions, done: DiskDone<FileHandle>): void {
    assertDiskPath(path, "file");
    this.#later("open", path, done, () => {
      let file = this.#files.get(path);
      if (options.mode === "create") {
        if (file !== undefined || this.#directories.has(path)) return failure("exists", path);
        if (!this.#directories.has(parentOf(path))) return failure("not-found", path);
        file = { bytes: new Uint8Array(0) };
        this.#files.set(path, file);
      }
      if (file === undefined) return failure("not-found", path);
      this.#handles += 1;
      const handle = this.#handles as FileHandle;
      this.#open.set(handle, { file, path, writable: options.mode !== "read" });
      return { ok: true, value: handle };
    });
  }

  close(handle: FileHandle, done: DiskDone<undefined>): void {
    const open = this.#need(handle);
    this.#open.delete(handle);
    this.#later("close", open.path, done, () => DONE);
  }

  allocate(handle: FileHandle, bytes: number, done: DiskDone<undefined>): void {
    const open = this.#need(handle);
    this.#later("allocate", open.path, done, () => {
      const grown = this.#grow(open.file, bytes);
      if (grown !== undefined) return grown;
      open.file.bytes.fill(0, 0, bytes);
      return DONE;
    });
  }

  write(
    handle: FileHandle,
    position: number,
    chunks: readonly Uint8Array[],
    done: DiskDone<undefined>,
  ): void {
    const open = this.#need(handle);
    assert(open.writable && position >= 0, "a write needs a writable file and a position");
    this.#later("write", open.path, done, () => {
      let end = position;
      for (const chunk of chunks) end += chunk.length;
      const grown = this.#grow(open.file, end);
      if (grown !== undefined) return grown;
      let at = position;
      for (const chunk of chunks) {
        open.file.bytes.set(chunk, at);
        at += chunk.length;
      }
      return DONE;
    });
  }

  sync(handle: FileHandle, done: DiskDone<undefined>): void {
    this.#later("sync", this.#need(handle).path, done, () => DONE);
  }

  read(handle: FileHandle, position: number, length: number, done: DiskDone<Uint8Array>): void {
    const open = this.#need(handle);
    assert(position >= 0 && length >= 0, "a read needs a position and a length");
    this.#later("read", open.path, done, () => ({
      ok: true,
      value: open.file.bytes.slice(position, position + length),
    }));
  }

  size(handle: FileHandle, done: DiskDone<number>): void {
    const open = this.#need(handle);
    this.#later("size", open.path, done, () => ({ ok: true, value: open.file.bytes.length }));
  }

  truncate(handle: FileHandle, bytes: number, done: DiskDone<undefined>): void {
    const open = this.#need(handle);
    assert(open.writable, "a truncation needs a writable file");
    this.#later("truncate", open.path, done, () => {
      open.file.bytes = open.file.bytes.slice(0, bytes);
      return DONE;
    });
  }

  rename(from: string, to: string, done: DiskDone<undefined>): void {
    assertDiskPath(from, "file");
    assertDiskPath(to, "file");
    this.#later("rename", from, done, () => {
      if (!this.#directories.has(parentOf(to))) return failure("not-found", to);
      const file = this.#files.get(from);
      if (file !== undefined) {
        this.#files.delete(from);
        this.#files.set(to, file);
        return DONE;
      }
      if (!this.#directories.has(from)) return failure("not-found", from);
      if (this.#children(to).length > 0) return failure("exists", to);
      this.#moveDirectory(from, to);
      return DONE;
    });
  }

  remove(path: string, done: DiskDone<undefined>): void {
    assertDiskPath(path, "file");
    this.#later("remove", path, done, () => {
      const inside = `${path}/`;
      for (const name of [...this.#files.keys()]) {
        if (name !== path && !name.startsWith(inside)) continue;
        this.spaceBytes += this.#files.get(name)?.bytes.length ?? 0;
        this.#files.delete(name);
      }
      for (const name of [...this.#directories]) {
        if (name === path || name.startsWith(inside)) this.#directories.delete(name);
      }
      return DONE;
    });
  }

  makeDirectory(path: string, done: DiskDone<undefined>): void {
    assertDiskPath(path, "directory");
    this.#later("makeDirectory", path, done, () => {
      for (let at = path; at !== ""; at = parentOf(at)) {
        if (this.#files.has(at)) return failure("exists", at);
        this.#directories.add(at);
      }
      return DONE;
    });
  }

  list(path: string, done: DiskDone<readonly DirectoryEntry[]>): void {
    assertDiskPath(path, "directory");
    this.#later("list", path, done, () => ({ ok: true, value: this.#children(path) }));
  }

  freeBytes(done: DiskDone<number>): void {
    this.#later("freeBytes", "", done, () => ({ ok: true, value: this.spaceBytes }));
  }

  syncDirectory(path: string, done: DiskDone<undefined>): void {
    assertDiskPath(path, "directory");
    this.#later("syncDirectory", path, done, () =>
      this.#directories.has(path) ? DONE : failure("not-found", path),
    );
  }

  #later<T>(
    request: DiskRequest,
    path: string,
    done: DiskDone<T>,
    carryOut: () => DiskResult<T>,
  ): void {
    this.#queue.push(() => {
      const error = this.fault?.(request, path);
      done(error === undefined ? carryOut() : { ok: false, error });
    });
  }

  #need(handle: FileHandle): Open {
    const open = this.#open.get(handle);
    assert(open !== undefined, "the file is not open");
    return open;
  }

  #grow(file: MemoryFile, bytes: number): DiskResult<undefined> | undefined {
    const more = bytes - file.bytes.length;
    if (more <= 0) return undefined;
    if (more > this.spaceBytes) return failure("no-space", "memory disk");
    this.spaceBytes -= more;
    const grown = new Uint8Array(bytes);
    grown.set(file.bytes);
    file.bytes = grown;
    return undefined;
  }

  #moveDirectory(from: string, to: string): void {
    const inside = `${from}/`;
    for (const [name, file] of [...this.#files]) {
      if (!name.startsWith(inside)) continue;
      this.#files.delete(name);
      this.#files.set(to + name.slice(from.length), file);
    }
    for (const name of [...this.#directories]) {
      if (name !== from && !name.startsWith(inside)) continue;
      this.#directories.delete(name);
      this.#directories.add(to + name.slice(from.length));
    }
  }

  #children(path: string): DirectoryEntry[] {
    const entries: DirectoryEntry[] = [];
    for (const [name, file] of this.#files) {
      if (parentOf(name) !== path) continue;
      entries.push({ name: baseOf(name), kind: "file", bytes: file.bytes.length });
    }
    for (const name of this.#directories) {
      if (name === "" || parentOf(name) !== path) continue;
      entries.push({ name: baseOf(name), kind: "directory", bytes: 0 });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

const DONE: DiskResult<undefined> = { ok: true, value: undefined };

function failure<T>(code: DiskError["code"], message: string): DiskResult<T> {
  return { ok: false, error: { code, message } };
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

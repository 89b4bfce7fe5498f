/**
 * The disk as a port: requests out, completions in. Every implementation (Node's, the simulator's)
 * passes the contract suite in `testing/`.
 *
 * Rules that the state machines above rely on:
 * - A completion is never called from inside the request that it answers, and exactly once.
 * - Requests on one file complete in any order unless the caller waits; callers that need an order wait.
 * - Bytes of a `write` are on stable storage when it completes only if the file was opened with
 *   `dsync`, or a later `sync` of the same file completes. A created, renamed or removed name is
 *   stable only after `syncDirectory` of its folder.
 * - The caller keeps the bytes it writes unchanged until the completion.
 * - Paths are relative to the node's data directory, `/`-separated, without `.` and `..`.
 * - An open file stays usable when its name is changed or removed.
 * - A closed handle, a negative position and an impossible path are programmer errors: they throw.
 */
import { assert, type Brand } from "@kqueuey/base";

/** An open file. Never reused within one run. */
export type FileHandle = Brand<number, "FileHandle">;

/** Why a request failed. `io` covers everything that is neither of the others: stop, do not retry. */
export interface DiskError {
  readonly code: "not-found" | "exists" | "no-space" | "io";
  /** The host's own words, for the log. */
  readonly message: string;
}

export type DiskResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: DiskError };

export type DiskDone<T> = (result: DiskResult<T>) => void;

/** One name in a folder. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory";
  /** Length in bytes; 0 for a directory. */
  readonly bytes: number;
}

export interface OpenOptions {
  /** `read`: must exist. `write`: must exist, read and write. `create`: must not exist, read and write. */
  readonly mode: "read" | "write" | "create";
  /** Every write is stable when it completes (O_DSYNC). */
  readonly dsync?: boolean;
  /** Requests on it go before everything else's: the log's active segment. */
  readonly urgent?: boolean;
}

export interface Disk {
  open(path: string, options: OpenOptions, done: DiskDone<FileHandle>): void;
  close(file: FileHandle, done: DiskDone<undefined>): void;
  /** Fills `0 … bytes` with zeroes, really written, and syncs: later writes inside change no metadata. */
  allocate(file: FileHandle, bytes: number, done: DiskDone<undefined>): void;
  /** Writes all chunks one after another from `position` (one positional `writev`). */
  write(
    file: FileHandle,
    position: number,
    chunks: readonly Uint8Array[],
    done: DiskDone<undefined>,
  ): void;
  /** Makes everything written to the file stable (fdatasync). */
  sync(file: FileHandle, done: DiskDone<undefined>): void;
  /** Up to `length` bytes from `position`; fewer at the end of the file. The bytes are the caller's. */
  read(file: FileHandle, position: number, length: number, done: DiskDone<Uint8Array>): void;
  /** The file's length in bytes. */
  size(file: FileHandle, done: DiskDone<number>): void;
  /** Shortens the file to `bytes`. */
  truncate(file: FileHandle, bytes: number, done: DiskDone<undefined>): void;
  /** Replaces `to` if it exists. Both in this data directory. */
  rename(from: string, to: string, done: DiskDone<undefined>): void;
  /** Removes a file, or a folder with everything in it. Missing is not an error. */
  remove(path: string, done: DiskDone<undefined>): void;
  /** Makes the folder and its parents. Existing is not an error. */
  makeDirectory(path: string, done: DiskDone<undefined>): void;
  /** Names in a folder, sorted; a missing folder is empty. */
  list(path: string, done: DiskDone<readonly DirectoryEntry[]>): void;
  /** Bytes that could still be written, as far as the host knows. A hint, not a promise. */
  freeBytes(done: DiskDone<number>): void;
  /** Makes names made, renamed or removed in the folder stable. "" is the data directory itself. */
  syncDirectory(path: string, done: DiskDone<undefined>): void;
}

/**
 * Stops at a path that could leave the data directory: empty parts, `.`, `..`, a leading `/`, a
 * backslash or a NUL. Implementations call it first; "" (the data directory) is for folders only.
 */
export function assertDiskPath(path: string, kind: "file" | "directory"): void {
  if (path === "") {
    assert(kind === "directory", "a file needs a name");
    return;
  }
  for (const part of path.split("/")) {
    const plain = part !== "" && part !== "." && part !== "..";
    assert(plain && !part.includes("\\") && !part.includes("\0"), "path leaves the data directory");
  }
}

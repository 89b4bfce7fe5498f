/** Segment files opened for reading: a bounded number, the least recently used closed first. */
import { assert, must } from "@kqueuey/base";
import type { Disk, DiskDone, DiskResult, FileHandle } from "../disk.ts";
import { segmentPath } from "./segments.ts";
import type { SegmentId, WalConfig } from "./types.ts";

interface Open {
  /** Undefined while it is being opened. */
  handle: FileHandle | undefined;
  users: number;
  readonly waiting: DiskDone<FileHandle>[];
}

export class SegmentFiles {
  readonly #disk: Disk;
  readonly #config: WalConfig;
  /** In order of last use. */
  readonly #open = new Map<SegmentId, Open>();

  constructor(disk: Disk, config: WalConfig) {
    this.#disk = disk;
    this.#config = config;
  }

  /** Reads from the segment's file; fewer bytes at its end. */
  read(
    range: { readonly segment: SegmentId; readonly position: number; readonly length: number },
    done: DiskDone<Uint8Array>,
  ): void {
    const { segment, position, length } = range;
    this.#acquire(segment, (opened) => {
      if (!opened.ok) {
        done(opened);
        return;
      }
      this.#disk.read(opened.value, position, length, (result) => {
        this.#release(segment);
        done(result);
      });
    });
  }

  /** Closes the segment's file, which nobody uses. */
  forget(segment: SegmentId): void {
    const open = this.#open.get(segment);
    if (open === undefined) return;
    assert(open.users === 0, "the file is in use");
    this.#close(segment, open);
  }

  /** Closes every file, which nobody uses. */
  close(): void {
    for (const segment of [...this.#open.keys()]) this.forget(segment);
  }

  #acquire(segment: SegmentId, done: DiskDone<FileHandle>): void {
    const known = this.#open.get(segment);
    if (known === undefined) {
      this.#openFile(segment, done);
      return;
    }
    this.#open.delete(segment);
    this.#open.set(segment, known);
    known.users += 1;
    if (known.handle === undefined) known.waiting.push(done);
    else done({ ok: true, value: known.handle });
  }

  #openFile(segment: SegmentId, done: DiskDone<FileHandle>): void {
    const open: Open = { handle: undefined, users: 1, waiting: [done] };
    this.#open.set(segment, open);
    this.#closeIdle();
    const path = segmentPath(this.#config.directory, segment);
    this.#disk.open(path, { mode: "read" }, (result: DiskResult<FileHandle>) => {
      if (result.ok) open.handle = result.value;
      else this.#open.delete(segment);
      for (const waiting of open.waiting.splice(0)) waiting(result);
    });
  }

  #release(segment: SegmentId): void {
    const open = must(this.#open.get(segment), "a file in use is open");
    open.users -= 1;
    assert(open.users >= 0, "released more often than acquired");
    this.#closeIdle();
  }

  /** Over the bound only while that many are in use at once. */
  #closeIdle(): void {
    for (const [segment, open] of this.#open) {
      if (this.#open.size <= this.#config.openFilesMax) return;
      if (open.users === 0) this.#close(segment, open);
    }
  }

  #close(segment: SegmentId, open: Open): void {
    this.#open.delete(segment);
    const handle = must(open.handle, "an unused file is open");
    // Nothing was written through it: a failing close loses nothing.
    this.#disk.close(handle, () => undefined);
  }
}

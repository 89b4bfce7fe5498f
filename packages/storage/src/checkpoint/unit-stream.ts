/** Reads units of page files, each file from its beginning on, some hundred KiB at a time, checked. */
import { type Crc32, type GroupId, must } from "@kqueuey/base";
import type { Disk, FileHandle } from "../disk.ts";
import { checkFileHeader, FILE_HEADER_BYTES, numberedName } from "../file-header.ts";
import { readExactly } from "../files.ts";
import { damage, diskFailure, type StoreDone, type StoreFailure } from "../store-types.ts";
import { checkUnitRecord, type UnitKind } from "./pages.ts";
import type { UnitPlace, UnitRows } from "./unit-table.ts";

export interface StreamedUnit {
  readonly kind: UnitKind;
  readonly key: number;
  readonly bytes: Uint8Array;
  /** The whole record, to be copied as it is. */
  readonly record: Uint8Array;
  readonly crc: number;
}

interface Wanted {
  readonly kind: UnitKind;
  readonly key: number;
  readonly place: UnitPlace;
}

/** Where page files are and how they are checked. */
export interface PageFolder {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly folder: string;
  readonly group: GroupId;
}

export class UnitStream {
  readonly #pages: PageFolder;
  readonly #wanted: Wanted[];
  #at = 0;
  #file: { readonly number: number; readonly handle: FileHandle } | undefined;

  private constructor(pages: PageFolder, wanted: Wanted[]) {
    // The newest file first: what changes with every checkpoint, as a queue does, is wanted before what lies still.
    wanted.sort((a, b) => b.place.file - a.place.file || a.place.position - b.place.position);
    this.#pages = pages;
    this.#wanted = wanted;
  }

  /** All units of `tables`, or those in page files that `inFile` accepts. */
  static of(
    pages: PageFolder,
    tables: readonly { readonly kind: UnitKind; readonly table: UnitRows }[],
    inFile: (file: number) => boolean = () => true,
  ): UnitStream {
    const wanted: Wanted[] = [];
    for (const { kind, table } of tables) {
      for (let row = 0; row < table.size; row++) {
        if (!inFile(table.fileAt(row))) continue;
        wanted.push({ kind, key: table.keyAt(row), place: table.placeAt(row) });
      }
    }
    return new UnitStream(pages, wanted);
  }

  /** The next units, about `bytesMax` bytes and at least one; none when all were read. One call at a time. */
  next(bytesMax: number, done: StoreDone<readonly StreamedUnit[]>): void {
    const first = this.#wanted[this.#at];
    if (first === undefined) {
      this.close(() => done({ ok: true, value: [] }));
      return;
    }
    this.#open(first.place.file, (opened) => {
      if (!opened.ok) this.#fail(opened.failure, done);
      else this.#readRun(opened.value, bytesMax, done);
    });
  }

  /** Lets go of the open file: for a stream that is given up early. */
  close(done: () => void): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) done();
    else this.#pages.disk.close(file.handle, () => done());
  }

  #fail(failure: StoreFailure, done: StoreDone<readonly StreamedUnit[]>): void {
    this.close(() => done({ ok: false, failure }));
  }

  #path(file: number): string {
    return `${this.#pages.folder}/${numberedName("pages", file)}`;
  }

  #open(number: number, done: StoreDone<FileHandle>): void {
    if (this.#file?.number === number) {
      done({ ok: true, value: this.#file.handle });
      return;
    }
    this.close(() => {
      const path = this.#path(number);
      this.#pages.disk.open(path, { mode: "read" }, (opened) => {
        if (!opened.ok) {
          const missing = opened.error.code === "not-found";
          const failure = missing ? damage(path, "is missing") : diskFailure(opened.error, path);
          done({ ok: false, failure });
          return;
        }
        this.#file = { number, handle: opened.value };
        this.#checkHeader(number, opened.value, done);
      });
    });
  }

  #checkHeader(number: number, handle: FileHandle, done: StoreDone<FileHandle>): void {
    const { disk, crc32, group } = this.#pages;
    const path = this.#path(number);
    const range = { file: handle, path, position: 0, length: FILE_HEADER_BYTES };
    readExactly(disk, range, (read) => {
      if (!read.ok) {
        done(read);
        return;
      }
      const wrong = checkFileHeader(read.value, { kind: "pages", group, number }, crc32);
      if (wrong !== undefined) done({ ok: false, failure: damage(path, wrong) });
      else done({ ok: true, value: handle });
    });
  }

  /** Reads from the next wanted unit as far as the window goes; dead records between are read over. */
  #readRun(file: FileHandle, bytesMax: number, done: StoreDone<readonly StreamedUnit[]>): void {
    const first = must(this.#wanted[this.#at], "a wanted unit");
    const start = first.place.position;
    let end = start + first.place.length;
    let count = 1;
    for (;;) {
      const next = this.#wanted[this.#at + count];
      if (next === undefined || next.place.file !== first.place.file) break;
      const nextEnd = next.place.position + next.place.length;
      if (nextEnd - start > bytesMax) break;
      end = Math.max(end, nextEnd);
      count += 1;
    }
    const path = this.#path(first.place.file);
    const range = { file, path, position: start, length: end - start };
    readExactly(this.#pages.disk, range, (read) => {
      if (!read.ok) {
        this.#fail(read.failure, done);
        return;
      }
      const units: StreamedUnit[] = [];
      for (let i = 0; i < count; i++) {
        const unit = this.#cut(
          must(this.#wanted[this.#at + i], "a wanted unit"),
          start,
          read.value,
        );
        if (unit === undefined) {
          const at = this.#wanted[this.#at + i]?.place.position;
          this.#fail(damage(path, `the unit at ${at} is damaged`), done);
          return;
        }
        units.push(unit);
      }
      this.#at += count;
      done({ ok: true, value: units });
    });
  }

  #cut(wanted: Wanted, start: number, window: Uint8Array): StreamedUnit | undefined {
    const { kind, key, place } = wanted;
    const from = place.position - start;
    const record = window.subarray(from, from + place.length);
    const bytes = checkUnitRecord(record, { kind, key, crc: place.crc }, this.#pages.crc32);
    return bytes === undefined ? undefined : { kind, key, bytes, record, crc: place.crc };
  }
}

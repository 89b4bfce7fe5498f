/**
 * Writes the records of one checkpoint into new page files: one write at a time, synced every few MiB so
 * that no sync ever has much to do.
 */
import type { Crc32, GroupId } from "@kqueuey/base";
import type { Disk } from "../disk.ts";
import { encodeFileHeader, numberedName } from "../file-header.ts";
import { FileAppender, failureOf, type Outcome, runSteps, type SpaceReserve } from "../files.ts";
import type { CheckpointUnit } from "../store-types.ts";
import type { ManifestFile } from "./manifest.ts";
import { encodeUnitRecord, PAGE_FILE_BYTES_MAX, type UnitKind } from "./pages.ts";
import type { StreamedUnit } from "./unit-stream.ts";
import type { UnitPlace } from "./unit-table.ts";

/** Bytes written between two syncs. */
const SYNC_BYTES = 4 * 1024 * 1024;

export interface PageWriterPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly reserve: SpaceReserve;
  readonly folder: string;
  readonly group: GroupId;
  /** A number that no page file of this folder ever had. */
  readonly nextNumber: () => number;
}

export class PageWriter {
  readonly #ports: PageWriterPorts;
  readonly #finished: ManifestFile[] = [];
  #file: { readonly number: number; readonly appender: FileAppender } | undefined;
  #chunks: Uint8Array[] = [];
  /** Length of the open file once the queued chunks are in it. */
  #position = 0;
  #unsynced = 0;

  constructor(ports: PageWriterPorts) {
    this.#ports = ports;
  }

  /** Bytes queued since the last `flush`. */
  get queuedBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Queues a unit and says where it will be. Its bytes are written as they are. */
  add(kind: UnitKind, unit: CheckpointUnit): UnitPlace {
    const record = encodeUnitRecord(kind, unit, this.#ports.crc32);
    this.#chunks.push(record.header, unit.bytes);
    return this.#placed(record.length, record.crc);
  }

  /** Queues a record that was read from another page file. */
  copy(unit: StreamedUnit): UnitPlace {
    this.#chunks.push(unit.record);
    return this.#placed(unit.record.length, unit.crc);
  }

  /** Writes what was queued; syncs when enough has gathered. */
  flush(done: Outcome): void {
    const chunks = this.#chunks;
    const file = this.#file;
    if (file === undefined || chunks.length === 0) {
      done(undefined);
      return;
    }
    this.#chunks = [];
    const before = file.appender.length;
    runSteps(
      [
        (next) => (before === 0 ? file.appender.create(next) : next(undefined)),
        (next) => file.appender.write(chunks, next),
        (next) => {
          this.#unsynced += file.appender.length - before;
          const full = file.appender.length >= PAGE_FILE_BYTES_MAX;
          if (full) this.#finishFile(next);
          else if (this.#unsynced < SYNC_BYTES) next(undefined);
          else this.#sync(file.appender, next);
        },
      ],
      done,
    );
  }

  /** Everything queued is durable under its name; `files` then lists it. */
  finish(done: Outcome): void {
    const folder = this.#ports.folder;
    runSteps(
      [
        (next) => this.flush(next),
        (next) => this.#finishFile(next),
        (next) =>
          this.#ports.disk.syncDirectory(folder, (synced) => next(failureOf(synced, folder))),
      ],
      done,
    );
  }

  /** The files written, once finished. */
  files(): readonly ManifestFile[] {
    return this.#finished;
  }

  /** Removes everything that was written. */
  discard(done: () => void): void {
    const open = this.#file;
    this.#file = undefined;
    this.#chunks = [];
    const paths = this.#finished.map((file) => this.#path(file.number));
    const removeNext = (): void => {
      const path = paths.pop();
      if (path === undefined) done();
      else this.#ports.disk.remove(path, removeNext);
    };
    if (open === undefined) removeNext();
    else open.appender.discard(removeNext);
  }

  #placed(length: number, crc: number): UnitPlace {
    const file = this.#openFile();
    const position = this.#position;
    this.#position += length;
    return { file, position, length, crc };
  }

  /** The number of the file that takes the record just queued. */
  #openFile(): number {
    if (this.#file !== undefined) return this.#file.number;
    const { disk, crc32, reserve, group } = this.#ports;
    const number = this.#ports.nextNumber();
    const header = encodeFileHeader({ kind: "pages", group, number }, crc32);
    this.#chunks.unshift(header);
    this.#position = header.length;
    const appender = new FileAppender(disk, this.#path(number), reserve);
    this.#file = { number, appender };
    return number;
  }

  #sync(appender: FileAppender, done: Outcome): void {
    appender.sync((failure) => {
      this.#unsynced = 0;
      done(failure);
    });
  }

  #finishFile(done: Outcome): void {
    const file = this.#file;
    if (file === undefined) {
      done(undefined);
      return;
    }
    const bytes = file.appender.length;
    runSteps(
      [(next) => this.#sync(file.appender, next), (next) => file.appender.close(next)],
      (failure) => {
        if (failure === undefined) {
          this.#file = undefined;
          this.#finished.push({ number: file.number, bytes });
        }
        done(failure);
      },
    );
  }

  #path(number: number): string {
    return `${this.#ports.folder}/${numberedName("pages", number)}`;
  }
}

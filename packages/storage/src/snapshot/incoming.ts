/**
 * A snapshot on its way in: its root in a new generation's folder, beside the files it describes, which
 * fill up piece by piece. Nothing says which pieces are here but the pieces themselves: whoever goes on
 * after a restart reads and compares.
 */
import { assert, equalBytes } from "@kqueuey/base";
import { generationFolder, groupFolder } from "../checkpoint/generation.ts";
import type { FileHandle } from "../disk.ts";
import { failureOf, type Outcome, readFileRange, runSteps, writeWholeFile } from "../files.ts";
import type { GroupPorts } from "../group-ports.ts";
import { diskFailure, type StoreDone, type StoreFailure } from "../store-types.ts";
import {
  DIGEST_BYTES,
  PieceList,
  type SnapshotFile,
  type SnapshotRoot,
  snapshotFileName,
} from "./root.ts";

/** Pieces that may wait to be written. */
const WAITING_MAX = 64;

interface Write {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly done: StoreDone<{ readonly accepted: boolean }>;
}

export class IncomingSnapshot {
  readonly root: SnapshotRoot;
  readonly id: Uint8Array;
  readonly pieces: PieceList;
  /** The generation that it will be. */
  readonly generation: number;
  readonly folder: string;
  readonly #ports: GroupPorts;
  readonly #rootBytes: Uint8Array;
  readonly #here: Uint8Array;
  #missing: number;
  #file: { readonly file: SnapshotFile; readonly handle: FileHandle } | undefined;
  #writes: Write[] = [];
  #writing = false;
  #aborted = false;

  constructor(
    ports: GroupPorts,
    snapshot: { readonly root: SnapshotRoot; readonly rootBytes: Uint8Array },
    generation: number,
  ) {
    this.root = snapshot.root;
    this.id = snapshotId(ports, snapshot.rootBytes);
    this.pieces = new PieceList(snapshot.root);
    this.generation = generation;
    this.folder = generationFolder(ports.group, generation);
    this.#ports = ports;
    this.#rootBytes = snapshot.rootBytes;
    this.#here = new Uint8Array(this.pieces.count);
    this.#missing = this.pieces.count;
  }

  get missing(): number {
    return this.#missing;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  nextMissing(from: number): number | undefined {
    const at = this.#here.indexOf(0, from);
    return at < 0 ? undefined : at;
  }

  /** Makes the folder and its files. */
  create(done: Outcome): void {
    const { disk, group } = this.#ports;
    const folder = this.folder;
    const make = (file: SnapshotFile) => (next: Outcome) => {
      const path = this.#path(file);
      disk.open(path, { mode: "create" }, (opened) => {
        if (!opened.ok) next(diskFailure(opened.error, path));
        else disk.close(opened.value, () => next(undefined));
      });
    };
    runSteps(
      [
        (next) => disk.remove(folder, (removed) => next(failureOf(removed, folder))),
        (next) => disk.makeDirectory(folder, (made) => next(failureOf(made, folder))),
        ...this.root.files.map(make),
        (next) =>
          writeWholeFile(disk, { path: `${folder}/snapshot`, bytes: this.#rootBytes }, next),
        (next) =>
          disk.syncDirectory(groupFolder(group), (synced) => next(failureOf(synced, folder))),
      ],
      done,
    );
  }

  /** Counts the pieces that are on the disk as they should be: after a restart. */
  verify(done: () => void): void {
    const next = (number: number): void => {
      if (number === this.pieces.count || this.#aborted) {
        done();
        return;
      }
      const { file, position, length } = this.pieces.place(number);
      const range = { path: this.#path(file), position, length };
      readFileRange(this.#ports.disk, range, (read) => {
        if (read.ok && this.#matches(number, read.value)) this.#mark(number);
        next(number + 1);
      });
    };
    next(0);
  }

  /** Takes the pieces that an older snapshot's folder has already. */
  adoptFrom(older: IncomingSnapshot, done: () => void): void {
    const known = new Map<string, number>();
    for (let number = 0; number < older.pieces.count; number++) {
      known.set(keyOf(older.pieces.digest(number)), number);
    }
    const adopt = (from: number): void => {
      // Pieces without a match are passed over in a loop, not in a recursion as deep as the snapshot.
      let number = from;
      let match: number | undefined;
      for (; number < this.pieces.count; number++) {
        match = known.get(keyOf(this.pieces.digest(number)));
        if (match !== undefined) break;
      }
      if (match === undefined || this.#aborted) {
        done();
        return;
      }
      const { file, position, length } = older.pieces.place(match);
      const path = `${older.folder}/${snapshotFileName(file)}`;
      readFileRange(this.#ports.disk, { path, position, length }, (read) => {
        if (!read.ok) adopt(number + 1);
        else this.accept(number, read.value, () => adopt(number + 1));
      });
    };
    adopt(0);
  }

  accept(number: number, bytes: Uint8Array, done: StoreDone<{ readonly accepted: boolean }>): void {
    assert(number >= 0 && number < this.pieces.count, "a piece of the snapshot");
    assert(this.#writes.length < WAITING_MAX, "no more than 64 pieces wait to be written");
    if (this.#aborted) {
      done({ ok: false, failure: ABORTED });
    } else if (this.#here[number] === 1) {
      done({ ok: true, value: { accepted: true } });
    } else if (!this.#matches(number, bytes)) {
      done({ ok: true, value: { accepted: false } });
    } else {
      this.#writes.push({ number, bytes, done });
      this.#writeNext();
    }
  }

  /** With every piece here: makes all of it durable. */
  finish(done: Outcome): void {
    assert(this.#missing === 0, "every piece is here");
    const { disk } = this.#ports;
    const sync = (file: SnapshotFile) => (next: Outcome) => {
      this.#open(file, (opened) => {
        if (!opened.ok) next(opened.failure);
        else disk.sync(opened.value, (synced) => next(failureOf(synced, this.#path(file))));
      });
    };
    runSteps(
      [
        ...this.root.files.map(sync),
        (next) => this.#close(() => next(undefined)),
        (next) => disk.syncDirectory(this.folder, (synced) => next(failureOf(synced, this.folder))),
      ],
      done,
    );
  }

  /** Removes what was received, once nothing is being written. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    const waiting = this.#writing ? this.#writes.splice(1) : this.#writes.splice(0);
    for (const { done } of waiting) done({ ok: false, failure: ABORTED });
    if (!this.#writing) this.#remove();
  }

  #remove(): void {
    this.#close(() => this.#ports.disk.remove(this.folder, () => undefined));
  }

  #matches(number: number, bytes: Uint8Array): boolean {
    const { length } = this.pieces.place(number);
    if (bytes.length !== length) return false;
    const digest = this.#ports.digest(bytes).subarray(0, DIGEST_BYTES);
    return equalBytes(digest, this.pieces.digest(number));
  }

  #mark(number: number): void {
    if (this.#here[number] === 1) return;
    this.#here[number] = 1;
    this.#missing -= 1;
  }

  #path(file: SnapshotFile): string {
    return `${this.folder}/${snapshotFileName(file)}`;
  }

  #writeNext(): void {
    const write = this.#writes[0];
    if (this.#writing || write === undefined) return;
    this.#writing = true;
    const { file, position } = this.pieces.place(write.number);
    const finish = (failure: StoreFailure | undefined): void => {
      this.#writing = false;
      this.#writes.shift();
      if (failure === undefined) this.#mark(write.number);
      if (this.#aborted) this.#remove();
      if (failure === undefined) write.done({ ok: true, value: { accepted: true } });
      else write.done({ ok: false, failure });
      if (!this.#aborted) this.#writeNext();
    };
    this.#open(file, (opened) => {
      if (!opened.ok) {
        finish(opened.failure);
        return;
      }
      this.#ports.disk.write(opened.value, position, [write.bytes], (written) =>
        finish(failureOf(written, this.#path(file))),
      );
    });
  }

  /** Opens the file for writing; the one before is synced first, so that little is left for the end. */
  #open(file: SnapshotFile, done: StoreDone<FileHandle>): void {
    const open = this.#file;
    if (open?.file === file) {
      done({ ok: true, value: open.handle });
      return;
    }
    const { disk } = this.#ports;
    const path = this.#path(file);
    const proceed = (): void =>
      this.#close(() =>
        disk.open(path, { mode: "write" }, (opened) => {
          if (!opened.ok) {
            done({ ok: false, failure: diskFailure(opened.error, path) });
            return;
          }
          this.#file = { file, handle: opened.value };
          done({ ok: true, value: opened.value });
        }),
      );
    if (open === undefined) proceed();
    else
      disk.sync(open.handle, (synced) => {
        const failure = failureOf(synced, path);
        if (failure === undefined) proceed();
        else done({ ok: false, failure });
      });
  }

  #close(done: () => void): void {
    const open = this.#file;
    this.#file = undefined;
    if (open === undefined) done();
    else this.#ports.disk.close(open.handle, () => done());
  }
}

const ABORTED: StoreFailure = { code: "closed", message: "the snapshot was given up" };

/** Names a snapshot by its root. */
export function snapshotId(ports: GroupPorts, rootBytes: Uint8Array): Uint8Array {
  return new Uint8Array(ports.digest(rootBytes).subarray(0, DIGEST_BYTES));
}

function keyOf(digest: Uint8Array): string {
  let key = "";
  for (const byte of digest) key += String.fromCharCode(byte);
  return key;
}

/**
 * Reads any segment that the entry map names: the log's own and this group's body segments. A segment
 * that is being read, or that a snapshot needs, is held until that is over.
 */
import { assert, type Crc32, type GroupId, must } from "@kqueuey/base";
import type { Disk, FileHandle } from "../disk.ts";
import { checkFileHeader, FILE_HEADER_BYTES, numberedName } from "../file-header.ts";
import { readExactly } from "../files.ts";
import {
  damage,
  diskFailure,
  type StoreDone,
  type StoreFailure,
  type StoreResult,
} from "../store-types.ts";
import type { SegmentId, Wal } from "../wal/types.ts";
import { isBodySegment, type SegmentRef, segmentNumber } from "./segment-ledger.ts";

/** Body segment files open at a time. */
const OPEN_FILES_MAX = 16;

/** A range of one segment's bytes. */
export interface SegmentBytes {
  readonly segment: SegmentRef;
  readonly position: number;
  readonly length: number;
}

interface BodySegment {
  readonly number: number;
  /** Bytes that count: what a manifest may name. */
  bytes: number;
  pins: number;
  /** First manifest that does not need it any more, as far as moves are concerned. */
  heldUntil: number;
  handle: FileHandle | undefined;
  /** Completions waiting for the file to open. */
  opening: ((result: StoreResult<FileHandle>) => void)[] | undefined;
}

export interface SegmentPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly wal: Wal;
  readonly group: GroupId;
  /** The folder with the body segments. */
  readonly folder: string;
}

export class SegmentSource {
  readonly #ports: SegmentPorts;
  readonly #bodies = new Map<number, BodySegment>();
  /** First manifest that no longer needs a segment of the log, as far as moves are concerned. */
  readonly #walHeld = new Map<SegmentRef, number>();
  #nextNumber: number;
  #closed = false;

  /** `nextNumber`: above that of every body segment file in the folder. */
  constructor(ports: SegmentPorts, nextNumber = 1) {
    this.#ports = ports;
    this.#nextNumber = nextNumber;
  }

  takeNumber(): number {
    return this.#nextNumber++;
  }

  path(number: number): string {
    return `${this.#ports.folder}/${numberedName("bodies", number)}`;
  }

  /** A body segment of which the first `bytes` bytes are durable; called again as it grows. */
  addBodySegment(number: number, bytes: number): void {
    const known = this.#bodies.get(number);
    if (known !== undefined) {
      assert(bytes >= known.bytes, "a body segment only grows");
      known.bytes = bytes;
      return;
    }
    this.#nextNumber = Math.max(this.#nextNumber, number + 1);
    this.#bodies.set(number, {
      number,
      bytes,
      pins: 0,
      heldUntil: 0,
      handle: undefined,
      opening: undefined,
    });
  }

  bodySegments(): readonly { readonly number: number; readonly bytes: number }[] {
    return [...this.#bodies.values()].map(({ number, bytes }) => ({ number, bytes }));
  }

  get bodyBytes(): number {
    let bytes = 0;
    for (const segment of this.#bodies.values()) bytes += segment.bytes;
    return bytes;
  }

  get bodyCount(): number {
    return this.#bodies.size;
  }

  has(ref: SegmentRef): boolean {
    if (isBodySegment(ref)) return this.#bodies.has(segmentNumber(ref));
    return this.#ports.wal.has(segmentNumber(ref) as SegmentId);
  }

  /** Exactly the bytes asked for; fewer on disk is damage. */
  read(range: SegmentBytes, done: StoreDone<Uint8Array>): void {
    if (isBodySegment(range.segment)) this.#readBodies(range, done);
    else this.#readLog(range, done);
  }

  pin(ref: SegmentRef): void {
    if (isBodySegment(ref)) this.#body(ref).pins += 1;
    else this.#ports.wal.pin(segmentNumber(ref) as SegmentId);
  }

  unpin(ref: SegmentRef): void {
    if (!isBodySegment(ref)) {
      this.#ports.wal.unpin(segmentNumber(ref) as SegmentId);
      return;
    }
    const segment = this.#body(ref);
    assert(segment.pins > 0, "a pinned segment");
    segment.pins -= 1;
  }

  /** An entry was moved out: the segment stays until manifest `sequence` is durable. */
  holdUntil(ref: SegmentRef, sequence: number): void {
    if (isBodySegment(ref)) this.#body(ref).heldUntil = sequence;
    else this.#walHeld.set(ref, sequence);
  }

  /** Whether, with manifest `sequence` durable, no move keeps the segment any more. */
  isHeld(ref: SegmentRef, sequence: number): boolean {
    const until = isBodySegment(ref) ? this.#body(ref).heldUntil : (this.#walHeld.get(ref) ?? 0);
    return until > sequence;
  }

  /** The log takes the segment back. */
  forgetLogSegment(ref: SegmentRef): void {
    this.#walHeld.delete(ref);
  }

  /** Removes a body segment that nothing refers to; false while somebody reads it. */
  removeBodySegment(ref: SegmentRef): boolean {
    const segment = this.#body(ref);
    if (segment.pins > 0 || segment.opening !== undefined) return false;
    this.#bodies.delete(segment.number);
    const { disk } = this.#ports;
    const remove = (): void => disk.remove(this.path(segment.number), () => undefined);
    // What fails here is removed at the next start: no manifest names it.
    if (segment.handle === undefined) remove();
    else disk.close(segment.handle, remove);
    return true;
  }

  /** Closes every file, those being read when that is over. Nothing new may be read. */
  close(): void {
    this.#closed = true;
    for (const segment of this.#bodies.values()) if (segment.pins === 0) this.#closeFile(segment);
  }

  #body(ref: SegmentRef): BodySegment {
    return must(this.#bodies.get(segmentNumber(ref)), "a body segment that is there");
  }

  #readLog(range: SegmentBytes, done: StoreDone<Uint8Array>): void {
    const segment = segmentNumber(range.segment) as SegmentId;
    const { position, length } = range;
    this.#ports.wal.read({ segment, position, length }, (result) => {
      if (!result.ok) {
        const { code, message } = result.failure;
        done({ ok: false, failure: { code, message } });
      } else if (result.value.length < length) {
        done({
          ok: false,
          failure: damage(`log segment ${segment}`, `ends before ${position + length}`),
        });
      } else {
        done({ ok: true, value: result.value });
      }
    });
  }

  #readBodies(range: SegmentBytes, done: StoreDone<Uint8Array>): void {
    const segment = this.#body(range.segment);
    const path = this.path(segment.number);
    if (range.position + range.length > segment.bytes) {
      done({ ok: false, failure: damage(path, `has no byte ${range.position + range.length}`) });
      return;
    }
    segment.pins += 1;
    const finish: StoreDone<Uint8Array> = (result) => {
      segment.pins -= 1;
      if (this.#closed && segment.pins === 0) this.#closeFile(segment);
      done(result);
    };
    this.#open(segment, (opened) => {
      if (!opened.ok) {
        finish(opened);
        return;
      }
      const { position, length } = range;
      readExactly(this.#ports.disk, { file: opened.value, path, position, length }, finish);
    });
  }

  #open(segment: BodySegment, done: StoreDone<FileHandle>): void {
    if (segment.handle !== undefined) {
      // Moved to the end: the map's order is the order of last use.
      this.#bodies.delete(segment.number);
      this.#bodies.set(segment.number, segment);
      done({ ok: true, value: segment.handle });
      return;
    }
    if (segment.opening !== undefined) {
      segment.opening.push(done);
      return;
    }
    segment.opening = [done];
    this.#closeIdle();
    const path = this.path(segment.number);
    this.#ports.disk.open(path, { mode: "read" }, (opened) => {
      if (!opened.ok) {
        const missing = opened.error.code === "not-found";
        const failure = missing ? damage(path, "is missing") : diskFailure(opened.error, path);
        this.#opened(segment, { ok: false, failure });
        return;
      }
      this.#checkHeader(segment, opened.value, (failure) => {
        if (failure === undefined) segment.handle = opened.value;
        const result: StoreResult<FileHandle> =
          failure === undefined ? { ok: true, value: opened.value } : { ok: false, failure };
        this.#opened(segment, result);
      });
    });
  }

  #opened(segment: BodySegment, result: StoreResult<FileHandle>): void {
    const waiting = segment.opening ?? [];
    segment.opening = undefined;
    for (const done of waiting) done(result);
  }

  #checkHeader(
    segment: BodySegment,
    file: FileHandle,
    done: (failure: StoreFailure | undefined) => void,
  ): void {
    const { disk, crc32, group } = this.#ports;
    const path = this.path(segment.number);
    readExactly(disk, { file, path, position: 0, length: FILE_HEADER_BYTES }, (read) => {
      if (!read.ok) {
        done(read.failure);
        return;
      }
      const identity = { kind: "bodies", group, number: segment.number } as const;
      const wrong = checkFileHeader(read.value, identity, crc32);
      done(wrong === undefined ? undefined : damage(path, wrong));
    });
  }

  /** Closes files that nobody reads until a new one may be opened. */
  #closeIdle(): void {
    let open = 0;
    for (const segment of this.#bodies.values()) if (segment.handle !== undefined) open += 1;
    for (const segment of this.#bodies.values()) {
      if (open < OPEN_FILES_MAX) return;
      if (segment.handle === undefined || segment.pins > 0) continue;
      this.#closeFile(segment);
      open -= 1;
    }
  }

  #closeFile(segment: BodySegment): void {
    if (segment.handle === undefined) return;
    this.#ports.disk.close(segment.handle, () => undefined);
    segment.handle = undefined;
  }
}

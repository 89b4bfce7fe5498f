/**
 * Makes segments before they are needed, and takes reclaimed ones back. One task at a time: names are
 * made durable in the order of their ids, so that a missing one means damage.
 *
 * A new file is filled and synced under another name first; a reclaimed one is renamed, and its old
 * groups are void because their epoch is not its name. On a full disk it waits and asks now and then.
 */
import { assert } from "@kqueuey/base";
import type { Disk, DiskError, DiskResult, FileHandle } from "../disk.ts";
import { nextSegment, segmentPath } from "./segments.ts";
import type { SegmentId, WalConfig } from "./types.ts";

/** A segment that can be written from its beginning. */
export interface ReadySegment {
  readonly id: SegmentId;
  /** Length of its file. */
  readonly bytes: number;
}

export interface SupplyEvents {
  /** One more segment is ready, or one was taken back. */
  readonly changed: () => void;
  /** The disk refused for another reason than space. */
  readonly failed: (error: DiskError, what: string) => void;
  /** The first time that a file could not be made since the last success. */
  readonly noSpace: () => void;
}

export class SegmentSupply {
  readonly #disk: Disk;
  readonly #config: WalConfig;
  readonly #events: SupplyEvents;
  readonly #ready: ReadySegment[];
  readonly #returned: ReadySegment[] = [];
  #lastId: number;
  #working = false;
  #stopped = false;
  #full = false;
  #nowMs = 0;
  #retryAtMs = 0;

  /** `ready` ascends to `lastId`, the highest id that any file has (0: none). */
  constructor(
    ports: { readonly disk: Disk; readonly events: SupplyEvents },
    config: WalConfig,
    found: { readonly ready: readonly ReadySegment[]; readonly lastId: number },
  ) {
    this.#disk = ports.disk;
    this.#events = ports.events;
    this.#config = config;
    this.#ready = [...found.ready];
    this.#lastId = found.lastId;
  }

  get ready(): number {
    return this.#ready.length;
  }

  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#ready) bytes += segment.bytes;
    return bytes;
  }

  /** The disk had no room for the segments that should be ready. */
  get full(): boolean {
    return this.#full;
  }

  get working(): boolean {
    return this.#working;
  }

  /** The next segment to write, if one is ready. */
  take(): ReadySegment | undefined {
    const segment = this.#ready.shift();
    this.work();
    return segment;
  }

  /** A reclaimed segment whose file nobody reads and no record needs. */
  giveBack(segment: ReadySegment): void {
    this.#returned.push(segment);
    this.work();
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.work();
  }

  /** No further task is begun. */
  stop(): void {
    this.#stopped = true;
  }

  /** Begins the next task, if there is one and none is under way. */
  work(): void {
    if (this.#working || this.#stopped) return;
    const returned = this.#returned.shift();
    if (returned !== undefined) {
      this.#begin(() => this.#takeBack(returned));
    } else if (this.#ready.length >= this.#config.aheadSegments) {
      this.#full = false;
    } else if (!this.#full) {
      this.#begin(() => this.#make());
    } else if (this.#nowMs >= this.#retryAtMs) {
      this.#begin(() => this.#askForSpace());
    }
  }

  #begin(task: () => void): void {
    this.#working = true;
    task();
  }

  #end(): void {
    this.#working = false;
    this.#events.changed();
    this.work();
  }

  #takeBack(segment: ReadySegment): void {
    const path = segmentPath(this.#config.directory, segment.id);
    const kept = this.#config.aheadSegments + this.#config.spareSegments;
    const reuse = this.#ready.length < kept && segment.bytes === this.#config.segmentBytes;
    if (reuse) this.#name(path, segment.bytes, () => this.#drop(path));
    else this.#drop(path);
  }

  #drop(path: string): void {
    this.#disk.remove(path, (removed) => {
      if (!this.#carriedOut(removed, path)) return;
      this.#disk.syncDirectory(this.#config.directory, (synced) => {
        if (this.#carriedOut(synced, path)) this.#end();
      });
    });
  }

  #make(): void {
    const path = this.#draftPath();
    this.#disk.remove(path, (removed) => {
      if (!this.#carriedOut(removed, path)) return;
      this.#disk.open(path, { mode: "create" }, (opened) => {
        if (opened.ok) this.#fill(path, opened.value);
        else this.#draftFailed(opened.error);
      });
    });
  }

  #fill(path: string, file: FileHandle): void {
    const { segmentBytes } = this.#config;
    this.#disk.allocate(file, segmentBytes, (allocated) => {
      this.#disk.close(file, (closed) => {
        if (!allocated.ok) this.#draftFailed(allocated.error);
        else if (!closed.ok) this.#draftFailed(closed.error);
        else this.#name(path, segmentBytes, () => this.#giveUpDraft());
      });
    });
  }

  /** Gives the file at `path` the next id, durably. */
  #name(path: string, bytes: number, noSpace: () => void): void {
    const id = nextSegment(this.#lastId);
    const to = segmentPath(this.#config.directory, id);
    this.#disk.rename(path, to, (renamed) => {
      if (!renamed.ok && renamed.error.code === "no-space") {
        noSpace();
        return;
      }
      if (!this.#carriedOut(renamed, path)) return;
      this.#lastId = id;
      this.#disk.syncDirectory(this.#config.directory, (synced) => {
        if (!this.#carriedOut(synced, to)) return;
        assert((this.#ready.at(-1)?.id ?? 0) < id, "segments become ready in order");
        this.#ready.push({ id, bytes });
        this.#end();
      });
    });
  }

  /** A file is tried again only when there is room for it and as much again: others need some, too. */
  #askForSpace(): void {
    this.#disk.freeBytes((free) => {
      const files = this.#ready.length === 0 ? 1 : 2;
      if (free.ok && free.value < files * this.#config.segmentBytes) this.#wait();
      else this.#make();
    });
  }

  #draftFailed(error: DiskError): void {
    if (error.code === "no-space") this.#giveUpDraft();
    else this.#fail(error, this.#draftPath());
  }

  /** What was written of the draft takes room that others need. */
  #giveUpDraft(): void {
    const first = !this.#full;
    this.#full = true;
    if (first) this.#events.noSpace();
    const path = this.#draftPath();
    this.#disk.remove(path, (removed) => {
      if (this.#carriedOut(removed, path)) this.#wait();
    });
  }

  #wait(): void {
    this.#retryAtMs = this.#nowMs + this.#config.spaceRetryMs;
    this.#end();
  }

  /** False if the step failed, which ends the supply and the log. */
  #carriedOut(result: DiskResult<unknown>, what: string): boolean {
    if (!result.ok) this.#fail(result.error, what);
    return result.ok;
  }

  #fail(error: DiskError, what: string): void {
    this.#stopped = true;
    this.#working = false;
    this.#events.failed(error, what);
  }

  #draftPath(): string {
    return `${this.#config.directory}/${DRAFT_NAME}`;
  }
}

/** A segment file that is being filled: worth nothing after a restart. */
export const DRAFT_NAME = "draft";

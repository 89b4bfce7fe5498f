/**
 * A snapshot being prepared, then served: the newest checkpoint's page files as they are, and the bodies
 * below it, laid out as the receiver will store them. Everything that it will send is read and checked,
 * in turns, so that damage is met here and every piece has a digest before the first one leaves. Units are
 * checked after the digests of their pages were taken: what was damaged before is met then, what is damaged later by
 * the digests.
 */
import { assert, equalBytes, must } from "@kqueuey/base";
import type { EntryMap } from "../bodies/entry-map.ts";
import type { SegmentRef } from "../bodies/segment-ledger.ts";
import type { SegmentSource } from "../bodies/segment-source.ts";
import type { Generation } from "../checkpoint/generation.ts";
import { encodeManifest, type ManifestFile } from "../checkpoint/manifest.ts";
import { UnitStream } from "../checkpoint/unit-stream.ts";
import { UnitDelta, type UnitRows } from "../checkpoint/unit-table.ts";
import { encodeFileHeader } from "../file-header.ts";
import { readFileRange } from "../files.ts";
import type { GroupPorts } from "../group-ports.ts";
import { type CheckpointMeta, damage, type StoreDone, type StoreFailure } from "../store-types.ts";
import { BodyPlan, plannedFile } from "./body-plan.ts";
import { MapPlan } from "./map-plan.ts";
import { DIGEST_BYTES, encodeRoot, PieceList, piecesOf, type SnapshotFile } from "./root.ts";
import { PIECE_BYTES_MAX } from "./types.ts";

/** Chunks of the entry map planned in one turn. */
const CHUNKS_A_TURN = 16;

/** The state that a snapshot is made of. */
export interface SnapshotState {
  readonly generation: Generation;
  readonly map: EntryMap;
  readonly source: SegmentSource;
}

type Phase = "plan" | "bodies" | "map" | "manifest" | "files" | "verify" | "ready" | "over";

/** A file being read piece by piece for its digests. */
interface Reading {
  readonly file: SnapshotFile;
  readonly digests: Uint8Array;
  position: number;
}

export class PreparedSnapshot {
  readonly meta: CheckpointMeta;
  readonly #ports: GroupPorts;
  readonly #state: SnapshotState;
  readonly #rows: UnitRows;
  readonly #pageFiles: readonly ManifestFile[];
  readonly #mapFile: number;
  readonly #bodies = new BodyPlan();
  readonly #map: MapPlan;
  readonly #units: UnitStream;
  readonly #pinned = new Set<SegmentRef>();
  readonly #done: (failure: StoreFailure | undefined) => void;
  #chunks: number[];
  #phase: Phase = "plan";
  #busy = false;
  #pumping = false;
  #manifest: Uint8Array = new Uint8Array(0);
  #queue: SnapshotFile[] = [];
  #reading: Reading | undefined;
  readonly #digests = new Map<SnapshotFile, Uint8Array>();
  readonly #crcs: { crc: number; blockCrc: number } = { crc: 0, blockCrc: 0 };
  #root:
    | { readonly bytes: Uint8Array; readonly id: Uint8Array; readonly list: PieceList }
    | undefined;

  /** There must be a checkpoint. `done` is called when it is ready, or failed. */
  constructor(
    ports: GroupPorts,
    state: SnapshotState,
    done: (failure: StoreFailure | undefined) => void,
  ) {
    const { generation, map } = state;
    const meta = must(generation.meta, "a snapshot is made of a checkpoint");
    this.meta = { ...meta, hardState: undefined };
    this.#ports = ports;
    this.#state = state;
    this.#done = done;
    this.#rows = generation.machineUnits.freeze();
    const used = new Set<number>();
    for (let row = 0; row < this.#rows.size; row++) used.add(this.#rows.fileAt(row));
    this.#pageFiles = generation.pageFiles().filter((file) => used.has(file.number));
    for (const file of this.#pageFiles) generation.pin(file.number);
    this.#mapFile = 1 + Math.max(0, ...used);
    this.#map = new MapPlan(this.#bodies, this.#mapFile, ports.crc32);
    this.#chunks = map.chunkNumbers().reverse();
    const { disk, crc32, group } = ports;
    const pages = { disk, crc32, group, folder: generation.folder };
    this.#units = UnitStream.of(pages, [{ kind: "machine", table: this.#rows }]);
  }

  get ready(): boolean {
    return this.#phase === "ready";
  }

  /** Entries may not be let go while it decides which it needs. */
  get planning(): boolean {
    return this.#phase === "plan";
  }

  get root(): { readonly bytes: Uint8Array; readonly id: Uint8Array; readonly list: PieceList } {
    return must(this.#root, "the snapshot is ready");
  }

  /** Goes on with the preparation while the shared pace allows it. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const { pacer } = this.#ports;
    while (!this.#busy && pacer.open && this.#phase !== "ready" && this.#phase !== "over") {
      this.#turn();
    }
    this.#pumping = false;
  }

  /** Reads a piece and checks it once more. */
  readPiece(number: number, done: StoreDone<Uint8Array>): void {
    assert(this.ready, "pieces are read when the snapshot is ready");
    const { list } = this.root;
    const { file, position, length } = list.place(number);
    this.#read(file, { from: position, upTo: position + length }, (read) => {
      if (!read.ok) {
        done(read);
        return;
      }
      if (equalBytes(this.#digest(read.value), list.digest(number))) done(read);
      else done({ ok: false, failure: damage("snapshot", `piece ${number} changed on the disk`) });
    });
  }

  /** Lets go of everything on the disk. */
  release(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#units.close(() => undefined);
    for (const file of this.#pageFiles) this.#state.generation.unpin(file.number);
    for (const ref of this.#pinned) this.#state.source.unpin(ref);
    this.#state.generation.collect(this.#ports.disk);
  }

  #turn(): void {
    switch (this.#phase) {
      case "plan":
        this.#planBodies();
        return;
      case "bodies":
      case "files":
        this.#readNext();
        return;
      case "map":
        if (this.#map.layOut(CHUNKS_A_TURN)) this.#phase = "manifest";
        return;
      case "manifest":
        this.#makeManifest();
        return;
      case "verify":
        this.#verifyUnits();
        return;
      case "ready":
      case "over":
        return;
    }
  }

  #verifyUnits(): void {
    this.#busy = true;
    this.#units.next(PIECE_BYTES_MAX, (read) => {
      this.#busy = false;
      if (this.#phase === "over") return;
      if (!read.ok) {
        this.#fail(read.failure);
        return;
      }
      for (const unit of read.value) this.#ports.pacer.spend(unit.record.length);
      if (read.value.length === 0) this.#finish();
      this.pump();
    });
  }

  #planBodies(): void {
    const { map, source } = this.#state;
    for (let turn = 0; turn < CHUNKS_A_TURN; turn++) {
      const number = this.#chunks.pop();
      if (number === undefined) {
        this.#queue = this.#bodyFiles();
        this.#phase = "bodies";
        return;
      }
      for (const { index, place, born } of map.bodyEntries(number)) {
        if (index > this.meta.index) break;
        if (!this.#pinned.has(place.segment)) {
          source.pin(place.segment);
          this.#pinned.add(place.segment);
        }
        this.#bodies.add(index, place, born);
      }
    }
  }

  /** Reads the next piece of the files in the queue, for its digest. */
  #readNext(): void {
    const reading = this.#nextReading();
    if (reading === undefined) {
      this.#phase = this.#phase === "bodies" ? "map" : "verify";
      return;
    }
    const { file, digests, position } = reading;
    const upTo = Math.min(file.length, position + PIECE_BYTES_MAX);
    this.#busy = true;
    this.#read(file, { from: position, upTo }, (read) => {
      this.#busy = false;
      if (this.#phase === "over") return;
      if (!read.ok) {
        this.#fail(read.failure);
        return;
      }
      this.#ports.pacer.spend(read.value.length);
      const wrong = this.#checkPiece(file, position, read.value);
      if (wrong !== undefined) {
        this.#fail(damage("snapshot", wrong));
        return;
      }
      digests.set(this.#digest(read.value), (position / PIECE_BYTES_MAX) * DIGEST_BYTES);
      reading.position = upTo;
      this.pump();
    });
  }

  #nextReading(): Reading | undefined {
    const reading = this.#reading;
    if (reading !== undefined && reading.position < reading.file.length) return reading;
    const file = this.#queue.shift();
    if (file === undefined) {
      this.#reading = undefined;
      return undefined;
    }
    const digests = new Uint8Array(piecesOf(file.length) * DIGEST_BYTES);
    this.#digests.set(file, digests);
    this.#reading = { file, digests, position: 0 };
    return this.#reading;
  }

  #checkPiece(file: SnapshotFile, from: number, piece: Uint8Array): string | undefined {
    if (file.kind !== "bodies") return undefined;
    const planned = plannedFile(this.#bodies, file.number);
    const { crc32 } = this.#ports;
    return this.#bodies.check(crc32, { file: planned, from, piece }, this.#crcs);
  }

  #bodyFiles(): SnapshotFile[] {
    return this.#bodies.files.map(({ number, length }) => ({ kind: "bodies", number, length }));
  }

  /** The receiver's manifest: the same units, the entries where the receiver will have them. */
  #makeManifest(): void {
    const { group, crc32 } = this.#ports;
    const map = { number: this.#mapFile, bytes: this.#map.length };
    const bodySegments = this.#bodies.files.map(({ number, length }) => ({
      number,
      bytes: length,
    }));
    const head = {
      sequence: 1,
      meta: this.meta,
      pageFiles: [...this.#pageFiles, map],
      bodySegments,
    };
    const units = [
      { table: this.#rows, delta: new UnitDelta() },
      { table: this.#map.table, delta: new UnitDelta() },
    ] as const;
    const slices = [...encodeManifest(group, { head, units }, crc32)];
    const length = slices.reduce((sum, slice) => sum + slice.length, 0);
    const manifest = new Uint8Array(length);
    let at = 0;
    for (const slice of slices) {
      manifest.set(slice, at);
      at += slice.length;
    }
    this.#manifest = manifest;
    const pages = [...this.#pageFiles, map].map(
      ({ number, bytes }): SnapshotFile => ({ kind: "pages", number, length: bytes }),
    );
    this.#queue = [{ kind: "manifest", number: 0, length }, ...pages];
    this.#phase = "files";
  }

  #finish(): void {
    const { group, crc32, digest } = this.#ports;
    // Index first, bodies after it: the order in which the pieces are numbered.
    const kinds = ["manifest", "pages", "bodies"];
    const files = [...this.#digests.keys()].sort(
      (a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || a.number - b.number,
    );
    let count = 0;
    for (const file of files) count += piecesOf(file.length);
    const digests = new Uint8Array(count * DIGEST_BYTES);
    let at = 0;
    for (const file of files) {
      const own = must(this.#digests.get(file), "digests of a file");
      digests.set(own, at);
      at += own.length;
    }
    const root = { meta: this.meta, files, digests };
    const bytes = encodeRoot(group, root, crc32);
    const id = new Uint8Array(digest(bytes).subarray(0, DIGEST_BYTES));
    this.#root = { bytes, id, list: new PieceList(root) };
    this.#phase = "ready";
    this.#done(undefined);
  }

  #read(
    file: SnapshotFile,
    range: { readonly from: number; readonly upTo: number },
    done: StoreDone<Uint8Array>,
  ): void {
    const { from, upTo } = range;
    const { crc32, group, disk } = this.#ports;
    const header = (kind: "pages" | "bodies"): Uint8Array =>
      encodeFileHeader({ kind, group, number: file.number }, crc32);
    if (file.kind === "manifest") {
      done({ ok: true, value: this.#manifest.subarray(from, upTo) });
    } else if (file.kind === "bodies") {
      const io = { source: this.#state.source, crc32, header: header("bodies") };
      const planned = plannedFile(this.#bodies, file.number);
      this.#bodies.read(io, { file: planned, from, upTo }, done);
    } else if (file.number === this.#mapFile) {
      done({ ok: true, value: this.#map.read(header("pages"), { from, upTo }) });
    } else {
      const path = this.#state.generation.pagePath(file.number);
      readFileRange(disk, { path, position: from, length: upTo - from }, done);
    }
  }

  #digest(bytes: Uint8Array): Uint8Array {
    return this.#ports.digest(bytes).subarray(0, DIGEST_BYTES);
  }

  #fail(failure: StoreFailure): void {
    this.release();
    this.#done(failure);
  }
}

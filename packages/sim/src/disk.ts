/**
 * A disk under virtual time that does what real ones do to us: takes its time, loses what was not
 * synced, tears writes between sectors, refuses, fills up, decays. It outlives the process that uses
 * it: `start` gives the `Disk` of one process, `crash` ends that process. Everything is drawn from one
 * generator, so a seed replays. Passes the same contract suite as the real disk.
 */
import { assert, equalBytes, type Prng } from "@kqueuey/base";
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
import { SimulatedFile } from "./disk-file.ts";
import { SimulatedFolder, SimulatedNames, type SimulatedNode } from "./disk-names.ts";

/** A chance of `of` in `outOf`; integers. */
export interface Chance {
  readonly of: number;
  readonly outOf: number;
}

/** A range of virtual ms to draw from, both ends included. */
export interface LatencyMs {
  readonly from: number;
  readonly to: number;
}

/** What the disk does wrong, to be changed at any time. */
export interface DiskFaults {
  readLatencyMs: LatencyMs;
  writeLatencyMs: LatencyMs;
  syncLatencyMs: LatencyMs;
  /** How often a sync (or a write to a dsync file) takes `slowSyncMs` longer. */
  slowSync: Chance;
  slowSyncMs: number;
  readError: Chance;
  /** A failed write leaves any of its sectors written. */
  writeError: Chance;
  /** After a failed sync its pages count as clean, and are lost with the power. */
  syncError: Chance;
  /** Bytes that all files together may have; beyond, `no-space`. */
  capacityBytes: number;
  /** The next write lands in another place, and is reported as done. */
  strayWrite: boolean;
  /** The disk lies: syncs succeed and make nothing durable. Not survivable; tests that must fail use it. */
  ignoreSync: boolean;
}

/** Everything on a disk at one moment: "yesterday's copy". */
export interface DiskImage {
  readonly root: SimulatedFolder;
}

/** `power`: what was not synced may be lost. `process`: only requests under way are in doubt. */
export type CrashKind = "power" | "process";

export interface SimulatedDiskPorts {
  /** Calls `task` after `delayMs` virtual ms. */
  readonly schedule: (delayMs: number, task: () => void) => void;
  readonly random: Prng;
}

/** Between the disk and the process that uses it. */
export interface ProcessGate {
  /** Asked before each request; false: the process is gone by then, nothing is asked for. */
  mayAsk(): boolean;
  /** An answer for the process: at once, when it goes on after a pause, or never. */
  answer(tell: () => void): void;
}

const OPEN_GATE: ProcessGate = { mayAsk: () => true, answer: (tell) => tell() };
const NEVER: Chance = { of: 0, outOf: 1 };

/** A disk that only takes its time. */
export function noDiskFaults(): DiskFaults {
  return {
    readLatencyMs: { from: 0, to: 1 },
    writeLatencyMs: { from: 0, to: 1 },
    syncLatencyMs: { from: 1, to: 3 },
    slowSync: NEVER,
    slowSyncMs: 0,
    readError: NEVER,
    writeError: NEVER,
    syncError: NEVER,
    capacityBytes: Number.MAX_SAFE_INTEGER,
    strayWrite: false,
    ignoreSync: false,
  };
}

export class SimulatedDisk {
  readonly faults: DiskFaults;
  /** Requests that were made to fail so far, full disks included. */
  get injected(): number {
    return this.#injected.count;
  }

  readonly #injected: Tally = { count: 0 };
  readonly #ports: SimulatedDiskPorts;
  readonly #names = new SimulatedNames();
  #process: DiskProcess | undefined;

  constructor(ports: SimulatedDiskPorts, faults: Partial<DiskFaults> = {}) {
    this.#ports = ports;
    this.faults = { ...noDiskFaults(), ...faults };
  }

  /** The disk of a new process. The one before must have crashed. */
  start(gate: ProcessGate = OPEN_GATE): Disk {
    assert(this.#process === undefined, "the process before is still running");
    const parts = { names: this.#names, faults: this.faults, injected: this.#injected, gate };
    this.#process = new DiskProcess(this.#ports, parts);
    return this.#process;
  }

  /** The process ends: nothing that it asked for is answered any more. */
  crash(kind: CrashKind): void {
    this.#process?.die(this.#ports.random);
    this.#process = undefined;
    if (kind === "power") this.#names.losePower(this.#ports.random);
  }

  /** Requests that are not answered yet. */
  get pending(): number {
    return this.#process?.pending ?? 0;
  }

  /** Everything as it is now. */
  image(): DiskImage {
    return { root: this.#names.copy() };
  }

  /** Puts an image in the place of everything. The process must have crashed. */
  restore(image: DiskImage): void {
    assert(this.#process === undefined, "a running process keeps its files");
    this.#names.replace(image.root);
  }

  /** Loses everything, or what is in one folder. The process must have crashed. */
  wipe(folder = ""): void {
    assert(this.#process === undefined, "a running process keeps its files");
    const names = [...(this.#names.folder(folder)?.current.keys() ?? [])];
    for (const name of names) this.#names.unlink(folder === "" ? name : `${folder}/${name}`);
    this.#names.replace(this.#names.root);
  }

  /** Every file with its length, sorted by path. */
  files(): readonly { readonly path: string; readonly bytes: number }[] {
    const files: { path: string; bytes: number }[] = [];
    for (const [path, node] of this.#names.walk()) {
      if (node.kind === "file") files.push({ path, bytes: node.bytes });
    }
    return files;
  }

  /** What a reader would see in the file. */
  contents(path: string): Uint8Array {
    const file = this.#file(path);
    return file.read(0, file.bytes);
  }

  /** Turns bit `bit` (0 … 7) of the byte at `position` over, on the medium itself. */
  flipBit(path: string, position: number, bit: number): void {
    const file = this.#file(path);
    const byte = file.read(position, 1)[0];
    assert(byte !== undefined, "a flip needs a byte");
    file.overwrite(position, Uint8Array.of(byte ^ (1 << bit)));
  }

  /** Bytes stand where they do not belong, on the medium itself; none beyond the file's end. */
  overwrite(path: string, position: number, bytes: Uint8Array): void {
    this.#file(path).overwrite(position, bytes);
  }

  /** What a reader would see of a part of the file. */
  peek(path: string, position: number, length: number): Uint8Array {
    return this.#file(path).read(position, length);
  }

  /** The file ends after `bytes`, on the medium itself. */
  cutFile(path: string, bytes: number): void {
    this.#file(path).corrupt((all) => all.slice(0, bytes));
  }

  /** The file is gone, on the medium itself. */
  loseFile(path: string): void {
    this.#file(path);
    this.#names.unlink(path);
    this.#names.replace(this.#names.root);
  }

  #file(path: string): SimulatedFile {
    const file = this.#names.file(path);
    assert(file !== undefined, "no such file");
    return file;
  }
}

/** A count that the disk and its processes share. */
interface Tally {
  count: number;
}

interface OpenFile {
  readonly file: SimulatedFile;
  readonly options: OpenOptions;
}

/** A request under way: `tear` leaves what a crash in the middle of it leaves. */
interface Request {
  readonly tear: (() => void) | undefined;
}

/** How a request is carried out. */
interface Plan<T> {
  readonly latencyMs: number;
  readonly error?: { readonly chance: Chance; readonly failed?: () => void };
  readonly tear?: () => void;
  readonly carryOut: () => DiskResult<T>;
}

/** The disk as one process sees it. */
class DiskProcess implements Disk {
  readonly #ports: SimulatedDiskPorts;
  readonly #names: SimulatedNames;
  readonly #faults: DiskFaults;
  readonly #injected: Tally;
  readonly #gate: ProcessGate;
  readonly #open = new Map<FileHandle, OpenFile>();
  readonly #requests = new Set<Request>();
  #handles = 0;
  #dead = false;

  constructor(
    ports: SimulatedDiskPorts,
    parts: {
      readonly names: SimulatedNames;
      readonly faults: DiskFaults;
      readonly injected: Tally;
      readonly gate: ProcessGate;
    },
  ) {
    this.#ports = ports;
    this.#names = parts.names;
    this.#faults = parts.faults;
    this.#injected = parts.injected;
    this.#gate = parts.gate;
  }

  get pending(): number {
    return this.#requests.size;
  }

  die(random: Prng): void {
    this.#dead = true;
    for (const request of this.#requests) if (random.chance(1, 2)) request.tear?.();
    this.#requests.clear();
  }

  open(path: string, options: OpenOptions, done: DiskDone<FileHandle>): void {
    assertDiskPath(path, "file");
    this.#request(done, {
      latencyMs: this.#readLatency(),
      carryOut: () => {
        if (options.mode === "create") {
          if (this.#names.find(path) !== undefined) return failure("exists", path);
          if (this.#names.folder(parentOf(path)) === undefined) return failure("not-found", path);
          this.#names.link(path, new SimulatedFile());
        }
        const file = this.#names.file(path);
        if (file === undefined) return failure("not-found", path);
        this.#handles += 1;
        const handle = this.#handles as FileHandle;
        this.#open.set(handle, { file, options });
        return { ok: true, value: handle };
      },
    });
  }

  close(handle: FileHandle, done: DiskDone<undefined>): void {
    this.#need(handle);
    this.#open.delete(handle);
    this.#request(done, { latencyMs: 0, carryOut: () => DONE });
  }

  allocate(handle: FileHandle, bytes: number, done: DiskDone<undefined>): void {
    const { file } = this.#needWritable(handle);
    this.#request(done, {
      latencyMs: this.#syncLatency() + this.#writeLatency(),
      error: { chance: this.#faults.syncError, failed: () => file.zero(bytes) },
      tear: () => file.zero(this.#ports.random.between(0, bytes)),
      carryOut: () => {
        if (!this.#fits(bytes - file.bytes)) return failure("no-space", "allocate");
        file.zero(bytes);
        if (!this.#faults.ignoreSync) file.makeDurable(file.dirtyPages());
        return DONE;
      },
    });
  }

  write(
    handle: FileHandle,
    position: number,
    chunks: readonly Uint8Array[],
    done: DiskDone<undefined>,
  ): void {
    const { file, options } = this.#needWritable(handle);
    assert(position >= 0, "a write needs a position");
    const bytes = joined(chunks);
    const dsync = options.dsync === true;
    this.#request(done, {
      latencyMs: this.#writeLatency() + (dsync ? this.#syncLatency() : 0),
      error: {
        chance: this.#faults.writeError,
        failed: () => file.writePart(position, bytes, this.#ports.random),
      },
      tear: () => file.writePart(position, bytes, this.#ports.random),
      carryOut: () => {
        assert(isJoined(chunks, bytes), "bytes changed while they were being written");
        if (!this.#fits(position + bytes.length - file.bytes)) return failure("no-space", "write");
        if (this.#faults.strayWrite) {
          this.#faults.strayWrite = false;
          this.#writeAstray(file, position, bytes);
          return DONE;
        }
        file.write(position, bytes);
        if (dsync && !this.#faults.ignoreSync) {
          file.makeDurable(file.dirtyPagesOf(position, bytes.length));
        }
        return DONE;
      },
    });
  }

  sync(handle: FileHandle, done: DiskDone<undefined>): void {
    const { file } = this.#need(handle);
    const synced = file.dirtyPages();
    this.#request(done, {
      latencyMs: this.#syncLatency(),
      error: { chance: this.#faults.syncError, failed: () => file.abandon(synced) },
      carryOut: () => {
        if (!this.#faults.ignoreSync) file.makeDurable(synced);
        return DONE;
      },
    });
  }

  read(handle: FileHandle, position: number, length: number, done: DiskDone<Uint8Array>): void {
    const { file } = this.#need(handle);
    assert(position >= 0 && length >= 0, "a read needs a position and a length");
    this.#request(done, {
      latencyMs: this.#readLatency(),
      error: { chance: this.#faults.readError },
      carryOut: () => ({ ok: true, value: file.read(position, length) }),
    });
  }

  size(handle: FileHandle, done: DiskDone<number>): void {
    const { file } = this.#need(handle);
    this.#request(done, {
      latencyMs: 0,
      carryOut: () => ({ ok: true, value: file.bytes }),
    });
  }

  truncate(handle: FileHandle, bytes: number, done: DiskDone<undefined>): void {
    const { file } = this.#needWritable(handle);
    assert(bytes >= 0, "a file has no negative length");
    this.#request(done, {
      latencyMs: this.#writeLatency(),
      tear: () => file.truncate(bytes),
      carryOut: () => {
        file.truncate(bytes);
        return DONE;
      },
    });
  }

  rename(from: string, to: string, done: DiskDone<undefined>): void {
    assertDiskPath(from, "file");
    assertDiskPath(to, "file");
    this.#request(done, {
      latencyMs: this.#writeLatency(),
      carryOut: () => {
        const node = this.#names.find(from);
        if (node === undefined) return failure("not-found", from);
        if (this.#names.folder(parentOf(to)) === undefined) return failure("not-found", to);
        const replaced = this.#names.find(to);
        if (replaced !== undefined && !replaceable(node, replaced)) return failure("exists", to);
        this.#names.rename(from, to);
        return DONE;
      },
    });
  }

  remove(path: string, done: DiskDone<undefined>): void {
    assertDiskPath(path, "file");
    this.#request(done, {
      latencyMs: this.#writeLatency(),
      carryOut: () => {
        if (this.#names.find(path) !== undefined) this.#names.unlink(path);
        return DONE;
      },
    });
  }

  makeDirectory(path: string, done: DiskDone<undefined>): void {
    assertDiskPath(path, "directory");
    this.#request(done, {
      latencyMs: this.#writeLatency(),
      carryOut: () => this.#makeFolders(path),
    });
  }

  list(path: string, done: DiskDone<readonly DirectoryEntry[]>): void {
    assertDiskPath(path, "directory");
    this.#request(done, {
      latencyMs: this.#readLatency(),
      carryOut: () => {
        const entries: DirectoryEntry[] = [];
        for (const [name, node] of this.#names.folder(path)?.current ?? []) {
          const bytes = node.kind === "file" ? node.bytes : 0;
          entries.push({ name, kind: node.kind, bytes });
        }
        return { ok: true, value: entries.sort((a, b) => (a.name < b.name ? -1 : 1)) };
      },
    });
  }

  freeBytes(done: DiskDone<number>): void {
    this.#request(done, {
      latencyMs: 0,
      carryOut: () => ({
        ok: true,
        value: Math.max(0, this.#faults.capacityBytes - this.#usedBytes()),
      }),
    });
  }

  syncDirectory(path: string, done: DiskDone<undefined>): void {
    assertDiskPath(path, "directory");
    this.#request(done, {
      latencyMs: this.#syncLatency(),
      error: { chance: this.#faults.syncError },
      carryOut: () => {
        const folder = this.#names.folder(path);
        if (folder === undefined) return failure("not-found", path);
        if (!this.#faults.ignoreSync) this.#names.sync(folder);
        return DONE;
      },
    });
  }

  #request<T>(done: DiskDone<T>, plan: Plan<T>): void {
    if (this.#dead || !this.#gate.mayAsk()) return;
    const request: Request = { tear: plan.tear };
    this.#requests.add(request);
    this.#ports.schedule(plan.latencyMs, () => {
      if (!this.#requests.delete(request)) return;
      if (plan.error !== undefined && this.#draw(plan.error.chance)) {
        plan.error.failed?.();
        this.#injected.count += 1;
        this.#gate.answer(() => done(failure("io", "simulated failure")));
        return;
      }
      const result = plan.carryOut();
      this.#gate.answer(() => done(result));
    });
  }

  /** Writes elsewhere in the same file or into another; the file has the length that it would have had. */
  #writeAstray(meant: SimulatedFile, position: number, bytes: Uint8Array): void {
    const { random } = this.#ports;
    this.#injected.count += 1;
    meant.extend(position + bytes.length);
    const files = [...this.#names.walk()].flatMap(([, node]) => (node.kind === "file" ? node : []));
    const file = random.chance(1, 2) ? meant : random.pick(files);
    const block = random.between(0, Math.floor(file.bytes / BLOCK_BYTES)) * BLOCK_BYTES;
    if (file !== meant || block !== position) file.overwrite(block, bytes);
  }

  #makeFolders(path: string): DiskResult<undefined> {
    let at = "";
    for (const part of path === "" ? [] : path.split("/")) {
      at = at === "" ? part : `${at}/${part}`;
      const node = this.#names.find(at);
      if (node?.kind === "file") return failure("exists", at);
      if (node === undefined) this.#names.link(at, new SimulatedFolder());
    }
    return DONE;
  }

  #need(handle: FileHandle): OpenFile {
    const open = this.#open.get(handle);
    assert(open !== undefined || this.#dead, "the file is not open");
    return open ?? { file: new SimulatedFile(), options: { mode: "write" } };
  }

  #needWritable(handle: FileHandle): OpenFile {
    const open = this.#need(handle);
    assert(open.options.mode !== "read", "the file is open for reading only");
    return open;
  }

  #fits(more: number): boolean {
    if (more <= 0 || this.#faults.capacityBytes === Number.MAX_SAFE_INTEGER) return true;
    if (this.#usedBytes() + more <= this.#faults.capacityBytes) return true;
    this.#injected.count += 1;
    return false;
  }

  #usedBytes(): number {
    let used = 0;
    for (const [, node] of this.#names.walk()) if (node.kind === "file") used += node.bytes;
    return used;
  }

  #draw(chance: Chance): boolean {
    return chance.of > 0 && this.#ports.random.chance(chance.of, chance.outOf);
  }

  #latency(range: LatencyMs): number {
    return this.#ports.random.between(range.from, range.to);
  }

  #readLatency(): number {
    return this.#latency(this.#faults.readLatencyMs);
  }

  #writeLatency(): number {
    return this.#latency(this.#faults.writeLatencyMs);
  }

  #syncLatency(): number {
    const slow = this.#draw(this.#faults.slowSync) ? this.#faults.slowSyncMs : 0;
    return this.#latency(this.#faults.syncLatencyMs) + slow;
  }
}

/** Stray writes land on multiples of this. */
const BLOCK_BYTES = 4096;

const DONE: DiskResult<undefined> = { ok: true, value: undefined };

function failure<T>(code: DiskError["code"], message: string): DiskResult<T> {
  return { ok: false, error: { code, message } };
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** A file replaces a file, a folder an empty folder. */
function replaceable(node: SimulatedNode, replaced: SimulatedNode): boolean {
  if (node.kind === "file") return replaced.kind === "file";
  return replaced.kind === "directory" && replaced.current.size === 0;
}

function isJoined(chunks: readonly Uint8Array[], bytes: Uint8Array): boolean {
  let at = 0;
  for (const chunk of chunks) {
    if (!equalBytes(chunk, bytes.subarray(at, at + chunk.length))) return false;
    at += chunk.length;
  }
  return at === bytes.length;
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Reads what is durable in a generation's folder: manifest, page files, entry map, body segments. All of
 * it or nothing: what is missing or not as it was written is damage.
 */
import type { Crc32, GroupId } from "@kqueuey/base";
import { EntryMap } from "../bodies/entry-map.ts";
import { isBodySegment, segmentNumber } from "../bodies/segment-ledger.ts";
import { SegmentSource } from "../bodies/segment-source.ts";
import type { DirectoryEntry, Disk } from "../disk.ts";
import { numberedName, numberInName } from "../file-header.ts";
import { readWholeFile } from "../files.ts";
import {
  type CheckpointUnit,
  damage,
  diskFailure,
  type StoreDone,
  type StoreFailure,
} from "../store-types.ts";
import type { Wal } from "../wal/types.ts";
import { Generation } from "./generation.ts";
import { decodeManifest, type Manifest } from "./manifest.ts";
import { UnitStream } from "./unit-stream.ts";
import type { UnitTable } from "./unit-table.ts";

/** Bytes of units read at a time. */
const READ_BYTES = 1024 * 1024;

export interface LoadPorts {
  readonly disk: Disk;
  readonly crc32: Crc32;
  readonly wal: Wal;
  readonly group: GroupId;
}

export interface LoadedGeneration {
  readonly generation: Generation;
  readonly map: EntryMap;
  readonly source: SegmentSource;
}

/** Loads a generation whose folder exists. Without a manifest it is empty. */
export function loadGeneration(
  ports: LoadPorts,
  which: {
    readonly number: number /** Its transfer may still go on. */;
    readonly receiving: boolean;
  },
  done: StoreDone<LoadedGeneration>,
): void {
  const { disk, group } = ports;
  const { number } = which;
  const { folder } = new Generation({ group, number });
  disk.list(folder, (listed) => {
    if (!listed.ok) {
      done({ ok: false, failure: diskFailure(listed.error, folder) });
      return;
    }
    const files = listed.value.filter((file) => !which.receiving || file.name !== "snapshot");
    const generation = new Generation({ group, number }, highest("pages", files) + 1);
    const source = new SegmentSource({ ...ports, folder }, highest("bodies", files) + 1);
    const loaded = { generation, source, map: new EntryMap(0) };
    readManifest(ports, generation, (read) => {
      if (!read.ok) done(read);
      else if (read.value === undefined) {
        removeStrangers(disk, { folder, files, manifest: undefined });
        done({ ok: true, value: loaded });
      } else loadContents(ports, { ...loaded, files, manifest: read.value }, done);
    });
  });
}

function highest(kind: "pages" | "bodies", files: readonly DirectoryEntry[]): number {
  let number = 0;
  for (const file of files) number = Math.max(number, numberInName(kind, file.name) ?? 0);
  return number;
}

function readManifest(
  ports: LoadPorts,
  generation: Generation,
  done: StoreDone<Manifest | undefined>,
): void {
  const path = generation.manifestPath;
  readWholeFile(ports.disk, path, (read) => {
    if (!read.ok || read.value === undefined) {
      done(read.ok ? { ok: true, value: undefined } : read);
      return;
    }
    const manifest = decodeManifest(read.value, ports.group, ports.crc32);
    if ("wrong" in manifest) done({ ok: false, failure: damage(path, manifest.wrong) });
    else done({ ok: true, value: manifest });
  });
}

function loadContents(
  ports: LoadPorts,
  found: LoadedGeneration & {
    readonly files: readonly DirectoryEntry[];
    readonly manifest: Manifest;
  },
  done: StoreDone<LoadedGeneration>,
): void {
  const { generation, source, map, files, manifest } = found;
  const { folder } = generation;
  const lengths = new Map(files.map((file) => [file.name, file.bytes]));
  for (const { number, bytes } of manifest.pageFiles) {
    const name = numberedName("pages", number);
    const wrong = lengthProblem(lengths.get(name), bytes);
    if (wrong === undefined) continue;
    done({ ok: false, failure: damage(`${folder}/${name}`, wrong) });
    return;
  }
  for (const { number, bytes } of manifest.bodySegments) {
    // One that is gone may have had nothing alive in it; whether it had is checked below.
    const wrong = lengthProblem(lengths.get(numberedName("bodies", number)), bytes);
    if (wrong === undefined) source.addBodySegment(number, bytes);
  }
  removeStrangers(ports.disk, { folder, files, manifest });
  generation.adopt(manifest);
  const take = (unit: CheckpointUnit): string | undefined =>
    map.loadChunk(unit.key, unit.bytes) ? undefined : `chunk ${unit.key} of the map is damaged`;
  loadUnits(ports, { generation, kind: "map", table: manifest.mapUnits }, take, (failure) => {
    const missing = failure ?? missingSegment(map, source, folder);
    if (missing === undefined) done({ ok: true, value: { generation, map, source } });
    else done({ ok: false, failure: missing });
  });
}

function lengthProblem(actual: number | undefined, stated: number): string | undefined {
  if (actual === undefined) return "is missing";
  return actual < stated ? `has ${actual} bytes instead of ${stated}` : undefined;
}

/** A segment that the map refers to and that is not there. */
function missingSegment(
  map: EntryMap,
  source: SegmentSource,
  folder: string,
): StoreFailure | undefined {
  for (const ref of map.ledger.refs()) {
    if (source.has(ref)) continue;
    const number = segmentNumber(ref);
    const name = isBodySegment(ref) ? numberedName("bodies", number) : `log segment ${number}`;
    return damage(folder, `${name} has live bodies and is missing or cut off`);
  }
  return undefined;
}

/** Removes files that the manifest does not name: leftovers of what a crash interrupted. */
function removeStrangers(
  disk: Disk,
  found: {
    readonly folder: string;
    readonly files: readonly DirectoryEntry[];
    readonly manifest: Manifest | undefined;
  },
): void {
  const named = new Set<string>();
  for (const file of found.manifest?.pageFiles ?? []) named.add(numberedName("pages", file.number));
  for (const file of found.manifest?.bodySegments ?? []) {
    named.add(numberedName("bodies", file.number));
  }
  for (const { name } of found.files) {
    const ours =
      numberInName("pages", name) !== undefined ||
      numberInName("bodies", name) !== undefined ||
      name === "snapshot" ||
      name.endsWith(".tmp");
    if (ours && !named.has(name)) disk.remove(`${found.folder}/${name}`, () => undefined);
  }
}

/** Gives the checked units of one table to `take`, which may refuse one with a reason. */
export function loadUnits(
  ports: { readonly disk: Disk; readonly crc32: Crc32 },
  from: {
    readonly generation: Generation;
    readonly kind: "machine" | "map";
    readonly table: UnitTable;
  },
  take: (unit: CheckpointUnit) => string | undefined,
  done: (failure: StoreFailure | undefined) => void,
): void {
  const { folder, group } = from.generation;
  const { kind, table } = from;
  const stream = UnitStream.of({ ...ports, folder, group }, [{ kind, table }]);
  const next = (): void =>
    stream.next(READ_BYTES, (read) => {
      if (!read.ok || read.value.length === 0) {
        done(read.ok ? undefined : read.failure);
        return;
      }
      for (const unit of read.value) {
        const wrong = take(unit);
        if (wrong === undefined) continue;
        stream.close(() => done(damage(folder, wrong)));
        return;
      }
      next();
    });
  next();
}

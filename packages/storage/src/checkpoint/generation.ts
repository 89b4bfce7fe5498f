/**
 * The folder in which a group's state lives, and what is durable in it: the newest manifest's contents
 * and the page files it names. An installed snapshot brings a new folder, hence generations.
 */
import type { GroupId } from "@kqueuey/base";
import { must } from "@kqueuey/base";
import type { Disk } from "../disk.ts";
import { numberedName } from "../file-header.ts";
import type { CheckpointMeta } from "../store-types.ts";
import type { Manifest, ManifestFile } from "./manifest.ts";
import { type UnitDelta, UnitTable } from "./unit-table.ts";

/** A page file that the newest manifest names. */
interface PageFile {
  readonly bytes: number;
  live: number;
}

export class Generation {
  readonly group: GroupId;
  readonly number: number;
  /** Path of the folder. */
  readonly folder: string;
  machineUnits: UnitTable = new UnitTable();
  mapUnits: UnitTable = new UnitTable();
  #meta: CheckpointMeta | undefined;
  #sequence = 0;
  #pageFiles = new Map<number, PageFile>();
  readonly #pins = new Map<number, number>();
  /** Files that no manifest names any more, to be removed once nobody holds them. */
  #garbage: number[] = [];
  #nextPage: number;

  /** `nextPage`: a number above that of every page file in the folder. */
  constructor(place: { readonly group: GroupId; readonly number: number }, nextPage = 1) {
    this.group = place.group;
    this.number = place.number;
    this.folder = generationFolder(place.group, place.number);
    this.#nextPage = nextPage;
  }

  /** What the newest durable manifest says; undefined before the first. */
  get meta(): CheckpointMeta | undefined {
    return this.#meta;
  }
  /** The newest durable manifest's number; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }
  get manifestPath(): string {
    return `${this.folder}/manifest`;
  }

  pagePath(number: number): string {
    return `${this.folder}/${numberedName("pages", number)}`;
  }

  takePageNumber(): number {
    return this.#nextPage++;
  }

  /** Takes over what a manifest on disk says. */
  adopt(manifest: Manifest): void {
    this.#meta = manifest.meta;
    this.#sequence = manifest.sequence;
    this.machineUnits = manifest.machineUnits;
    this.mapUnits = manifest.mapUnits;
    this.#pageFiles = new Map();
    for (const file of manifest.pageFiles) {
      this.#pageFiles.set(file.number, { bytes: file.bytes, live: 0 });
      this.#nextPage = Math.max(this.#nextPage, file.number + 1);
    }
    for (const table of [this.machineUnits, this.mapUnits]) {
      for (let row = 0; row < table.size; row++) {
        const file = must(this.#pageFiles.get(table.fileAt(row)), "a unit's page file is named");
        file.live += table.lengthAt(row);
      }
    }
  }

  /** Page files with their living bytes as they will be with the changes; new files not included. */
  liveWith(machine: UnitDelta, map: UnitDelta): Map<number, { bytes: number; live: number }> {
    const result = new Map<number, { bytes: number; live: number }>();
    for (const [number, file] of this.#pageFiles) result.set(number, { ...file });
    const pairs = [
      { table: this.machineUnits, delta: machine },
      { table: this.mapUnits, delta: map },
    ];
    for (const { table, delta } of pairs) {
      const hide = (key: number): void => {
        const place = table.get(key);
        if (place === undefined) return;
        must(result.get(place.file), "a unit's page file is named").live -= place.length;
      };
      for (const key of delta.places.keys()) hide(key);
      for (const key of delta.removed) hide(key);
    }
    return result;
  }

  /** A manifest became durable: it names `files`, and the changes are part of the tables. */
  publish(
    manifest: { readonly sequence: number; readonly meta: CheckpointMeta },
    files: readonly ManifestFile[],
    deltas: { readonly machine: UnitDelta; readonly map: UnitDelta },
  ): void {
    const live = this.liveWith(deltas.machine, deltas.map);
    deltas.machine.applyTo(this.machineUnits);
    deltas.map.applyTo(this.mapUnits);
    const named = new Map<number, PageFile>();
    for (const file of files) {
      named.set(file.number, { bytes: file.bytes, live: live.get(file.number)?.live ?? 0 });
    }
    for (const delta of [deltas.machine, deltas.map]) {
      for (const place of delta.places.values()) {
        must(named.get(place.file), "a unit's page file is named").live += place.length;
      }
    }
    for (const number of this.#pageFiles.keys()) {
      if (!named.has(number)) this.#garbage.push(number);
    }
    this.#pageFiles = named;
    this.#meta = manifest.meta;
    this.#sequence = manifest.sequence;
  }

  pageFiles(): readonly ManifestFile[] {
    return [...this.#pageFiles].map(([number, file]) => ({ number, bytes: file.bytes }));
  }

  /** Keeps a page file on disk until `unpin`. */
  pin(number: number): void {
    this.#pins.set(number, (this.#pins.get(number) ?? 0) + 1);
  }

  unpin(number: number): void {
    const count = must(this.#pins.get(number), "a pinned page file") - 1;
    if (count === 0) this.#pins.delete(number);
    else this.#pins.set(number, count);
  }

  /** Removes page files that nothing names or holds. What fails is tried again at the next start. */
  collect(disk: Disk): void {
    const kept: number[] = [];
    for (const number of this.#garbage) {
      if (this.#pins.has(number)) kept.push(number);
      else disk.remove(this.pagePath(number), () => undefined);
    }
    this.#garbage = kept;
  }
}

/** The folder of everything that a group keeps outside of the log. */
export function groupFolder(group: GroupId): string {
  return `groups/${String(group).padStart(5, "0")}`;
}

export function generationFolder(group: GroupId, number: number): string {
  return `${groupFolder(group)}/${numberedName("gen", number)}`;
}

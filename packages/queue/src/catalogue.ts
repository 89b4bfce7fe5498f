/**
 * The catalogue, kept by group 0: which names there are and where their queues live. Creating and
 * deleting are two steps each, in two groups, so an entry remembers which step comes next and anybody
 * can finish what somebody began:
 *
 *     reserve --> reserved (then: create in the queue's group) --confirm--> active
 *     reserved or active --markDeleting--> deleting (then: delete in the queue's group) --forget--> (none)
 */
import type { ByteReader, ByteWriter, GroupId } from "@kqueuey/base";
import { groupId } from "@kqueuey/base";
import type { QueueAttributes, Texts } from "./attributes.ts";
import {
  DEFAULT_ATTRIBUTES,
  decodeAttributes,
  decodeTexts,
  encodeAttributes,
  encodeTexts,
} from "./attributes.ts";
import type { QueueId } from "./ids.ts";
import type { CatalogueState } from "./outcome.ts";
import { presentTexts } from "./queue.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, type UnitLedger, unitKey } from "./units.ts";

const CATALOGUE_UNIT_VERSION = 1;
const STATES: readonly CatalogueState[] = ["reserved", "active", "deleting"];

/** What to create. */
export interface Creation {
  readonly attributes: QueueAttributes;
  readonly extra: Texts;
  readonly tags: Texts;
}

/** A name's entry. */
export interface CatalogueEntry {
  readonly name: string;
  readonly queueId: QueueId;
  readonly group: GroupId;
  /** Counts the places that the queue had: 1 until it is moved. */
  readonly placement: number;
  readonly state: CatalogueState;
  /** There while the queue is reserved. */
  readonly creation: Creation | undefined;
}

export class CatalogueRecord implements Unit, CatalogueEntry {
  readonly name: string;
  readonly queueId: QueueId;
  readonly group: GroupId;
  readonly placement: number;
  readonly key: number;
  state: CatalogueState = "reserved";
  creation: Creation | undefined = undefined;
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(place: { name: string; queueId: QueueId; group: GroupId; placement: number }) {
    this.name = place.name;
    this.queueId = place.queueId;
    this.group = place.group;
    this.placement = place.placement;
    this.key = unitKey(UNIT_KIND.catalogue, place.queueId);
  }

  encode(writer: ByteWriter): void {
    writer.u8(CATALOGUE_UNIT_VERSION);
    writer.text(this.name);
    writer.u16(this.group);
    writer.u32(this.placement);
    writer.u8(STATES.indexOf(this.state));
    writer.u8(this.creation === undefined ? 0 : 1);
    if (this.creation === undefined) return;
    encodeAttributes(writer, this.creation.attributes);
    encodeTexts(writer, this.creation.extra);
    encodeTexts(writer, this.creation.tags);
  }
}

export class Catalogue {
  readonly #units: UnitLedger;
  readonly #byId = new Map<number, CatalogueRecord>();
  readonly #byName = new Map<string, CatalogueRecord>();
  /** In byte order of UTF-8, for names of ASCII; in code-unit order for others. */
  #names: string[] = [];
  /** Ids of entries that are not active. */
  readonly #unfinished = new Set<number>();
  nextQueueId = 1;

  constructor(units: UnitLedger) {
    this.#units = units;
  }

  get size(): number {
    return this.#byId.size;
  }

  byName(name: string): CatalogueRecord | undefined {
    return this.#byName.get(name);
  }

  byId(id: QueueId): CatalogueRecord | undefined {
    return this.#byId.get(id);
  }

  /** Gives the next queue id to a name that is free. */
  reserve(place: { name: string; group: GroupId; creation: Creation }): CatalogueRecord {
    const queueId = this.nextQueueId as QueueId;
    this.nextQueueId += 1;
    const record = new CatalogueRecord({ ...place, queueId, placement: 1 });
    record.creation = place.creation;
    this.#add(record);
    this.#units.add(record);
    return record;
  }

  /** Moves an entry on. */
  setState(record: CatalogueRecord, state: "active" | "deleting"): void {
    this.#units.touch(record);
    record.state = state;
    record.creation = undefined;
    if (state === "active") this.#unfinished.delete(record.queueId);
    else this.#unfinished.add(record.queueId);
  }

  /** The name is free again. */
  remove(record: CatalogueRecord): void {
    this.#byId.delete(record.queueId);
    this.#byName.delete(record.name);
    this.#unfinished.delete(record.queueId);
    const place = this.#placeOf(record.name);
    this.#names.splice(place, 1);
    this.#units.touch(record);
    this.#units.remove(record);
  }

  /** Active entries whose names begin with `prefix`, after `after` exclusively, in order of names. */
  list(options: { prefix: string; after: string; limit: number }): CatalogueEntry[] {
    const { prefix, after, limit } = options;
    const found: CatalogueEntry[] = [];
    let from = prefix;
    if (after > from) from = after;
    for (let place = this.#placeOf(from); place < this.#names.length; place++) {
      if (found.length >= limit) break;
      const name = this.#names[place] ?? "";
      if (!name.startsWith(prefix)) break;
      const record = this.#byName.get(name);
      if (name !== after && record?.state === "active") found.push(record);
    }
    return found;
  }

  /** Entries whose creation or deletion is to be finished, by id. */
  unfinished(limit: number): CatalogueEntry[] {
    const found: CatalogueEntry[] = [];
    for (const id of [...this.#unfinished].sort((a, b) => a - b)) {
      if (found.length >= limit) break;
      const record = this.#byId.get(id);
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  *units(): Iterable<Unit> {
    for (const id of [...this.#byId.keys()].sort((a, b) => a - b)) {
      const record = this.#byId.get(id);
      if (record !== undefined) yield record;
    }
  }

  /** Takes in an entry's unit; false for what is none. */
  load(queueId: QueueId, reader: ByteReader): boolean {
    if (reader.u8() !== CATALOGUE_UNIT_VERSION) return false;
    const name = reader.text();
    const group = groupId(reader.u16());
    const record = new CatalogueRecord({ name, queueId, group, placement: reader.u32() });
    const state = STATES[reader.u8()];
    const hasCreation = reader.u8();
    if (state === undefined || this.#byName.has(name) || this.#byId.has(queueId)) return false;
    record.state = state;
    if (hasCreation === 1) {
      const attributes = { ...DEFAULT_ATTRIBUTES, ...decodeAttributes(reader) };
      const extra = presentTexts(decodeTexts(reader));
      const tags = presentTexts(decodeTexts(reader));
      if (extra === undefined || tags === undefined) return false;
      record.creation = { attributes, extra, tags };
    }
    if (!reader.ok || reader.remaining > 0 || hasCreation !== (state === "reserved" ? 1 : 0))
      return false;
    record.saved = true;
    this.#add(record);
    return true;
  }

  #add(record: CatalogueRecord): void {
    this.#byId.set(record.queueId, record);
    this.#byName.set(record.name, record);
    this.#names.splice(this.#placeOf(record.name), 0, record.name);
    if (record.state !== "active") this.#unfinished.add(record.queueId);
  }

  /** The first place whose name is not before `name`. */
  #placeOf(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#names[middle] ?? "") < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

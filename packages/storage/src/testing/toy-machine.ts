/**
 * The smallest state machine that the store can serve: entries bring bodies and kill bodies. For tests of
 * the store without the queue.
 *
 * An entry's data: the number of kills (u32), per kill an entry (u53) and an offset (u32), then body
 * records one after another: length u32, CRC-32 of the rest u32, the rest.
 */
import { ByteReader, ByteWriter, type Crc32, type LogIndex, logIndex } from "@kqueuey/base";
import type {
  BodyFraming,
  BodyRef,
  CheckpointSource,
  CheckpointUnit,
  LiveBodies,
} from "../store-types.ts";

/** Bytes before a record's contents. */
const PREFIX_BYTES = 8;
/** Entries whose living bodies make one unit. */
const UNIT_ENTRIES = 16;
/** The unit that holds the applied index. */
const INDEX_KEY = 0;

export const TOY_FRAMING: BodyFraming = {
  prefixBytes: PREFIX_BYTES,
  recordLength: (prefix) => {
    const length = new ByteReader(prefix).u32();
    return length < PREFIX_BYTES ? 0 : length;
  },
  verify: (record, crc32) => {
    const reader = new ByteReader(record);
    const length = reader.u32();
    return length === record.length && reader.u32() === crc32(record.subarray(PREFIX_BYTES));
  },
};

/** What a toy entry does. */
export interface ToyEntry {
  readonly kills: readonly BodyRef[];
  readonly bodies: readonly Uint8Array[];
}

export function encodeToyEntry(entry: ToyEntry, crc32: Crc32): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(entry.kills.length);
  for (const kill of entry.kills) {
    writer.u53(kill.entry);
    writer.u32(kill.offset);
  }
  for (const body of entry.bodies) {
    writer.u32(PREFIX_BYTES + body.length);
    writer.u32(crc32(body));
    writer.raw(body);
  }
  return writer.take();
}

/** The contents of a record. */
export function toyBody(record: Uint8Array): Uint8Array {
  return record.subarray(PREFIX_BYTES);
}

export class ToyMachine implements CheckpointSource, LiveBodies {
  /** Offsets of living bodies, per entry. */
  readonly live: Map<number, Set<number>> = new Map();
  appliedIndex = 0;
  readonly #changed = new Set<number>();
  /** Units of the running checkpoint, copied when it began. */
  #copied: CheckpointUnit[] = [];
  #removed: number[] = [];
  #copiedKeys: number[] = [];

  /** Applies an entry; says what was born and what died. */
  apply(
    index: LogIndex,
    data: Uint8Array,
    store: {
      bodiesBorn(entry: LogIndex, count: number): void;
      bodiesDied(entry: LogIndex, count: number): void;
    },
  ): void {
    this.appliedIndex = index;
    this.#changed.add(INDEX_KEY);
    if (data.length === 0) return;
    const reader = new ByteReader(data);
    const kills: BodyRef[] = [];
    const count = reader.u32();
    for (let at = 0; at < count; at++) {
      kills.push({ entry: logIndex(reader.u53()), offset: reader.u32() });
    }
    const offsets = new Set<number>();
    while (reader.remaining > 0) {
      const offset = reader.position;
      offsets.add(offset);
      reader.skip(reader.u32() - 4);
    }
    if (offsets.size > 0) {
      this.live.set(index, offsets);
      this.#touch(index);
      store.bodiesBorn(index, offsets.size);
    }
    for (const kill of kills) {
      const bodies = this.live.get(kill.entry);
      if (bodies?.delete(kill.offset) !== true) continue;
      if (bodies.size === 0) this.live.delete(kill.entry);
      this.#touch(kill.entry);
      store.bodiesDied(kill.entry, 1);
    }
  }

  /** Every living body, entries ascending. */
  refs(): BodyRef[] {
    const refs: BodyRef[] = [];
    for (const [entry, offsets] of [...this.live].sort(([a], [b]) => a - b)) {
      for (const offset of offsets) refs.push({ entry: logIndex(entry), offset });
    }
    return refs;
  }

  visitLiveBodies(
    range: { readonly from: LogIndex; readonly upTo: LogIndex },
    visit: (entry: LogIndex, offset: number) => void,
  ): void {
    for (const [entry, offsets] of this.live) {
      if (entry < range.from || entry > range.upTo) continue;
      for (const offset of offsets) visit(logIndex(entry), offset);
    }
  }

  beginCheckpoint(mode: "changed" | "full"): void {
    const keys = new Set(this.#changed);
    if (mode === "full") {
      keys.add(INDEX_KEY);
      for (const entry of this.live.keys()) keys.add(unitOf(entry));
    }
    this.#changed.clear();
    this.#copied = [];
    this.#removed = [];
    this.#copiedKeys = [...keys];
    for (const key of keys) {
      const bytes = this.#encode(key);
      if (bytes === undefined) this.#removed.push(key);
      else this.#copied.push({ key, bytes });
    }
  }

  nextCheckpointUnits(bytesMax: number): {
    readonly units: readonly CheckpointUnit[];
    readonly removed: readonly number[];
    readonly done: boolean;
  } {
    const units: CheckpointUnit[] = [];
    let bytes = 0;
    while (bytes < bytesMax) {
      const unit = this.#copied.pop();
      if (unit === undefined) break;
      bytes += unit.bytes.length;
      units.push(unit);
    }
    const done = this.#copied.length === 0;
    const removed = done ? this.#removed : [];
    return { units, removed, done };
  }

  endCheckpoint(ok: boolean): void {
    if (!ok) for (const key of this.#copiedKeys) this.#changed.add(key);
    this.#copied = [];
    this.#copiedKeys = [];
  }

  /** Takes back a unit that a checkpoint held. */
  loadUnit(unit: CheckpointUnit): void {
    const reader = new ByteReader(unit.bytes);
    if (unit.key === INDEX_KEY) {
      this.appliedIndex = reader.u53();
      return;
    }
    while (reader.remaining > 0) {
      const entry = reader.u53();
      const offset = reader.u32();
      const offsets = this.live.get(entry) ?? new Set();
      offsets.add(offset);
      this.live.set(entry, offsets);
    }
  }

  #touch(entry: number): void {
    this.#changed.add(unitOf(entry));
  }

  #encode(key: number): Uint8Array | undefined {
    const writer = new ByteWriter();
    if (key === INDEX_KEY) {
      writer.u53(this.appliedIndex);
      return writer.take();
    }
    const first = (key - 1) * UNIT_ENTRIES;
    for (let entry = first; entry < first + UNIT_ENTRIES; entry++) {
      for (const offset of this.live.get(entry) ?? []) {
        writer.u53(entry);
        writer.u32(offset);
      }
    }
    return writer.length === 0 ? undefined : writer.take();
  }
}

function unitOf(entry: number): number {
  return 1 + Math.floor(entry / UNIT_ENTRIES);
}

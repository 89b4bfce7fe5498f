import { Prng } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { EntryMap, type EntryPlace } from "./entry-map.ts";
import { bodySegmentRef } from "./segment-ledger.ts";

function place(position: number, segment = 1): EntryPlace {
  return { segment, position, length: 1000, kind: 1, crc: position };
}

function checkpoint(map: EntryMap): void {
  map.beginCheckpoint();
  while (!map.markGone(1));
  map.takeDirty();
  while (!map.settle(1));
}

describe("the entry map", () => {
  test("finds entries by index, with gaps and out of order", () => {
    const map = new EntryMap(0);
    for (const index of [5, 6, 7, 3000, 9, 1023, 1024]) map.place(index, place(index));
    for (const index of [5, 6, 7, 9, 1023, 1024, 3000]) {
      expect(map.locate(index)).toEqual(place(index));
    }
    for (const index of [4, 8, 1022, 1025, 2999]) expect(map.locate(index)).toBeUndefined();
    expect(map.entries).toBe(7);
  });

  test("agrees with a plain map under random use", () => {
    const random = new Prng(1);
    const map = new EntryMap(0);
    const plain = new Map<number, EntryPlace>();
    for (let step = 0; step < 5000; step++) {
      const index = random.between(1, 4000);
      const at = place(random.between(0, 1e9), random.between(1, 9));
      map.place(index, at);
      plain.set(index, at);
    }
    map.truncateFrom(3500);
    for (const index of plain.keys()) if (index >= 3500) plain.delete(index);
    map.advanceLog(700);
    for (const index of plain.keys()) if (index <= 700) plain.delete(index);
    for (let index = 1; index <= 4000; index++) expect(map.locate(index)).toEqual(plain.get(index));
    expect(map.entries).toBe(plain.size);
  });

  test("keeps an entry with bodies until a checkpoint that began after their death is durable", () => {
    const map = new EntryMap(0);
    map.place(1, place(10));
    map.born(1, 2);
    map.advanceLog(1);
    map.died(1, 1);
    expect(map.ledger.liveBytes(1)).toBe(500);
    map.beginCheckpoint();
    while (!map.markGone(1));
    map.died(1, 1);
    while (!map.settle(1));
    expect(map.locate(1)).toBeDefined();
    expect(map.ledger.bodyEntries(1)).toBe(1);
    expect(map.ledger.liveBytes(1)).toBe(0);
    checkpoint(map);
    expect(map.locate(1)).toBeUndefined();
    expect(map.ledger.bodyEntries(1)).toBe(0);
    expect(map.entries).toBe(0);
    expect(map.bytes).toBe(0);
  });

  test("drops entries without bodies as soon as the log does not need them", () => {
    const map = new EntryMap(0);
    for (let index = 1; index <= 2000; index++) map.place(index, place(index));
    map.born(1500, 1);
    map.advanceLog(1999);
    expect(map.entries).toBe(2);
  });

  test("writes chunks that read back equal, without what is gone or above the index", () => {
    const map = new EntryMap(0);
    for (let index = 1; index <= 600; index++) {
      map.place(index, place(index, index % 3 === 0 ? 7 : 1));
      if (index % 2 === 0) map.born(index, index % 5 === 0 ? 2 : 1);
    }
    map.died(10, 2);
    map.beginCheckpoint();
    while (!map.markGone(100));
    const bytes = map.encodeChunk(0, { upTo: 500, keepGone: false });
    if (bytes === undefined) throw new Error("a chunk");
    const again = new EntryMap(0);
    expect(again.loadChunk(0, bytes)).toBe(true);
    for (let index = 1; index <= 600; index++) {
      const kept = index % 2 === 0 && index <= 500 && index !== 10;
      expect(again.locate(index)).toEqual(kept ? map.locate(index) : undefined);
      if (kept) expect(again.addLive(index, 1)).toBe(true);
    }
    // The chunk holds entries above the index: the next checkpoint writes it again.
    expect(map.takeDirty()).toEqual([0]);
    for (const cut of [0, 1, 2, bytes.length - 1]) {
      expect(new EntryMap(0).loadChunk(0, bytes.subarray(0, cut))).toBe(false);
    }
  });

  test("moves an entry only from where it was copied", () => {
    const map = new EntryMap(0);
    map.place(1, place(10));
    map.born(1, 4);
    map.died(1, 3);
    map.advanceLog(1);
    const segment = bodySegmentRef(3);
    const to = { segment, position: 16, length: 300, kind: 0, crc: 9, bodies: 1 };
    expect(map.move(1, 2, to)).toBe(false);
    expect(map.move(1, 1, to)).toBe(true);
    expect(map.locate(1)?.segment).toBe(segment);
    expect(map.ledger.bodyEntries(1)).toBe(0);
    expect(map.ledger.liveBytes(segment)).toBe(300);
    expect(map.move(99, 1, to)).toBe(false);
  });

  test("costs under 24 bytes an entry when it is full", () => {
    const map = new EntryMap(0);
    for (let index = 1024; index < 1024 * 21; index++) map.place(index, place(index));
    expect(map.bytes / map.entries).toBeLessThan(24);
  });
});

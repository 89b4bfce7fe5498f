import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { BlockTable, decodeBlockTable, encodeBlockTable } from "./body-block.ts";

const RANGES = [
  { offset: 10, length: 5 },
  { offset: 40, length: 1 },
  { offset: 1000, length: 200 },
];

describe("a block's table", () => {
  test("reads back, and says how much of the block it needs", () => {
    const bytes = encodeBlockTable(77, RANGES, crc32);
    const table = decodeBlockTable(bytes, crc32);
    if (!(table instanceof BlockTable)) throw new Error("a table");
    expect(table.index).toBe(77);
    expect(table.ranges).toEqual(RANGES);
    expect(table.blockBytes).toBe(bytes.length + 206);
    expect(decodeBlockTable(bytes.subarray(0, 10), crc32)).toEqual({ needed: 20 });
    expect(decodeBlockTable(bytes.subarray(0, 30), crc32)).toEqual({ needed: bytes.length });
  });

  test("finds the bytes of the entry that are in the block, and no others", () => {
    const table = new BlockTable(1, RANGES);
    const start = table.tableBytes;
    expect(table.find(10)).toEqual({ position: start, available: 5 });
    expect(table.find(14)).toEqual({ position: start + 4, available: 1 });
    expect(table.find(40)).toEqual({ position: start + 5, available: 1 });
    expect(table.find(1100)).toEqual({ position: start + 6 + 100, available: 100 });
    for (const offset of [0, 9, 15, 39, 41, 999, 1200]) expect(table.find(offset)).toBeUndefined();
  });

  test("is damaged by any flipped bit", () => {
    const bytes = encodeBlockTable(77, RANGES, crc32);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeBlockTable(flipped, crc32)).not.toBeInstanceOf(BlockTable);
    }
  });
});

import { ByteWriter, wallTime } from "@kqueuey/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum32 } from "../test/driver.ts";
import {
  bodyRecordLength,
  decodeBodyRecord,
  encodeBodyRecord,
  isWholeBodyRecord,
} from "./body-record.ts";
import { sizeClassOf, sizeOfClass } from "./size-class.ts";

const records = fc.record({
  sentAtMs: fc.nat().map(wallTime),
  bodyMd5: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  sender: fc.string({ maxLength: 100 }),
  traceHeader: fc.option(fc.string({ maxLength: 50 }), { nil: undefined }),
  attributes: fc.array(
    fc.record({ name: fc.string(), type: fc.string(), value: fc.uint8Array() }),
    { maxLength: 10 },
  ),
  body: fc.uint8Array({ maxLength: 300 }),
});

describe("a body record", () => {
  it("comes back as it was written, and says its length", () => {
    fc.assert(
      fc.property(records, (record) => {
        const writer = new ByteWriter();
        writer.u8(9);
        encodeBodyRecord(writer, record, sum32);
        const bytes = writer.view();
        expect(bodyRecordLength(bytes, 1)).toBe(bytes.length - 1);
        expect(decodeBodyRecord(bytes.subarray(1), sum32)).toEqual(record);
      }),
      { numRuns: 50 },
    );
  });

  it("that is damaged anywhere is not taken", () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (record, at, xor) => {
        const writer = new ByteWriter();
        encodeBodyRecord(writer, record, sum32);
        const bytes = writer.take();
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ xor;
        expect(decodeBodyRecord(bytes, sum32)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
    expect(bodyRecordLength(new Uint8Array(7), 0)).toBeUndefined();
  });
});

describe("zeroes, which a disk has where a write went astray", () => {
  // As CRC-32: nothing sums up to nothing.
  const crc = (bytes: Uint8Array): number => (bytes.length === 0 ? 0 : sum32(bytes));

  it.each([8, 33, 100])("are no record (%i bytes)", (length) => {
    const zeroes = new Uint8Array(length);
    expect(isWholeBodyRecord(zeroes, crc)).toBe(false);
    expect(isWholeBodyRecord(zeroes.subarray(0, bodyRecordLength(zeroes, 0)), crc)).toBe(false);
    expect(decodeBodyRecord(zeroes.subarray(0, bodyRecordLength(zeroes, 0)), crc)).toBeUndefined();
  });
});

describe("a size class", () => {
  it("is at least the size, and at most 1/8 more", () => {
    for (const size of [0, 1, 15, 16, 17, 33, 143, 144, 145, 1_000, 65_535, 65_536, 4_194_304]) {
      const rounded = sizeOfClass(sizeClassOf(size));
      expect(rounded).toBeGreaterThanOrEqual(size);
      expect(rounded).toBeLessThanOrEqual(size * 1.125);
      expect(sizeClassOf(size)).toBeLessThan(256);
    }
    fc.assert(
      fc.property(fc.nat(4_194_304), (size) => {
        const rounded = sizeOfClass(sizeClassOf(size));
        return rounded >= size && rounded <= size * 1.125;
      }),
    );
  });
});

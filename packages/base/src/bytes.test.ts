import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter, equalBytes } from "./bytes.ts";

describe("text", () => {
  it("comes back as it went in, short or long, ASCII or not", () => {
    const texts = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.constantFrom("", "a".repeat(64), "a".repeat(65), "é", `${"a".repeat(31)}é`, "\u0000"),
    );
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 5 }), (values) => {
        const whole = values.filter((value) => !/\p{Surrogate}/u.test(value));
        const writer = new ByteWriter(1);
        for (const value of whole) writer.text(value);
        const reader = new ByteReader(writer.view());
        expect(whole.map(() => reader.text())).toEqual(whole);
        expect(reader.ok && reader.remaining === 0).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("is the same bytes by the short way as by the encoder", () => {
    const writer = new ByteWriter(1);
    writer.u8(7);
    writer.text("abc");
    expect([...writer.view()]).toEqual([7, 3, 97, 98, 99]);
    expect([...writer.view(2)]).toEqual([97, 98, 99]);
  });

  it("that is not UTF-8 fails the reader", () => {
    const reader = new ByteReader(new Uint8Array([1, 0xff]));
    expect(reader.text()).toBe("");
    expect(reader.ok).toBe(false);
  });
});

describe("integers of 48 and 53 bits", () => {
  const edges = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x1_8000_0001];
  it.each([...edges, 0xffff_ffff_ffff])(
    "of 48 bits: %d is 6 bytes, the low ones first",
    (value) => {
      const writer = new ByteWriter(1);
      writer.u48(value);
      const bytes = [...writer.view()];
      expect(bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)).toBe(value);
      expect([bytes.length, new ByteReader(writer.view()).u48()]).toEqual([6, value]);
    },
  );

  it("in rows of words, all of them or none", () => {
    const writer = new ByteWriter(1);
    for (const value of [1, 0xffff_ffff, 7]) writer.u32(value);
    const words = new Uint32Array(4);
    const reader = new ByteReader(writer.view());
    reader.u32s(words, 1, 2);
    expect([...words]).toEqual([0, 1, 0xffff_ffff, 0]);
    expect(reader.remaining).toBe(4);
    reader.u32s(words, 0, 2);
    expect(reader.ok).toBe(false);
    expect([...words]).toEqual([0, 1, 0xffff_ffff, 0]);
  });

  it.each([...edges, Number.MAX_SAFE_INTEGER])("of 53 bits: %d is 8 bytes", (value) => {
    const writer = new ByteWriter(1);
    writer.u53(value);
    const bytes = [...writer.view()];
    expect(bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)).toBe(value);
    expect([bytes.length, new ByteReader(writer.view()).u53()]).toEqual([8, value]);
  });
});

describe("equalBytes", () => {
  it("sees one different byte at any place, in short and in long ones, wherever they begin", () => {
    for (const length of [0, 1, 63, 64, 65, 66, 67, 200]) {
      const one = Uint8Array.from({ length }, (_, i) => i * 7);
      const other = new Uint8Array(length + 3);
      other.set(one, 3);
      const same = other.subarray(3);
      expect(equalBytes(one, same)).toBe(true);
      expect(equalBytes(one, other.subarray(2))).toBe(false);
      for (let at = 0; at < length; at++) {
        same[at] = (same[at] ?? 0) ^ 0x80;
        expect(equalBytes(one, same)).toBe(false);
        same[at] = (same[at] ?? 0) ^ 0x80;
      }
    }
  });
});

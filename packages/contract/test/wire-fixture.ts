/** What the property tests of the hand-written codecs share. */
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect } from "vitest";
import { WireWriter } from "../src/wire/writer.ts";

/** One writer for all: frames must not leak into each other. */
export const writer: WireWriter = new WireWriter();
export const utf8: { encode(text: string): Uint8Array<ArrayBuffer> } = new TextEncoder();

export function written(write: () => void): Uint8Array {
  write();
  return writer.take();
}

/** Compares as canonical bytes: equal messages have equal bytes, whatever made them. */
export function expectSame<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  expected: MessageShape<Desc>,
): void {
  expect(toBinary(schema, fromBinary(schema, bytes))).toEqual(toBinary(schema, expected));
}

export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 200 }),
);
export const u32: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
export const u53: fc.Arbitrary<number> = fc.oneof(
  u32,
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);
export const data: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 3_000 }),
);
export const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

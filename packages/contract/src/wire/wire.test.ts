import { describe, expect, test } from "vitest";
import { KQueueyError } from "../errors.ts";
import { WireReader } from "./reader.ts";
import { WireWriter } from "./writer.ts";

function bytesOf(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return KQueueyError.is(error) ? error.code : `not ours: ${String(error)}`;
  }
  return "nothing thrown";
}

describe("the writer", () => {
  test("numbers of every length read back", () => {
    for (const value of [0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
      const writer = new WireWriter();
      writer.uintField(3, value);
      const reader = new WireReader(writer.take());
      expect(reader.next()).toBe(true);
      expect(reader.uint53()).toBe(value);
    }
  });

  test("a length that was guessed too short or too long is put right", () => {
    for (const [guess, length] of [
      [0, 300],
      [300, 0],
      [0, 20_000],
      [20_000, 5],
      [127, 127],
    ] as const) {
      const writer = new WireWriter();
      const mark = writer.begin(1, guess);
      writer.raw(new Uint8Array(length).fill(7));
      writer.end(mark);
      writer.uintField(2, 9);
      const reader = new WireReader(writer.take());
      reader.next();
      expect(reader.data()).toEqual(new Uint8Array(length).fill(7));
      reader.next();
      expect(reader.uint32()).toBe(9);
    }
  });

  test("what was taken is not touched by what is written later, also across slabs", () => {
    const writer = new WireWriter();
    const taken: Uint8Array[] = [];
    for (let i = 0; i < 300; i++) {
      writer.raw(new Uint8Array(1_000).fill(i & 0xff));
      taken.push(writer.take());
    }
    taken.forEach((bytes, i) => {
      expect(bytes).toEqual(new Uint8Array(1_000).fill(i & 0xff));
    });
  });

  test("texts of any kind and length are UTF-8", () => {
    for (const text of ["", "ascii", "é", `${"x".repeat(127)}é`, "😀".repeat(50_000)]) {
      const writer = new WireWriter();
      writer.textField(1, text);
      const reader = new WireReader(writer.take());
      reader.next();
      expect(reader.text()).toBe(text);
    }
  });

  test("reset forgets a frame that is not wanted", () => {
    const writer = new WireWriter();
    writer.raw(bytesOf(1, 2, 3));
    writer.reset();
    expect(writer.length).toBe(0);
    writer.raw(bytesOf(4));
    expect(writer.take()).toEqual(bytesOf(4));
  });
});

describe("frames of a writer", () => {
  test("keep their bytes, whatever is written after them", () => {
    const writer = new WireWriter();
    const sizes = [10, 70_000, 20, 200_000, 16_000, 17_000, 1, 500_000, 30];
    const frames = sizes.map((size, i) => {
      writer.raw(bytesOf(i + 1));
      writer.raw(new Uint8Array(size).fill(i + 1));
      return writer.take();
    });
    frames.forEach((frame, i) => {
      expect(frame).toEqual(new Uint8Array((sizes[i] ?? 0) + 1).fill(i + 1));
    });
  });

  test("that are large are written into memory of ones that are out, when these are given back", () => {
    const writer = new WireWriter();
    const write = (size: number): Uint8Array => {
      writer.raw(bytesOf(7));
      writer.lengthField(1, size);
      writer.raw(new Uint8Array(size));
      return writer.take();
    };
    const [first, small, second] = [write(300_000), write(30), write(300_000)];
    expect(second.buffer).not.toBe(first.buffer);
    expect(small.buffer).not.toBe(first.buffer);
    writer.giveBack(first);
    writer.giveBack(small);
    expect(write(40).buffer).toBe(small.buffer);
    expect(write(250_000).buffer).toBe(first.buffer);
    expect(write(250_000).buffer).not.toBe(first.buffer);
    writer.giveBack(second);
    expect(write(400_000).buffer).toBe(second.buffer);
  });

  test("that were not wanted leave nothing behind", () => {
    const writer = new WireWriter();
    writer.raw(new Uint8Array(300_000).fill(9));
    writer.reset();
    writer.raw(bytesOf(1, 2));
    const frame = writer.take();
    expect(frame).toEqual(bytesOf(1, 2));
    writer.giveBack(frame);
    writer.raw(bytesOf(3));
    expect(writer.take()).toEqual(bytesOf(3));
    expect(frame).toEqual(bytesOf(1, 2));
  });
});

describe("the reader refuses as MALFORMED_REQUEST", () => {
  const skipAll = (bytes: Uint8Array) => () => {
    const reader = new WireReader(bytes);
    while (reader.next()) reader.skip();
  };

  test.each([
    ["a tag cut short", bytesOf(0x80)],
    ["field number 0", bytesOf(0x00)],
    ["a varint that does not end", new Uint8Array(12).fill(0xff)],
    ["a value cut short", bytesOf(0x08)],
    ["a length past the end", bytesOf(0x0a, 5, 1)],
    ["a length of 4 GiB", bytesOf(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    ["wire type 6", bytesOf(0x0e)],
    ["the end of a group that did not begin", bytesOf(0x0c)],
    ["a group that does not end", bytesOf(0x0b, 0x08, 1)],
    ["a group that ends as another", bytesOf(0x0b, 0x14)],
    ["groups nested without end", new Uint8Array(200).fill(0x0b)],
    ["fixed64 cut short", bytesOf(0x09, 1, 2, 3)],
    ["fixed32 cut short", bytesOf(0x0d, 1)],
  ])("%s", (_title, bytes) => {
    expect(codeOf(skipAll(bytes))).toBe("MALFORMED_REQUEST");
  });

  test("a wire type that the field does not have, a number too large, text that is not UTF-8", () => {
    const read = (bytes: Uint8Array, how: (reader: WireReader) => unknown) => () => {
      const reader = new WireReader(bytes);
      reader.next();
      how(reader);
    };
    expect(codeOf(read(bytesOf(0x0d, 1, 2, 3, 4), (r) => r.uint32()))).toBe("MALFORMED_REQUEST");
    expect(codeOf(read(bytesOf(0x08, 1), (r) => r.text()))).toBe("MALFORMED_REQUEST");
    expect(codeOf(read(bytesOf(0x0a, 1, 0xff), (r) => r.text()))).toBe("MALFORMED_REQUEST");
    expect(codeOf(read(bytesOf(0x0a, 1, 0xff), (r) => r.textAsData()))).toBe("MALFORMED_REQUEST");
    const above = bytesOf(0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10);
    expect(codeOf(read(above, (r) => r.uint53()))).toBe("MALFORMED_REQUEST");
  });

  test("unknown fields of every wire type are passed over", () => {
    const bytes = bytesOf(
      ...[0x08, 0x96, 0x01],
      ...[0x11, 1, 2, 3, 4, 5, 6, 7, 8],
      ...[0x1a, 2, 7, 7],
      ...[0x23, 0x08, 1, 0x2b, 0x2c, 0x24],
      ...[0x35, 1, 2, 3, 4],
      ...[0x38, 42],
    );
    const reader = new WireReader(bytes);
    let last = 0;
    while (reader.next()) {
      if (reader.field === 7) last = reader.uint32();
      else reader.skip();
    }
    expect(last).toBe(42);
  });
});

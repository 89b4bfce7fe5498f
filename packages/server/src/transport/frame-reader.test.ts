import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader } from "./frame-reader.ts";

function withLength(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + frame.length);
  new DataView(out.buffer).setUint32(0, frame.length, true);
  out.set(frame, 4);
  return out;
}

test("frames come out whole however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.map(withLength));
        const reader = new FrameReader(1_000);
        const seen: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          expect(reader.push(stream.subarray(at, at + size), (f) => seen.push(f))).toBe(true);
          at += size;
        }
        expect(seen).toEqual(frames.map((f) => new Uint8Array(f)));
      },
    ),
  );
});

test("a frame of no bytes or of too many is refused before memory is taken for it", () => {
  const seen: Uint8Array[] = [];
  expect(new FrameReader(10).push(new Uint8Array([0, 0, 0, 0]), (f) => seen.push(f))).toBe(false);
  expect(new FrameReader(10).push(new Uint8Array([11, 0, 0, 0]), (f) => seen.push(f))).toBe(false);
  expect(new FrameReader(10).push(new Uint8Array(4).fill(255), (f) => seen.push(f))).toBe(false);
  expect(seen).toEqual([]);
});

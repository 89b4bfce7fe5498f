import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KQueueyError } from "./errors.ts";
import {
  beginFrame,
  decodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type FrameKind,
  METHOD,
  methodName,
} from "./stream.ts";
import { WireWriter } from "./wire/writer.ts";

const kinds = Object.values(FRAME_KIND);

describe("frames", () => {
  test("the header has the documented bytes", () => {
    const writer = new WireWriter();
    beginFrame(writer, {
      requestId: 0x0403_0201,
      kind: FRAME_KIND.request,
      method: METHOD.receive,
    });
    writer.raw(new Uint8Array([9, 9]));
    expect([...writer.take()]).toEqual([1, 2, 3, 4, 3, 2, 0, 0, 9, 9]);
  });

  test("a response may carry a leader hint before its payload", () => {
    const writer = new WireWriter();
    const leaderUrl = "http://10.0.0.2:9324";
    beginFrame(writer, { requestId: 7, kind: FRAME_KIND.response, method: METHOD.send, leaderUrl });
    writer.raw(new Uint8Array([5]));
    const frame = decodeFrame(writer.take());
    expect(frame).toMatchObject({ requestId: 7, kind: FRAME_KIND.response, method: 1, leaderUrl });
    expect([...frame.bytes.subarray(frame.payloadStart)]).toEqual([5]);
  });

  test("every header reads back as written, one after the other from one writer", () => {
    const writer = new WireWriter();
    const header = fc.record({
      requestId: fc.integer({ min: 0, max: 0xffff_ffff }),
      kind: fc.constantFrom(...kinds),
      method: fc.constantFrom(...Object.values(METHOD)),
    });
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 300 }), (written, payload) => {
        beginFrame(writer, written);
        writer.raw(payload);
        const frame = decodeFrame(writer.take());
        expect(frame).toMatchObject({ ...written, leaderUrl: undefined });
        expect(frame.bytes.subarray(frame.payloadStart)).toEqual(payload);
      }),
    );
  });

  test("random bytes are a frame or MALFORMED_REQUEST", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          const frame = decodeFrame(bytes);
          expect(frame.payloadStart).toBeGreaterThanOrEqual(FRAME_HEADER_BYTES);
          expect(frame.payloadStart).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(KQueueyError.is(error) && error.code).toBe("MALFORMED_REQUEST");
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([0, 8, 255])("kind %d does not exist", (kind) => {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    bytes[4] = kind;
    expect(() => decodeFrame(bytes)).toThrow(`malformed frame: its kind is ${kind}`);
  });

  test("a method has one name, and an unknown number none", () => {
    for (const [name, method] of Object.entries(METHOD)) expect(methodName(method)).toBe(name);
    expect(methodName(0)).toBeUndefined();
    expect(methodName(200)).toBeUndefined();
    const all: FrameKind[] = [...kinds];
    expect(new Set(all).size).toBe(all.length);
  });
});

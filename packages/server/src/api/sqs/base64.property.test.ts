import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "./base64.ts";

test("base64 is Node's, and decoding is its inverse", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const text = encodeBase64(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64"));
      expect(decodeBase64(text)).toEqual(bytes);
      expect(decodeBase64(text.replaceAll("=", ""))).toEqual(bytes);
    }),
  );
});

test.each(["a", "ab=c", "a===", "====", "ab\u00e9d", "ab d", "\u{1f600}"])(
  "%j is not base64",
  (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  },
);

import { expect, test } from "vitest";
import { nodeRandom, randomBytes } from "./random.ts";

test("numbers are drawn over the whole range, across refills", () => {
  const drawn = Array.from({ length: 5_000 }, () => nodeRandom.nextU32());
  expect(new Set(drawn).size).toBeGreaterThan(4_990);
  expect(drawn.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(
    true,
  );
  expect(Math.max(...drawn)).toBeGreaterThan(2 ** 31);
});

test("random bytes have memory of their own", () => {
  const bytes = randomBytes(32);
  expect(bytes).toHaveLength(32);
  expect(bytes.buffer.byteLength).toBe(32);
  expect(randomBytes(32)).not.toEqual(bytes);
});

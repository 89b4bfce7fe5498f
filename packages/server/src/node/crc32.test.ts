import { expect, test } from "vitest";
import { nodeCrc32 } from "./crc32.ts";

const bytes = new TextEncoder().encode("123456789");

test("is CRC-32 as everyone computes it", () => {
  expect(nodeCrc32(bytes)).toBe(0xcbf43926);
});

test("goes on from a seed", () => {
  expect(nodeCrc32(bytes.subarray(4), nodeCrc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
});

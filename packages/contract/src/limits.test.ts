import { expect, test } from "vitest";
import {
  describeOutOfRange,
  isWithin,
  type Limits,
  QUEUE_ATTRIBUTE_DEFAULTS,
  RELAXED_LIMITS,
  STRICT_LIMITS,
} from "./limits.ts";
import { FRAME_BYTES_MAX } from "./stream.ts";

const names = Object.keys(RELAXED_LIMITS) as (keyof Limits)[];

test.each(names)("%s: a range in both profiles, the strict one within the relaxed one", (name) => {
  const relaxed = RELAXED_LIMITS[name];
  const strict = STRICT_LIMITS[name];
  expect(relaxed.min).toBeLessThanOrEqual(relaxed.max);
  expect(isWithin(relaxed, strict.min) && isWithin(relaxed, strict.max)).toBe(true);
});

test("the defaults of a queue are allowed", () => {
  for (const [name, value] of Object.entries(QUEUE_ATTRIBUTE_DEFAULTS)) {
    expect(isWithin(RELAXED_LIMITS[name as keyof Limits], value)).toBe(true);
  }
});

test("a full batch with its attributes fits a frame", () => {
  expect(RELAXED_LIMITS.batchBytes.max + 1_000 * 1_024).toBeLessThan(FRAME_BYTES_MAX);
  const lastMessage = RELAXED_LIMITS.maximumMessageBytes.max;
  expect(RELAXED_LIMITS.receiveBytes.max + lastMessage + 1_000 * 1_024).toBeLessThan(
    FRAME_BYTES_MAX,
  );
});

test.each([0, 900_000])("%d is a delay", (value) => {
  expect(describeOutOfRange("delayMs", value, RELAXED_LIMITS.delayMs)).toBeUndefined();
});

test.each([-1, 900_001, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("%d is none", (value) => {
  expect(describeOutOfRange("delayMs", value, RELAXED_LIMITS.delayMs)).toBe(
    `delayMs is ${value}; it must be a whole number from 0 to 900000`,
  );
});

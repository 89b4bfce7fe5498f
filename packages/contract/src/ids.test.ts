import { describe, expect, test } from "vitest";
import {
  parseMessageId,
  parseQueueName,
  parseReceiptHandle,
  QUEUE_NAME_LENGTH_MAX,
} from "./ids.ts";
import { RELAXED_LIMITS } from "./limits.ts";

describe("queue names", () => {
  test.each(["a", "orders", "Orders_2026-11", "x".repeat(80), "-", "_"])("%s is one", (text) => {
    expect(parseQueueName(text)).toEqual({ ok: true, value: text });
  });

  test.each([
    ["", "a queue name must not be empty"],
    [
      "a b",
      'character 2 of the queue name is " "; letters, digits, hyphens and underscores are allowed',
    ],
    [
      "a/b",
      'character 2 of the queue name is "/"; letters, digits, hyphens and underscores are allowed',
    ],
    [
      "né",
      'character 2 of the queue name is "é"; letters, digits, hyphens and underscores are allowed',
    ],
    [
      "a\n",
      'character 2 of the queue name is "\\n"; letters, digits, hyphens and underscores are allowed',
    ],
    ["x".repeat(81), "the queue name has 81 characters; at most 80 are allowed"],
  ])("%j is none, and the reason is exact", (text, reason) => {
    expect(parseQueueName(text)).toEqual({ ok: false, reason });
  });

  test("the parser and the limits agree on the length", () => {
    expect(RELAXED_LIMITS.queueNameBytes.max).toBe(QUEUE_NAME_LENGTH_MAX);
  });
});

describe("message ids", () => {
  test("a UUID in lower case is one", () => {
    const text = "0a1b2c3d-0000-4000-8000-00112233aabb";
    expect(parseMessageId(text)).toEqual({ ok: true, value: text });
  });

  test.each(["", "0A1B2C3D-0000-4000-8000-00112233AABB", "0a1b2c3d00004000800000112233aabb"])(
    "%j is none",
    (text) => {
      const reason = "a message id is a UUID in lower-case hex: 8-4-4-4-12 digits";
      expect(parseMessageId(text)).toEqual({ ok: false, reason });
    },
  );
});

describe("receipt handles", () => {
  test("printable ASCII may be one", () => {
    expect(parseReceiptHandle("AQEB+/=_-.~")).toEqual({ ok: true, value: "AQEB+/=_-.~" });
  });

  test.each([
    ["", "a receipt handle must not be empty"],
    ["ab c", "character 3 of the receipt handle is not printable ASCII"],
    ["x".repeat(1_025), "the receipt handle has 1025 characters; at most 1024 are possible"],
  ])("%j can be none", (text, reason) => {
    expect(parseReceiptHandle(text)).toEqual({ ok: false, reason });
  });
});

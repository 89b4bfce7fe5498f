import type { HotPackedMessages } from "@kqueuey/contract";
import { describe, expect, test } from "vitest";
import { receiptRunsOf, unpackMessages } from "./packed-message.ts";

function packed(seed: number): HotPackedMessages {
  return {
    bodies: { bytes: Buffer.from("onetwothree"), lengths: Uint32Array.of(3, 3, 5) },
    messageIds: Uint8Array.from({ length: 48 }, (_, i) => i + seed),
    receipts: {
      head: Uint8Array.of(seed, 1),
      parts: Uint8Array.from({ length: 24 }, (_, i) => i),
      tail: Uint8Array.of(seed, 2),
    },
    fencingToken: 40,
    sender: "someone",
    sentAtMs: 1_000,
    sentAfterMs: Uint32Array.of(0, 5, 7),
    firstReceivedAtMs: 2_000,
    firstReceivedAfterMs: Uint32Array.of(1, 0, 2),
    receiveCounts: Uint32Array.of(1, 2, 3),
    leaseRemainingMs: 30_000,
  };
}

describe("a packed answer", () => {
  test("has its messages in order, each with its own columns", () => {
    const messages = unpackMessages(packed(3));
    expect(messages.map(({ body }) => Buffer.from(body).toString())).toEqual([
      "one",
      "two",
      "three",
    ]);
    const [, second] = messages;
    expect(second).toMatchObject({
      messageId: "13141516-1718-191a-1b1c-1d1e1f202122",
      receiptHandle: Buffer.from([3, 1, 8, 9, 10, 11, 12, 13, 14, 15, 3, 2]).toString("base64url"),
      fencingToken: 41,
      sender: "someone",
      sentAtMs: 1_005,
      firstReceivedAtMs: 2_000,
      receiveCount: 2,
      leaseRemainingMs: 30_000,
    });
  });

  test("gives its receipts back as it got them when all are named in order", () => {
    const answer = packed(3);
    const runs = receiptRunsOf(unpackMessages(answer));
    expect(runs).toEqual([answer.receipts]);
  });

  test("gives some of them, in any order, and those of several answers one after another", () => {
    const [first, second, third] = unpackMessages(packed(3));
    const [other] = unpackMessages(packed(9));
    if (!first || !second || !third || !other) throw new Error("messages are missing");
    const runs = receiptRunsOf([third, first, other, second]);
    expect(runs?.map(({ head, parts }) => [head[0], parts[0], parts.length])).toEqual([
      [3, 16, 16],
      [9, 0, 8],
      [3, 8, 8],
    ]);
  });

  test("is of no use for handles that came as text", () => {
    expect(receiptRunsOf(["handle", ...unpackMessages(packed(3))])).toBeUndefined();
  });
});

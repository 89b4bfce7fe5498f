import { createHmac } from "node:crypto";
import { groupId } from "@kqueuey/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fencingToken, queueId, sequence } from "./ids.ts";
import { messageId } from "./message-id.ts";
import { decodeReceipt, encodeGrantReceipts, grantMac, type Mac, type Receipt } from "./receipt.ts";

const key = new Uint8Array(32).fill(5);
const mac: Mac = (bytes) => createHmac("sha256", key).update(bytes).digest();

/** The handle of one message of its grant. */
function encodeReceipt(receipt: Receipt, mac16: Uint8Array): string {
  const sequences = Float64Array.of(receipt.sequence);
  const tokens = Float64Array.of(receipt.token);
  const [handle = ""] = encodeGrantReceipts(receipt, { count: 1, sequences, tokens }, { mac16 });
  return handle;
}

const receipts: fc.Arbitrary<Receipt> = fc
  .record({
    group: fc.nat(0xffff),
    queue: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    number: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    first: fc.integer({ min: 1, max: 2 ** 48 - 2_000 }),
    count: fc.integer({ min: 1, max: 1_000 }),
    place: fc.nat(999),
  })
  .map(({ group, queue, number, first, count, place }) => ({
    group: groupId(group),
    queueId: queueId(queue),
    sequence: sequence(number),
    token: fencingToken(first + (place % count)),
    grantFirst: fencingToken(first),
    grantCount: count,
  }));

describe("a receipt handle", () => {
  it("tells its lease again", () => {
    fc.assert(
      fc.property(receipts, (receipt) => {
        const text = encodeReceipt(receipt, grantMac(receipt, mac));
        expect(text).toMatch(/^[\w-]{55}$/);
        expect(decodeReceipt(text, mac)).toEqual({ ok: true, receipt });
      }),
      { numRuns: 50 },
    );
  });

  it("with one character changed in what the MAC covers, or under another key, is refused", () => {
    fc.assert(
      fc.property(receipts, fc.nat(21), (receipt, at) => {
        const text = encodeReceipt(receipt, grantMac(receipt, mac));
        const other = text[at] === "A" ? "B" : "A";
        const changed = text.slice(0, at) + other + text.slice(at + 1);
        expect(decodeReceipt(changed, mac).ok).toBe(false);
        const foreign: Mac = (bytes) => mac(new Uint8Array([...bytes, 1]));
        expect(decodeReceipt(text, foreign).ok).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  it("is never made of garbage, and garbage never throws", () => {
    const garbage = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.base64String(),
      fc.constant("A".repeat(55)),
    );
    fc.assert(
      fc.property(garbage, (text) => {
        expect(decodeReceipt(text, mac)).toEqual({ ok: false });
      }),
    );
  });
});

describe("a message id", () => {
  it("is a UUID that queue and sequence determine, and the key", () => {
    const id = messageId(key, queueId(1), sequence(1));
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(messageId(key, queueId(1), sequence(1))).toBe(id);
    expect(messageId(new Uint8Array(32).fill(6), queueId(1), sequence(1))).not.toBe(id);
    // Ids are formats: they must not change between versions.
    expect(id).toBe("f4389a1b-a903-88e4-a9db-e1bf411ac9ef");
  });

  it("differs between neighbours in most of its bits", () => {
    const seen = new Set<string>();
    let equal = 0;
    for (let queue = 1; queue <= 20; queue++) {
      for (let number = 1; number <= 500; number++) {
        const id = messageId(key, queueId(queue), sequence(number));
        const next = messageId(key, queueId(queue), sequence(number + 1));
        for (let i = 0; i < id.length; i++) if (id[i] === next[i] && id[i] !== "-") equal += 1;
        seen.add(id);
      }
    }
    expect(seen.size).toBe(10_000);
    // 30 free digits of 16 values, one fixed digit, and one of 4 values: 3.1 equal on average.
    expect(equal / 10_000).toBeGreaterThan(2.8);
    expect(equal / 10_000).toBeLessThan(3.5);
  });
});

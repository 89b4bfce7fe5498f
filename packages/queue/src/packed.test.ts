/** The packed forms give the same bytes, ids and receipts as the forms for single messages. */
import { createHmac } from "node:crypto";
import { crc32 } from "node:zlib";
import { ByteWriter, encodeUtf8, groupId, wallTime } from "@kqueuey/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBodyRecord, PLAIN_SENDER_START, readPlainRecord } from "./body-record.ts";
import { encodePackedSend, encodePackedTombstone, encodeSend, encodeTombstone } from "./command.ts";
import { fencingToken, queueId, sequence } from "./ids.ts";
import { messageId, messageIdRun } from "./message-id.ts";
import {
  decodeReceipt,
  decodeReceiptRun,
  encodeGrantReceipts,
  grantMac,
  packReceipts,
  RECEIPT_PART_BYTES,
} from "./receipt.ts";

const requestId = { kind: "hash", hash: new Uint8Array(16).fill(9) } as const;
const mac = (bytes: Uint8Array): Uint8Array => createHmac("sha256", "k").update(bytes).digest();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), {
  minLength: 1,
  maxLength: 20,
});
const sender = fc.constantFrom("", "anonymous", "ünïcode");

function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return hex(writer.view());
}

describe("packed sends", () => {
  it("are the same command as the messages one by one", () => {
    fc.assert(
      fc.property(bodies, sender, (all, from) => {
        const about = { requestId, queueId: queueId(3) };
        const sentAtMs = wallTime(1_700_000_000_123);
        const packed = {
          bodies: Uint8Array.from(all.flatMap((body) => [...body])),
          lengths: Uint32Array.from(all, (body) => body.length),
          sentAtMs,
          sender: from,
        };
        const messages = all.map((body) => ({
          body,
          sentAtMs,
          sender: from,
          bodyMd5: new Uint8Array(16),
          traceHeader: undefined,
          attributes: [],
        }));
        expect(written((w) => encodePackedSend(w, { ...about, ...packed }, crc32))).toBe(
          written((w) => encodeSend(w, { ...about, messages }, crc32)),
        );
      }),
    );
  });
});

describe("a plain record", () => {
  const record = {
    body: encodeUtf8("hello"),
    sentAtMs: wallTime(1_700_000_000_123),
    sender: "someone",
    bodyMd5: new Uint8Array(16),
    traceHeader: undefined,
    attributes: [],
  };
  const bytesOf = (change: object): Uint8Array => {
    const writer = new ByteWriter();
    encodeBodyRecord(writer, { ...record, ...change }, crc32);
    return writer.take();
  };

  it("is read without being decoded", () => {
    const bytes = bytesOf({});
    const into = { sentAtMs: 0, senderEnd: 0, bodyStart: 0 };
    expect(readPlainRecord(bytes, into)).toBe(true);
    expect(into.sentAtMs).toBe(record.sentAtMs);
    const text = Buffer.from(bytes);
    expect(text.toString("utf8", PLAIN_SENDER_START, into.senderEnd)).toBe("someone");
    expect(text.toString("utf8", into.bodyStart)).toBe("hello");
  });

  it.each([
    ["a digest", { bodyMd5: new Uint8Array(16).fill(1) }],
    ["a trace header", { traceHeader: "t" }],
    ["an attribute", { attributes: [{ name: "a", type: "String", value: encodeUtf8("v") }] }],
    ["a long sender", { sender: "s".repeat(200) }],
  ])("has no %s", (_, change) => {
    const into = { sentAtMs: 0, senderEnd: 0, bodyStart: 0 };
    expect(readPlainRecord(bytesOf(change), into)).toBe(false);
  });
});

describe("packed ids", () => {
  it("are the bytes of the texts", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 47 }),
        fc.integer({ min: 0, max: 9 }),
        (first, n) => {
          const key = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
          const ids = messageIdRun(key, queueId(70_000), { first: sequence(first), count: n });
          const texts = Array.from({ length: n }, (_, i) =>
            messageId(key, queueId(70_000), sequence(first + i)).replaceAll("-", ""),
          );
          expect(hex(ids)).toBe(texts.join(""));
        },
      ),
    );
  });
});

describe("packed receipts", () => {
  const grant = {
    group: groupId(0),
    queueId: queueId(5),
    grantFirst: fencingToken(2 ** 40 + 5),
    grantCount: 300,
  };
  const columns = {
    count: 300,
    sequences: Float64Array.from({ length: 300 }, (_, i) => 2 ** 41 + i * 3),
    tokens: Float64Array.from({ length: 300 }, (_, i) => 2 ** 40 + 5 + i),
  };
  const run = { ...packReceipts(grant, columns), tail: grantMac(grant, mac) };

  it("make the same handles", () => {
    const handles = encodeGrantReceipts(grant, columns, { mac16: run.tail });
    handles.forEach((handle, i) => {
      const part = run.parts.subarray(i * RECEIPT_PART_BYTES, (i + 1) * RECEIPT_PART_BYTES);
      const bytes = Buffer.concat([run.head, part, run.tail]);
      expect(bytes.toString("base64url")).toBe(handle);
      expect(decodeReceipt(handle, mac).ok).toBe(true);
    });
  });

  it("are the same tombstone as the leases one by one", () => {
    expect(decodeReceiptRun(run, mac)).toEqual({ ok: true, grant });
    const about = { requestId, queueId: queueId(5) };
    const leases = Array.from({ length: 300 }, (_, i) => ({
      sequence: sequence(columns.sequences[i] ?? 0),
      token: fencingToken(columns.tokens[i] ?? 0),
    }));
    const runs = [{ grantFirst: grant.grantFirst, parts: run.parts }];
    expect(written((w) => encodePackedTombstone(w, { ...about, runs }))).toBe(
      written((w) => encodeTombstone(w, { ...about, leases })),
    );
  });

  it("are refused when a byte of the head or the tail is another", () => {
    for (const part of ["head", "tail"] as const) {
      for (let at = 0; at < run[part].length; at++) {
        const changed = run[part].slice();
        changed[at] = (changed[at] ?? 0) ^ 0x10;
        expect(decodeReceiptRun({ ...run, [part]: changed }, mac).ok).toBe(false);
      }
    }
  });

  it.each([
    ["a part that is not whole", new Uint8Array(7)],
    ["a token past the grant", Uint8Array.of(1, 0, 0, 0, 0, 0, 0x2c, 1)],
    ["a message without a sequence", new Uint8Array(8)],
  ])("are refused with %s", (_, parts) => {
    expect(decodeReceiptRun({ ...run, parts }, mac).ok).toBe(false);
  });

  it("never throw on garbage", () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(bytes, bytes, bytes, (head, parts, tail) => {
        expect(decodeReceiptRun({ head, parts, tail }, mac).ok).toBe(false);
      }),
    );
  });
});

/** The packed forms against protobuf-es, both ways: what one writes the other reads, to the same message. */
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  data,
  expectSame,
  text,
  u32,
  u53,
  utf8,
  writer,
  written,
} from "../../test/wire-fixture.ts";
import { KQueueyError } from "../errors.ts";
import {
  ReceiveResponseSchema,
  SendRequestSchema,
  SendResponseSchema,
} from "../gen/kqueuey/v1/queue_pb.ts";
import { encodePackedMessages, type HotPackedMessages } from "./packed.ts";
import { decodeReceiveResponse } from "./receive.ts";
import {
  decodeSendRequest,
  decodeSendResponse,
  encodePackedSendRequest,
  encodePackedSendResponse,
} from "./send.ts";

/** Columns compare as plain lists. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array || value instanceof Uint32Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
  }
  return value;
}

describe("packed", () => {
  const bodies = fc.array(fc.oneof(data, text), { minLength: 1, maxLength: 8 });
  const bytesOf = (body: Uint8Array | string): Uint8Array =>
    typeof body === "string" ? utf8.encode(body) : body;
  const joined = (all: readonly Uint8Array[]): Uint8Array =>
    Uint8Array.from(all.flatMap((each) => [...each]));

  test("sends", () => {
    const request = fc.record({
      queue: text,
      bodies,
      omitSuccesses: fc.boolean(),
      requestId: text,
    });
    fc.assert(
      fc.property(request, (hot) => {
        const raw = hot.bodies.map(bytesOf);
        const lengths = raw.map((body) => body.length);
        const { queue, omitSuccesses, requestId } = hot;
        const expected = create(SendRequestSchema, {
          queue,
          omitSuccesses,
          requestId,
          bodies: joined(raw),
          bodyLengths: lengths,
        });
        const bodyBytes = Uint32Array.from(lengths);
        const bytes = written(() => encodePackedSendRequest(writer, { ...hot, bodyBytes }));
        expectSame(SendRequestSchema, bytes, expected);
        const normal = { queue, messages: [], packed: { bytes: joined(raw), lengths: bodyBytes } };
        const whole = { ...normal, omitSuccesses, requestId };
        expect(plain(decodeSendRequest(bytes))).toEqual(plain(whole));
        expect(plain(decodeSendRequest(toBinary(SendRequestSchema, expected)))).toEqual(
          plain(whole),
        );
      }),
    );
  });

  test("answers to sends", () => {
    const ids = fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 5 });
    fc.assert(
      fc.property(u53, ids, (first, all) => {
        fc.pre(first + all.length <= Number.MAX_SAFE_INTEGER);
        const messageIds = joined(all);
        const expected = create(SendResponseSchema, { firstSequence: BigInt(first), messageIds });
        const sent = { firstSequence: first, messageIds };
        const bytes = written(() => encodePackedSendResponse(writer, sent));
        expectSame(SendResponseSchema, bytes, expected);
        const results = decodeSendResponse(bytes);
        expect(results.map((each) => each.ok && each.sequence)).toEqual(
          all.map((_, index) => first + index),
        );
        expect(results.map((each) => each.ok && each.messageId.replaceAll("-", ""))).toEqual(
          all.map((id) => Buffer.from(id).toString("hex")),
        );
      }),
    );
  });

  test("deliveries", () => {
    const one = fc.record({
      body: data,
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      part: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      sentAfterMs: u32,
      firstReceivedAfterMs: u32,
      receiveCount: u32,
    });
    const rest = fc.record({
      head: data,
      tail: data,
      fencingToken: u53,
      sender: text,
      sentAtMs: u53,
      firstReceivedAtMs: u53,
      leaseRemainingMs: u32,
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), rest, (all, common) => {
        const { head, tail, ...scalars } = common;
        const columns = {
          messageIds: joined(all.map(({ id }) => id)),
          sentAfterMs: Uint32Array.from(all, (each) => each.sentAfterMs),
          firstReceivedAfterMs: Uint32Array.from(all, (each) => each.firstReceivedAfterMs),
          receiveCounts: Uint32Array.from(all, (each) => each.receiveCount),
        };
        const parts = joined(all.map(({ part }) => part));
        const lengths = Uint32Array.from(all, ({ body }) => body.length);
        const bytes = joined(all.map(({ body }) => body));
        const hot: HotPackedMessages = {
          ...scalars,
          ...columns,
          bodies: { bytes, lengths },
          receipts: { head, parts, tail },
        };
        const expected = create(ReceiveResponseSchema, {
          packed: {
            bodies: bytes,
            bodyLengths: [...lengths],
            messageIds: columns.messageIds,
            receiptHead: head,
            receiptParts: parts,
            receiptTail: tail,
            fencingToken: BigInt(scalars.fencingToken),
            sender: scalars.sender,
            sentAtMs: BigInt(scalars.sentAtMs),
            sentAfterMs: [...columns.sentAfterMs],
            firstReceivedAtMs: BigInt(scalars.firstReceivedAtMs),
            firstReceivedAfterMs: [...columns.firstReceivedAfterMs],
            receiveCounts: [...columns.receiveCounts],
            leaseRemainingMs: scalars.leaseRemainingMs,
          },
        });
        const made = written(() =>
          encodePackedMessages(writer, 2, {
            ...hot,
            bodyLengths: lengths,
            bodyBytes: bytes.length,
            writeBodies: (into) => into.raw(bytes),
          }),
        );
        expectSame(ReceiveResponseSchema, made, expected);
        const back = decodeReceiveResponse(toBinary(ReceiveResponseSchema, expected));
        expect(plain(back)).toEqual(plain({ messages: [], packed: hot }));
        expect(plain(decodeReceiveResponse(made))).toEqual(plain({ messages: [], packed: hot }));
      }),
    );
  });

  test.each([
    ["lengths that do not add up", { bodies: Uint8Array.of(1, 2), bodyLengths: [1] }],
    ["lengths without bodies", { bodyLengths: [3] }],
    ["bodies without lengths", { bodies: Uint8Array.of(1) }],
    [
      "bodies beside messages",
      { bodies: Uint8Array.of(1), bodyLengths: [1], messages: [{ delayMs: 1 }] },
    ],
  ])("a send with %s is refused", (_, init) => {
    const bytes = toBinary(SendRequestSchema, create(SendRequestSchema, init));
    expect(() => decodeSendRequest(bytes)).toThrow(KQueueyError);
  });

  test("columns of different lengths are refused", () => {
    const packed = { bodies: Uint8Array.of(1), bodyLengths: [1] };
    const bytes = toBinary(ReceiveResponseSchema, create(ReceiveResponseSchema, { packed }));
    expect(() => decodeReceiveResponse(bytes)).toThrow("columns");
  });
});

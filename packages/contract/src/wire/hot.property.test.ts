/**
 * The hand-written codecs against protobuf-es, both ways: what one writes the other reads, to the same
 * message; and no bytes make them throw anything but MALFORMED_REQUEST.
 */
import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  data,
  expectSame,
  maybe,
  text,
  u32,
  u53,
  utf8,
  writer,
  written,
} from "../../test/wire-fixture.ts";
import { errorToDetail } from "../error-detail.ts";
import { ERRORS, type ErrorCode, KQueueyError } from "../errors.ts";
import {
  ExtendRequestSchema,
  ReceiveRequestSchema,
  ReceiveResponseSchema,
  ReleaseRequestSchema,
  SendRequestSchema,
  SendResponseSchema,
  TombstoneRequestSchema,
  TombstoneResponseSchema,
} from "../gen/kqueuey/v1/queue_pb.ts";
import type { HotAttribute } from "./attributes.ts";
import type { HotReceiptRun } from "./packed.ts";
import {
  decodeExtendRequest,
  decodeReceiptResponse,
  decodeReleaseRequest,
  decodeTombstoneRequest,
  encodeExtendRequest,
  encodeReceiptResponse,
  encodeReleaseRequest,
  encodeTombstoneRequest,
  type HotReceiptResult,
} from "./receipts.ts";
import {
  decodeReceiveRequest,
  decodeReceiveResponse,
  encodeReceiveRequest,
  encodeReceiveResponse,
  type HotReceivedMessage,
} from "./receive.ts";
import {
  decodeSendRequest,
  decodeSendResponse,
  encodeSendRequest,
  encodeSendResponse,
  type HotSendResult,
} from "./send.ts";

const attribute: fc.Arbitrary<HotAttribute> = fc.oneof(
  fc.record({
    name: text,
    type: fc.constantFrom("String", "Number", "String.label", "Number.int"),
    value: text.map((value) => utf8.encode(value)),
  }),
  fc.record({ name: text, type: fc.constantFrom("Binary", "Binary.gif"), value: data }),
);

const error: fc.Arbitrary<KQueueyError> = fc
  .record({
    code: fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[])),
    message: text,
    facts: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), text, {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    retryAfterMs: maybe(u32),
    leaderUrl: maybe(text),
  })
  .map(({ code, message, facts, retryAfterMs, leaderUrl }) => {
    const { __proto__: _, ...plain } = facts;
    return new KQueueyError(code, message, {
      details: {
        ...plain,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        ...(leaderUrl === undefined ? {} : { leaderUrl }),
      },
    });
  });

function attributeMessage({ name, type, value }: HotAttribute) {
  return type.startsWith("Binary")
    ? { name, type, value: { case: "data" as const, value } }
    : {
        name,
        type,
        value: {
          case: "text" as const,
          value: new TextDecoder("utf-8", { ignoreBOM: true }).decode(value),
        },
      };
}

/** Errors compare by what they say, not by their stacks. */
function plain(value: unknown): unknown {
  if (KQueueyError.is(value)) {
    return { code: value.code, message: value.message, details: { ...value.details } };
  }
  if (value instanceof Uint8Array || value instanceof Uint32Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, part]) => part !== undefined)
        .map(([key, part]) => [key, plain(part)]),
    );
  }
  return value;
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the members that are not there. */
function present<T extends object>(value: T): Present<T> {
  const there = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(there) as Present<T>;
}

describe("send", () => {
  const message = fc.record({
    body: fc.oneof(data, text),
    delayMs: maybe(u32),
    attributes: fc.array(attribute, { maxLength: 4 }),
    traceHeader: maybe(text),
    groupId: maybe(text),
    deduplicationId: maybe(text),
  });
  const request = fc.record({
    queue: text,
    messages: fc.array(message, { maxLength: 8 }),
    omitSuccesses: fc.boolean(),
    requestId: text,
  });

  test("requests", () => {
    fc.assert(
      fc.property(request, (hot) => {
        const expected = create(SendRequestSchema, {
          ...hot,
          messages: hot.messages.map(({ body, attributes, ...optional }) => ({
            ...present(optional),
            body: {
              case: "data" as const,
              value: typeof body === "string" ? utf8.encode(body) : body,
            },
            attributes: attributes.map(attributeMessage),
          })),
        });
        const bytes = written(() => encodeSendRequest(writer, hot));
        expectSame(SendRequestSchema, bytes, expected);
        const normal = {
          ...hot,
          packed: undefined,
          messages: hot.messages.map((m) => ({
            ...m,
            body: typeof m.body === "string" ? utf8.encode(m.body) : m.body,
          })),
        };
        const back = decodeSendRequest(toBinary(SendRequestSchema, expected));
        expect(plain(back)).toEqual(plain(normal));
        expect(plain(decodeSendRequest(bytes))).toEqual(plain(normal));
      }),
    );
  });

  test("a text body is read as its UTF-8 bytes, and an attribute without a type has one", () => {
    fc.assert(
      fc.property(text, data, (value, bytes) => {
        const sent = create(SendRequestSchema, {
          messages: [
            {
              body: { case: "text", value },
              attributes: [
                { name: "a", value: { case: "text", value } },
                { name: "b", value: { case: "data", value: bytes } },
              ],
            },
          ],
        });
        const [read] = decodeSendRequest(toBinary(SendRequestSchema, sent)).messages;
        expect(plain(read)).toEqual(
          plain({
            body: utf8.encode(value),
            attributes: [
              { name: "a", type: "String", value: utf8.encode(value) },
              { name: "b", type: "Binary", value: bytes },
            ],
          }),
        );
      }),
    );
  });

  test("responses", () => {
    const result: fc.Arbitrary<HotSendResult> = fc.oneof(
      fc.record({ ok: fc.constant(true as const), messageId: text, sequence: u53 }),
      fc.record({ ok: fc.constant(false as const), error }),
    );
    fc.assert(
      fc.property(fc.array(result, { maxLength: 8 }), fc.boolean(), (results, omit) => {
        const indexed = results.map((r, index) => ({ ...r, index })).filter((r) => !(omit && r.ok));
        const expected = create(SendResponseSchema, {
          results: indexed.map((r) =>
            r.ok
              ? { index: r.index, messageId: r.messageId, sequence: BigInt(r.sequence) }
              : { index: r.index, error: errorToDetail(r.error) },
          ),
        });
        const bytes = written(() => encodeSendResponse(writer, results, omit));
        expectSame(SendResponseSchema, bytes, expected);
        const back = decodeSendResponse(toBinary(SendResponseSchema, expected));
        expect(plain(back)).toEqual(plain(indexed));
      }),
    );
  });
});

describe("receive", () => {
  test("requests", () => {
    const request = fc.record({
      queue: text,
      maxMessages: u32,
      visibilityTimeoutMs: maybe(u32),
      waitMs: maybe(u32),
      maxBytes: maybe(u32),
      bodiesAsData: fc.boolean(),
      packed: fc.boolean(),
      attemptId: maybe(text),
      requestId: text,
    });
    fc.assert(
      fc.property(request, (hot) => {
        const { visibilityTimeoutMs, waitMs, maxBytes, attemptId, ...rest } = hot;
        const expected = create(ReceiveRequestSchema, rest);
        if (attemptId !== undefined) expected.attemptId = attemptId;
        if (visibilityTimeoutMs !== undefined) expected.visibilityTimeoutMs = visibilityTimeoutMs;
        if (waitMs !== undefined) expected.waitMs = waitMs;
        if (maxBytes !== undefined) expected.maxBytes = maxBytes;
        const bytes = written(() => encodeReceiveRequest(writer, hot));
        expectSame(ReceiveRequestSchema, bytes, expected);
        expect(decodeReceiveRequest(toBinary(ReceiveRequestSchema, expected))).toEqual(hot);
      }),
    );
  });

  test("responses", () => {
    const message: fc.Arbitrary<HotReceivedMessage> = fc.record({
      messageId: text,
      receiptHandle: text,
      body: data,
      attributes: fc.array(attribute, { maxLength: 3 }),
      traceHeader: maybe(text),
      sender: text,
      sentAtMs: u53,
      firstReceivedAtMs: u53,
      receiveCount: u32,
      fencingToken: u53,
      leaseRemainingMs: u32,
      deadLetterSource: maybe(text),
      groupId: maybe(text),
      sequenceNumber: maybe(text),
      deduplicationId: maybe(text),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), (messages) => {
        const expected = create(ReceiveResponseSchema, {
          messages: messages.map((m) => ({
            ...present(m),
            body: { case: "data" as const, value: m.body },
            attributes: m.attributes.map(attributeMessage),
            sentAtMs: BigInt(m.sentAtMs),
            firstReceivedAtMs: BigInt(m.firstReceivedAtMs),
            fencingToken: BigInt(m.fencingToken),
          })),
        });
        const bytes = written(() => encodeReceiveResponse(writer, messages));
        expectSame(ReceiveResponseSchema, bytes, expected);
        const back = decodeReceiveResponse(toBinary(ReceiveResponseSchema, expected));
        expect(plain(back)).toEqual(plain({ messages, packed: undefined }));
      }),
    );
  });
});

describe("tombstone, extend, release", () => {
  const head = { queue: text, omitSuccesses: fc.boolean(), requestId: text };

  test("tombstone requests", () => {
    const run = fc.record({
      head: fc.uint8Array({ maxLength: 20 }),
      parts: fc
        .array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: 5 })
        .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part]))),
      tail: fc.uint8Array({ maxLength: 20 }),
    });
    const request = fc.oneof(
      fc.record({
        ...head,
        receiptHandles: fc.array(text, { maxLength: 8 }),
        runs: fc.constant<HotReceiptRun[]>([]),
      }),
      fc.record({
        ...head,
        receiptHandles: fc.constant<string[]>([]),
        runs: fc.array(run, { maxLength: 4 }),
      }),
    );
    fc.assert(
      fc.property(request, (hot) => {
        const expected = create(TombstoneRequestSchema, hot);
        const bytes = written(() => encodeTombstoneRequest(writer, hot));
        expectSame(TombstoneRequestSchema, bytes, expected);
        expect(decodeTombstoneRequest(toBinary(TombstoneRequestSchema, expected))).toEqual(hot);
      }),
    );
  });

  test("extend requests", () => {
    const entry = fc.record({ receiptHandle: text, visibilityTimeoutMs: maybe(u32) });
    fc.assert(
      fc.property(fc.record({ ...head, entries: fc.array(entry, { maxLength: 8 }) }), (hot) => {
        const expected = create(ExtendRequestSchema, {
          ...hot,
          entries: hot.entries.map(({ receiptHandle, visibilityTimeoutMs: ms }) =>
            ms === undefined ? { receiptHandle } : { receiptHandle, visibilityTimeoutMs: ms },
          ),
        });
        const bytes = written(() => encodeExtendRequest(writer, hot));
        expectSame(ExtendRequestSchema, bytes, expected);
        expect(decodeExtendRequest(toBinary(ExtendRequestSchema, expected))).toEqual(hot);
      }),
    );
  });

  test("release requests", () => {
    const entry = fc.record({ receiptHandle: text, delayMs: u32 });
    fc.assert(
      fc.property(fc.record({ ...head, entries: fc.array(entry, { maxLength: 8 }) }), (hot) => {
        const expected = create(ReleaseRequestSchema, hot);
        const bytes = written(() => encodeReleaseRequest(writer, hot));
        expectSame(ReleaseRequestSchema, bytes, expected);
        expect(decodeReleaseRequest(toBinary(ReleaseRequestSchema, expected))).toEqual(hot);
      }),
    );
  });

  test("their responses", () => {
    const result: fc.Arbitrary<HotReceiptResult> = fc.oneof(
      fc.constant({ ok: true as const, effective: true as const }),
      fc.record({
        ok: fc.constant(true as const),
        effective: fc.constant(false as const),
        reason: fc.constantFrom("gone" as const, "stale" as const),
      }),
      fc.record({ ok: fc.constant(false as const), error }),
    );
    fc.assert(
      fc.property(fc.array(result, { maxLength: 8 }), fc.boolean(), (results, omit) => {
        const indexed = results
          .map((r, index) => ({ ...r, index }))
          .filter((r) => !(omit && r.ok && r.effective));
        const expected = create(TombstoneResponseSchema, {
          results: indexed.map((r) => {
            if (!r.ok) return { index: r.index, outcome: "error", error: errorToDetail(r.error) };
            return { index: r.index, outcome: r.effective ? "effective" : r.reason };
          }),
        });
        const bytes = written(() => encodeReceiptResponse(writer, results, omit));
        expectSame(TombstoneResponseSchema, bytes, expected);
        const back = decodeReceiptResponse(toBinary(TombstoneResponseSchema, expected));
        expect(plain(back)).toEqual(plain(indexed));
      }),
    );
  });
});

describe("garbage", () => {
  const decoders: readonly [string, (bytes: Uint8Array) => unknown, DescMessage][] = [
    ["SendRequest", decodeSendRequest, SendRequestSchema],
    ["SendResponse", decodeSendResponse, SendResponseSchema],
    ["ReceiveRequest", decodeReceiveRequest, ReceiveRequestSchema],
    ["ReceiveResponse", decodeReceiveResponse, ReceiveResponseSchema],
    ["TombstoneRequest", decodeTombstoneRequest, TombstoneRequestSchema],
    ["TombstoneResponse", decodeReceiptResponse, TombstoneResponseSchema],
    ["ExtendRequest", decodeExtendRequest, ExtendRequestSchema],
    ["ReleaseRequest", decodeReleaseRequest, ReleaseRequestSchema],
  ];
  /** Bytes that look like fields get deeper than uniform noise. */
  const fields = fc
    .array(
      fc
        .tuple(fc.integer({ min: 0, max: 127 }), fc.uint8Array({ maxLength: 12 }))
        .map(([tag, rest]) => [tag, ...((tag & 7) === 2 ? [rest.length] : []), ...rest]),
      { maxLength: 8 },
    )
    .map((parts) => new Uint8Array(parts.flat()));

  test.each(decoders)("%s", (_name, decode) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fields), (bytes) => {
        try {
          decode(bytes);
        } catch (thrown) {
          expect(KQueueyError.is(thrown) && thrown.code).toBe("MALFORMED_REQUEST");
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test.each(decoders)(
    "%s: what the hand-written decoder takes, protobuf-es takes too",
    (_name, decode, schema) => {
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fields), (bytes) => {
          try {
            decode(bytes);
          } catch {
            return;
          }
          // Accepted by hand: then it is a message by the schema's own decoder too.
          fromBinary(schema, bytes);
        }),
        { numRuns: 3_000 },
      );
    },
  );
});

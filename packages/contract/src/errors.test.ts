import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { errorFromDetail, errorToDetail } from "./error-detail.ts";
import { ERRORS, type ErrorCode, isErrorCode, KQueueyError } from "./errors.ts";
import { ErrorDetailSchema } from "./gen/kqueuey/v1/error_pb.ts";
import { decodeErrorPayload, encodeErrorDetail } from "./wire/error-detail.ts";
import { WireWriter } from "./wire/writer.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

function encode(error: KQueueyError): Uint8Array {
  const writer = new WireWriter();
  encodeErrorDetail(writer, error);
  return writer.take();
}

describe("the error table", () => {
  test.each(codes)("%s has a plausible status and a documentation that is a sentence", (code) => {
    const spec = ERRORS[code];
    expect(spec.http).toBeGreaterThanOrEqual(400);
    expect(spec.http).toBeLessThan(600);
    expect(spec.doc).toMatch(/\.$/);
  });

  test("what is not a code is not one, also names that every object has", () => {
    expect(isErrorCode("NO_SUCH_CODE")).toBe(false);
    expect(isErrorCode("constructor")).toBe(false);
    expect(isErrorCode("__proto__")).toBe(false);
  });
});

describe("KQueueyError", () => {
  test("from() keeps one and wraps anything else as INTERNAL with its cause", () => {
    const error = new KQueueyError("THROTTLED", "slow down");
    expect(KQueueyError.from(error)).toBe(error);
    const cause = new TypeError("boom");
    expect(KQueueyError.from(cause)).toMatchObject({ code: "INTERNAL", message: "boom", cause });
    expect(KQueueyError.from("text")).toMatchObject({ code: "INTERNAL", message: "text" });
  });

  test("is() knows one that another copy of the package made", () => {
    const foreign = Object.assign(new Error("x"), { name: "KQueueyError", code: "THROTTLED" });
    expect(KQueueyError.is(foreign)).toBe(true);
    expect(KQueueyError.is(Object.assign(foreign, { code: "NO_SUCH_CODE" }))).toBe(false);
    expect(KQueueyError.is({ name: "KQueueyError", code: "THROTTLED" })).toBe(false);
  });
});

describe("errors on the wire", () => {
  test.each(codes)("%s travels in both forms, with its facts", (code) => {
    const details = { queue: "orders", count: 3, retryAfterMs: 120, leaderUrl: "http://b:9324" };
    const error = new KQueueyError(code, "what was wrong", { details });
    const arrived = { code, message: "what was wrong", details: { ...details, count: "3" } };
    expect(decodeErrorPayload(encode(error))).toMatchObject(arrived);
    expect(errorFromDetail(errorToDetail(error))).toMatchObject(arrived);
  });

  test("the hand-written bytes are the schema's", () => {
    const error = new KQueueyError("THROTTLED", "später", {
      details: { a: "x", b: true, retryAfterMs: 0.2 },
    });
    const detail = fromBinary(ErrorDetailSchema, encode(error));
    expect(detail).toEqual(errorToDetail(error));
    expect(detail.retryAfterMs).toBe(1);
    expect(decodeErrorPayload(toBinary(ErrorDetailSchema, detail))).toMatchObject({
      code: "THROTTLED",
      message: "später",
      details: { a: "x", b: "true", retryAfterMs: 1 },
    });
  });

  test("a code of a newer version is kept as a detail", () => {
    const detail = errorToDetail(new KQueueyError("UNAVAILABLE", "m"));
    detail.code = "FROM_THE_FUTURE";
    expect(errorFromDetail(detail)).toMatchObject({
      code: "UNAVAILABLE",
      details: { code: "FROM_THE_FUTURE" },
    });
    detail.retryable = false;
    expect(decodeErrorPayload(toBinary(ErrorDetailSchema, detail))).toMatchObject({
      code: "INTERNAL",
      details: { code: "FROM_THE_FUTURE" },
    });
  });

  test("a detail named __proto__ is a plain fact", () => {
    const writer = new WireWriter();
    const mark = writer.begin(3, 20);
    writer.textField(1, "__proto__");
    writer.textField(2, "x");
    writer.end(mark);
    const { details } = decodeErrorPayload(writer.take());
    expect(Object.getPrototypeOf(details)).toBe(Object.prototype);
  });
});

/** The requests about deliveries (Tombstone, Extend, Release) and their common response, by hand. */
import type { KQueueyError } from "../errors.ts";
import {
  decodeErrorDetail,
  type ErrorDetailDraft,
  encodeErrorDetail,
  errorFromDraft,
  newErrorDetailDraft,
} from "./error-detail.ts";
import { decodeReceiptRun, encodeReceiptRun, type HotReceiptRun } from "./packed.ts";
import { malformed, WireReader } from "./reader.ts";
import type { WireWriter } from "./writer.ts";

/** A TombstoneRequest in the program. */
export interface HotTombstoneRequest {
  readonly queue: string;
  readonly receiptHandles: readonly string[];
  /** Instead of handles: receipts of packed answers. */
  readonly runs: readonly HotReceiptRun[];
  readonly omitSuccesses: boolean;
  /** "" when there is none. */
  readonly requestId: string;
}

/** An ExtendRequest in the program. */
export interface HotExtendRequest {
  readonly queue: string;
  readonly entries: readonly {
    readonly receiptHandle: string;
    /** Absent when the caller left it out, which is an error: 0 would release. */
    readonly visibilityTimeoutMs: number | undefined;
  }[];
  readonly omitSuccesses: boolean;
  readonly requestId: string;
}

/** A ReleaseRequest in the program. */
export interface HotReleaseRequest {
  readonly queue: string;
  readonly entries: readonly { readonly receiptHandle: string; readonly delayMs: number }[];
  readonly omitSuccesses: boolean;
  readonly requestId: string;
}

/** What became of one delivery. */
export type HotReceiptResult =
  | { readonly ok: true; readonly effective: true }
  | { readonly ok: true; readonly effective: false; readonly reason: "gone" | "stale" }
  | { readonly ok: false; readonly error: KQueueyError };

/** A result that came over the wire: it says which entry it is about. */
export type HotIndexedReceiptResult = HotReceiptResult & { readonly index: number };

/** Writes a TombstoneRequest. */
export function encodeTombstoneRequest(writer: WireWriter, request: HotTombstoneRequest): void {
  writer.textFieldUnlessEmpty(1, request.queue);
  for (const receiptHandle of request.receiptHandles) writer.textField(2, receiptHandle);
  for (const run of request.runs) encodeReceiptRun(writer, 4, run);
  encodeTail(writer, request);
}

/** Reads a TombstoneRequest from `start` on. Throws MALFORMED_REQUEST. */
export function decodeTombstoneRequest(bytes: Uint8Array, start = 0): HotTombstoneRequest {
  const receiptHandles: string[] = [];
  const runs: HotReceiptRun[] = [];
  const head = decodeRequest(bytes, start, (reader) => {
    if (reader.field === 2) receiptHandles.push(reader.text());
    else if (reader.field === 4) runs.push(decodeReceiptRun(reader));
    else reader.skip();
  });
  if (runs.length > 0 && receiptHandles.length > 0) {
    throw malformed("a tombstone has receipt_handles or runs, not both");
  }
  return { ...head, receiptHandles, runs };
}

/** Writes an ExtendRequest. */
export function encodeExtendRequest(writer: WireWriter, request: HotExtendRequest): void {
  writer.textFieldUnlessEmpty(1, request.queue);
  for (const { receiptHandle, visibilityTimeoutMs } of request.entries) {
    const mark = writer.begin(2, receiptHandle.length + 8);
    writer.textFieldUnlessEmpty(1, receiptHandle);
    if (visibilityTimeoutMs !== undefined) writer.uintField(2, visibilityTimeoutMs);
    writer.end(mark);
  }
  encodeTail(writer, request);
}

/** Reads an ExtendRequest from `start` on. Throws MALFORMED_REQUEST. */
export function decodeExtendRequest(bytes: Uint8Array, start = 0): HotExtendRequest {
  const entries: { receiptHandle: string; visibilityTimeoutMs: number | undefined }[] = [];
  const head = decodeRequest(bytes, start, (reader) => {
    if (reader.field !== 2) return reader.skip();
    const { receiptHandle, number } = decodeEntry(reader);
    entries.push({ receiptHandle, visibilityTimeoutMs: number });
  });
  return { ...head, entries };
}

/** Writes a ReleaseRequest. */
export function encodeReleaseRequest(writer: WireWriter, request: HotReleaseRequest): void {
  writer.textFieldUnlessEmpty(1, request.queue);
  for (const { receiptHandle, delayMs } of request.entries) {
    const mark = writer.begin(2, receiptHandle.length + 8);
    writer.textFieldUnlessEmpty(1, receiptHandle);
    writer.uintFieldUnlessZero(2, delayMs);
    writer.end(mark);
  }
  encodeTail(writer, request);
}

/** Reads a ReleaseRequest from `start` on. Throws MALFORMED_REQUEST. */
export function decodeReleaseRequest(bytes: Uint8Array, start = 0): HotReleaseRequest {
  const entries: { receiptHandle: string; delayMs: number }[] = [];
  const head = decodeRequest(bytes, start, (reader) => {
    if (reader.field !== 2) return reader.skip();
    const { receiptHandle, number } = decodeEntry(reader);
    entries.push({ receiptHandle, delayMs: number ?? 0 });
  });
  return { ...head, entries };
}

/** Writes a TombstoneResponse, ExtendResponse or ReleaseResponse; `omitSuccesses` as the request had it. */
export function encodeReceiptResponse(
  writer: WireWriter,
  results: readonly HotReceiptResult[],
  omitSuccesses: boolean,
): void {
  for (let index = 0; index < results.length; index++) {
    const result = results[index];
    if (result === undefined || (omitSuccesses && result.ok && result.effective)) continue;
    const mark = writer.begin(1, result.ok ? 16 : 200);
    writer.uintFieldUnlessZero(1, index);
    if (!result.ok) {
      writer.textField(2, "error");
      const error = writer.begin(3, 200);
      encodeErrorDetail(writer, result.error);
      writer.end(error);
    } else {
      writer.textField(2, result.effective ? "effective" : result.reason);
    }
    writer.end(mark);
  }
}

/** Reads a TombstoneResponse, ExtendResponse or ReleaseResponse from `start` on. Throws MALFORMED_REQUEST. */
export function decodeReceiptResponse(bytes: Uint8Array, start = 0): HotIndexedReceiptResult[] {
  const reader = new WireReader(bytes, start);
  const results: HotIndexedReceiptResult[] = [];
  while (reader.next()) {
    if (reader.field === 1) results.push(decodeReceiptResult(reader));
    else reader.skip();
  }
  return results;
}

interface Head {
  readonly queue: string;
  readonly omitSuccesses: boolean;
  readonly requestId: string;
}

function encodeTail(writer: WireWriter, request: Head): void {
  writer.boolFieldUnlessFalse(3, request.omitSuccesses);
  writer.textFieldUnlessEmpty(15, request.requestId);
}

/** The three requests have these fields in common; `onOther` is to read, or pass over, every other. */
function decodeRequest(
  bytes: Uint8Array,
  start: number,
  onOther: (reader: WireReader) => void,
): Head {
  const reader = new WireReader(bytes, start);
  let queue = "";
  let omitSuccesses = false;
  let requestId = "";
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        queue = reader.text();
        break;
      case 3:
        omitSuccesses = reader.bool();
        break;
      case 15:
        requestId = reader.text();
        break;
      default:
        onOther(reader);
    }
  }
  return { queue, omitSuccesses, requestId };
}

function decodeEntry(reader: WireReader): {
  readonly receiptHandle: string;
  readonly number: number | undefined;
} {
  const outer = reader.enter();
  let receiptHandle = "";
  let number: number | undefined;
  while (reader.next()) {
    if (reader.field === 1) receiptHandle = reader.text();
    else if (reader.field === 2) number = reader.uint32();
    else reader.skip();
  }
  reader.leave(outer);
  return { receiptHandle, number };
}

function decodeReceiptResult(reader: WireReader): HotIndexedReceiptResult {
  const outer = reader.enter();
  let index = 0;
  let outcome = "";
  let draft: ErrorDetailDraft | undefined;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        index = reader.uint32();
        break;
      case 2:
        outcome = reader.text();
        break;
      case 3: {
        const rest = reader.enter();
        draft ??= newErrorDetailDraft();
        decodeErrorDetail(reader, draft);
        reader.leave(rest);
        break;
      }
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  if (draft !== undefined) return { ok: false, index, error: errorFromDraft(draft) };
  if (outcome === "effective") return { ok: true, index, effective: true };
  if (outcome === "gone" || outcome === "stale") {
    return { ok: true, index, effective: false, reason: outcome };
  }
  throw malformed("a receipt result has an outcome that does not exist");
}

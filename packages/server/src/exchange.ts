/**
 * An HTTP exchange as plain values: what the listener gives a handler and what it takes back. The
 * APIs see this and no socket, so they run in memory in tests as they do behind the network.
 */
import type { CallSignal } from "./call-signal.ts";

/** What is known of a request before its body is read. */
export interface RequestHead {
  /** Upper case, as sent. */
  readonly method: string;
  /** The path as sent, still percent-encoded, without the query; begins with "/". */
  readonly path: string;
  /** What follows "?", still percent-encoded; "" when there is none. */
  readonly query: string;
  /** A header's value by its lower-case name; of a repeated one, the values joined by ", ". */
  header(name: string): string | undefined;
}

/** A request, read to its end. */
export interface PlainRequest extends RequestHead {
  /** At most as many bytes as the listener reads. Valid during the call; keep a copy, not a slice. */
  readonly body: Uint8Array;
  /** Aborted when the client hangs up before the answer is out. */
  readonly signal: CallSignal;
}

export interface PlainResponse {
  readonly status: number;
  /** Content-Length is added by the listener. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** There when it matters whether the client got the answer. */
  readonly handover?: Handover;
}

/** For an answer that carries leases: the listener calls exactly one of `written` and `undelivered`. */
export interface Handover {
  /** Asked right before writing; false makes the listener write `stale` in its place. */
  stillFresh(): boolean;
  readonly stale: PlainResponse;
  /** The bytes were handed to the socket. */
  written(): void;
  /** The client hung up, the write failed, or the answer was stale. */
  undelivered(): void;
}

/** Why the listener did not call a handler. */
export type Refusal =
  /** The body is larger than the listener reads. */
  | { readonly reason: "too-large"; readonly bytesMax: number }
  /** Too many body bytes are being read at once; the client should try again. */
  | { readonly reason: "busy" };

/** Answers requests. A handler that throws is answered 500 by the listener and logged. */
export interface PlainHandler {
  handle(request: PlainRequest): Promise<PlainResponse>;
  /** The handler's own words for a request that the listener refuses; absent: a plain text. */
  refuse?(head: RequestHead, refusal: Refusal): PlainResponse;
}

/** The identifiers of the queue layer: plain numbers with a name each. All are 48-bit on disk and wire. */
import type { Brand } from "@kqueuey/base";
import { assert } from "@kqueuey/base";

/** A queue: 1 … 2^48 - 1, given by group 0 and never reused. */
export type QueueId = Brand<number, "QueueId">;
/** A message's place in the order its queue took messages in: 1 … 2^48 - 1, never reused within the queue. */
export type Sequence = Brand<number, "Sequence">;
/** A queue's lease counter at the moment of a lease: 1 … 2^48 - 1. It only grows; 0 is no lease. */
export type FencingToken = Brand<number, "FencingToken">;
/** A producer's session, given by `openSession`: 1 … 2^48 - 1, never reused. */
export type SessionId = Brand<number, "SessionId">;

/** One more than the largest identifier. */
export const ID_END = 0x1_0000_0000_0000;

function inRange(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value < ID_END;
}

export function queueId(value: number): QueueId {
  assert(inRange(value), "queue id must be 1 to 2^48 - 1");
  return value as QueueId;
}

export function sequence(value: number): Sequence {
  assert(inRange(value), "sequence must be 1 to 2^48 - 1");
  return value as Sequence;
}

export function fencingToken(value: number): FencingToken {
  assert(inRange(value), "fencing token must be 1 to 2^48 - 1");
  return value as FencingToken;
}

export function sessionId(value: number): SessionId {
  assert(inRange(value), "session id must be 1 to 2^48 - 1");
  return value as SessionId;
}

/**
 * The lease plane of a page: 5 words a slot, there from the first lease or delay in the page on.
 *
 *     0  token, from the page's base
 *     1  lease length in ms (26 bits) | receive count (6 bits; 63: in the queue's table) << 26
 *     2  first received, wall-clock ms, from the page's base
 *     3  next, and
 *     4  previous in a bucket of the timing wheel (while delayed or leased)
 *
 * In the outbox: token = outbox number, lease length = target group, words 3 and 4 = target queue. The
 * words of a slot are meaningless until they are written.
 *
 * Tokens and times have 48 bits and lie near each other in a page, so their columns hold distances from a
 * base that the first number sets. A number that is too far from it (a wall clock jumped, a counter went on
 * by 2^31) makes its column wide: 16 more bits a slot, exact again. Base and width come from the history
 * and not from the state: a replica that was restored may have others, so only the numbers may show.
 */
import type { ByteReader } from "@kqueuey/base";

export const LEASE_WORDS = 5;
export const TOKEN_WORD = 0;
export const FIRST_RECEIVED_WORD = 2;
export const NEXT_WORD = 3;
export const PREVIOUS_WORD = 4;
/** A count of 63 or more stands in the queue's table. */
export const COUNT_IN_TABLE = 63;
export const LEASE_MS_BITS = 26;
export const LEASE_MS_MASK = 0x3ff_ffff;
/** The base of a column without one, from which nothing is near. */
export const NO_BASE: number = Number.NEGATIVE_INFINITY;
const HIGH = 0x1_0000_0000;
/** The base is this far below the first number: those that follow may be less or more. */
const BELOW_FIRST = 0x8000_0000;

/** A message's lease, or what is left of it: the token holds until the next one, and the count stays. */
export interface Lease {
  /** 0: none that holds. */
  readonly token: number;
  readonly leaseMs: number;
  /** Wall clock, ms. */
  readonly firstReceived: number;
  /** Grants so far that were not undone. */
  readonly count: number;
}

/** The base of a column whose first number is `first`. No number has distance 0: that stands for 0 itself. */
export function baseFor(first: number): number {
  return Math.max(0, first - BELOW_FIRST);
}

/** Whether a word can hold a number's distance from its base. */
export function isNear(distance: number): boolean {
  return distance > 0 && distance < HIGH;
}

/** Makes a column wide: its words become the low bits of its numbers. Gives the high ones, 16 bits a slot. */
export function widenColumn(plane: Uint32Array, word: number, base: number): Uint16Array {
  const highs = new Uint16Array(plane.length / LEASE_WORDS);
  for (let slot = 0; slot < highs.length; slot++) {
    const at = slot * LEASE_WORDS + word;
    const distance = plane[at] ?? 0;
    const number = distance === 0 ? 0 : base + distance;
    plane[at] = number;
    highs[slot] = Math.floor(number / HIGH);
  }
  return highs;
}

/** Reads a lease as `Page.encode` writes it; undefined for what it does not write. */
export function decodeLease(reader: ByteReader): Lease | undefined {
  const token = reader.u48();
  const word = reader.u32();
  const firstReceived = reader.u48();
  const short = word >>> LEASE_MS_BITS;
  const count = short < COUNT_IN_TABLE ? short : reader.u32();
  if (short === COUNT_IN_TABLE && count < COUNT_IN_TABLE) return undefined;
  return { token, leaseMs: word & LEASE_MS_MASK, firstReceived, count };
}

/** How a message is granted, from whatever kind of queue. */
import { assert, type ByteWriter } from "@kqueuey/base";
import type { Call } from "./call.ts";
import type { Core } from "./core.ts";
import { exhausted, moveAway } from "./dead-letter.ts";
import { ID_END } from "./ids.ts";
import { FLAG_LEASE, type Page } from "./page.ts";
import { putLeased, takeOut } from "./places.ts";
import { sizeOfClass } from "./size-class.ts";

/** What a receive may still take. */
export interface Allowance {
  messages: number;
  bytes: number;
  /** Messages past their limit of receives that it may move away meanwhile. */
  moves: number;
  readonly leaseMs: number;
}

/** The leases of one receive: their tokens count from the first. */
export interface Grant {
  readonly grantFirst: number;
  readonly leaseMs: number;
}

export function grant(core: Core, page: Page, slot: number, leaseMs: number): void {
  core.touch(page);
  core.pool.needLease(page);
  takeOut(core, page, slot);
  const queue = page.queue;
  const token = queue.nextToken;
  assert(token < ID_END - 1, "a queue's tokens are used up");
  queue.nextToken = token + 1;
  const before = page.receiveCount(slot);
  const firstReceived = before > 0 ? page.firstReceived(slot) : core.wall;
  page.setLease(slot, { token, leaseMs, firstReceived, count: before + 1 });
  core.chain.mix(page.firstSequence + slot);
  if (leaseMs > 0) putLeased(core, page, slot, core.now + leaseMs);
  else page.setVisibleAt(slot, core.now);
}

/** Grants a ready message, or moves it away; false, and nothing done, when the allowance is used up. */
export function takeReady(
  core: Core,
  call: Call,
  of: {
    readonly page: Page;
    readonly slot: number;
    readonly redelivered: boolean;
    readonly allowance: Allowance;
  },
): boolean {
  const { page, slot, allowance } = of;
  if (of.redelivered && exhausted(core, page, slot)) {
    if (allowance.moves === 0) return false;
    allowance.moves -= 1;
    core.touch(page);
    takeOut(core, page, slot);
    moveAway(core, page, slot);
    return true;
  }
  const bytes = sizeOfClass(page.sizeClass(slot));
  if (allowance.messages === 0) return false;
  if (bytes > allowance.bytes && call.pages.length > 0) return false;
  allowance.messages -= 1;
  allowance.bytes -= bytes;
  grant(core, page, slot, allowance.leaseMs);
  call.pages.push(page);
  call.slots.push(slot);
  return true;
}

/** The sequences of the call's messages as runs of neighbours. */
export function writeRuns(record: ByteWriter, call: Call): void {
  let runFirst = -1;
  let runLength = 0;
  for (let i = 0; i < call.pages.length; i++) {
    const sequence = (call.pages[i]?.firstSequence ?? 0) + (call.slots[i] ?? 0);
    if (sequence === runFirst + runLength) {
      runLength += 1;
      continue;
    }
    if (runLength > 0) {
      record.u48(runFirst);
      record.u16(runLength);
    }
    runFirst = sequence;
    runLength = 1;
  }
  record.u48(runFirst);
  record.u16(runLength);
}

/** Whether a message still has the lease `token`, over or not. */
export function hasToken(page: Page, slot: number, token: number): boolean {
  return (page.flags(slot) & FLAG_LEASE) !== 0 && token > 0 && page.token(slot) === token;
}

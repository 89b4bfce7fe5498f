/**
 * Receiving from a FIFO queue: the group whose turn it is gives the visible run at its front, then the next
 * one. A receive that is tried again under its attempt id gets the same messages under the same leases, if
 * nothing was done with any of them meanwhile.
 */
import { type ByteReader, ByteWriter } from "@kqueuey/base";
import type { Call } from "./call.ts";
import type { Core } from "./core.ts";
import { exhausted, moveAway } from "./dead-letter.ts";
import type { FifoState } from "./fifo.ts";
import { type Allowance, type Grant, grant, hasToken, writeRuns } from "./granting.ts";
import type { Key } from "./key-index.ts";
import { ATTEMPT_BYTES_MAX, COMMAND_OPERATIONS_MAX, FIFO_IN_FLIGHT_MAX } from "./limits.ts";
import { FLAG_SHOWN_AGAIN, PLACE } from "./page.ts";
import { NO_REFERENCE, slotOf } from "./page-pool.ts";
import { putLeased, takeOut } from "./places.ts";
import type { QueueState } from "./queue.ts";
import { sizeOfClass } from "./size-class.ts";

export function chooseFromGroups(
  core: Core,
  call: Call,
  from: { readonly queue: QueueState; readonly fifo: FifoState; readonly allowance: Allowance },
): void {
  const { queue, fifo, allowance } = from;
  // A group leaves the round when its first message is granted, or moved with all that was left of it.
  let group = fifo.groups.roundFirst;
  while (group !== 0 && allowance.messages > 0 && queue.inFlight < FIFO_IN_FLIGHT_MAX) {
    if (!chooseFrom(core, call, { group, fifo, allowance })) return;
    group = fifo.groups.roundFirst;
  }
}

/** Grants the run at the front of one group; false when the allowance is used up. */
function chooseFrom(
  core: Core,
  call: Call,
  from: { readonly group: number; readonly fifo: FifoState; readonly allowance: Allowance },
): boolean {
  const { group, fifo, allowance } = from;
  let reference = fifo.groups.first(group);
  while (reference !== NO_REFERENCE) {
    const page = core.pool.pageOf(reference);
    const slot = slotOf(reference);
    const place = page.place(slot);
    if (place !== PLACE.fresh && place !== PLACE.redelivered) return true;
    reference = page.next(slot);
    if (place === PLACE.redelivered && exhausted(core, page, slot)) {
      if (allowance.moves === 0) return false;
      allowance.moves -= 1;
      core.touch(page);
      takeOut(core, page, slot);
      moveAway(core, page, slot);
      continue;
    }
    const bytes = sizeOfClass(page.sizeClass(slot));
    if (allowance.messages === 0 || page.queue.inFlight >= FIFO_IN_FLIGHT_MAX) return false;
    if (bytes > allowance.bytes && call.pages.length > 0) return false;
    allowance.messages -= 1;
    allowance.bytes -= bytes;
    grant(core, page, slot, allowance.leaseMs);
    page.clearFlag(slot, FLAG_SHOWN_AGAIN);
    call.pages.push(page);
    call.slots.push(slot);
  }
  return true;
}

const written = new ByteWriter(256);

/** Remembers the grant of the call's messages under an attempt's key. */
export function rememberAttempt(
  core: Core,
  call: Call,
  attempt: { readonly fifo: FifoState; readonly key: Key; readonly grant: Grant },
): void {
  written.truncate(0);
  written.u48(core.now + attempt.grant.leaseMs);
  written.u48(attempt.grant.grantFirst);
  written.u16(call.pages.length);
  written.u32(attempt.grant.leaseMs);
  writeRuns(written, call);
  attempt.fifo.attempts.record(attempt.key, core.now, written.view());
  attempt.fifo.attempts.expire(core.now, ATTEMPT_BYTES_MAX);
}

/**
 * What the attempt was granted before, under leases that begin anew now, as the call's messages; undefined when it is
 * not known, or when anything was done with one of them: deleted, extended, released, or its time is over.
 */
export function repeatAttempt(
  core: Core,
  call: Call,
  attempt: { readonly queue: QueueState; readonly fifo: FifoState; readonly key: Key },
): Grant | undefined {
  const { queue, fifo, key } = attempt;
  const reader = fifo.attempts.find(key, core.now);
  if (reader === undefined) return undefined;
  const deadline = reader.u48();
  const grantFirst = reader.u48();
  const count = reader.u16();
  const leaseMs = reader.u32();
  if (deadline <= core.now) return undefined;
  if (!findUntouched(call, { queue, reader, grantFirst, deadline })) {
    call.pages.length = 0;
    call.slots.length = 0;
    return undefined;
  }
  for (let i = 0; i < count; i++) {
    const page = call.pages[i];
    if (page === undefined) continue;
    const slot = call.slots[i] ?? 0;
    core.touch(page);
    takeOut(core, page, slot);
    page.setFlag(slot, FLAG_SHOWN_AGAIN);
    page.setLeaseMs(slot, leaseMs);
    putLeased(core, page, slot, core.now + leaseMs);
  }
  const again = { grantFirst, leaseMs };
  rememberAttempt(core, call, { fifo, key, grant: again });
  return again;
}

function findUntouched(
  call: Call,
  grantOf: {
    readonly queue: QueueState;
    readonly reader: ByteReader;
    readonly grantFirst: number;
    readonly deadline: number;
  },
): boolean {
  const { queue, reader, grantFirst, deadline } = grantOf;
  let token = grantFirst;
  while (reader.remaining > 0 && reader.ok) {
    const first = reader.u48();
    const end = first + reader.u16();
    for (let sequence = first; sequence < end; sequence++, token++) {
      const page = queue.find(sequence);
      if (page === undefined) return false;
      const slot = sequence - page.firstSequence;
      if (page.place(slot) !== PLACE.leased || page.visibleAt(slot) !== deadline) return false;
      if (!hasToken(page, slot, token)) return false;
      call.pages.push(page);
      call.slots.push(slot);
    }
  }
  return true;
}

/** Checks a recorded attempt, of a state that comes from a disk. */
export function checkAttempt(queue: QueueState, reader: ByteReader): string | undefined {
  reader.skip(6);
  const grantFirst = reader.u48();
  const count = reader.u16();
  reader.skip(4);
  let messages = 0;
  while (reader.remaining > 0 && reader.ok) {
    const first = reader.u48();
    const length = reader.u16();
    messages += length;
    if (first === 0 || first + length > queue.nextSequence)
      return "remembers a grant of the future";
  }
  const fits = reader.ok && messages === count && count > 0 && count <= COMMAND_OPERATIONS_MAX;
  if (!fits) return "remembers a malformed grant";
  return grantFirst + count > queue.nextToken ? "remembers tokens of the future" : undefined;
}

/** Receiving: the messages are chosen here, at apply, so that a lease is in the log before anybody sees it. */
import type { ClusterTimeMs, DurationMs } from "@kqueuey/base";
import type { Call } from "./call.ts";
import { queueOf, refuse } from "./call.ts";
import { QUEUE_DEFAULT, RECEIVE_BOUNDED } from "./command.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { comeBack } from "./dead-letter.ts";
import { type Allowance, type Grant, takeReady, writeRuns } from "./granting.ts";
import { KEY_WORDS, type Key } from "./key-index.ts";
import { HOUSEKEEPING_STEPS_MAX } from "./limits.ts";
import type { GrantedOutcome } from "./outcome.ts";
import { FLAG_ORIGIN } from "./page.ts";
import type { QueueState } from "./queue.ts";
import { chooseFairly } from "./receive-fair.ts";
import { chooseFromGroups, rememberAttempt, repeatAttempt } from "./receive-fifo.ts";

const attemptKey: Key = new Uint32Array(KEY_WORDS);

export function applyReceive(core: Core, call: Call): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  const limit = call.u16();
  const bytes = call.u32();
  const asked = call.u32();
  const bound = (limit & RECEIVE_BOUNDED) === 0 ? Number.POSITIVE_INFINITY : call.u32();
  const { fifo } = queue;
  const hasAttempt = fifo !== undefined && call.key(attemptKey);
  if (hasAttempt) {
    const repeated = repeatAttempt(core, call, { queue, fifo, key: attemptKey });
    if (repeated !== undefined) {
      core.touch(queue);
      endReceive(core, call, queue, { ...repeated, repeated: true });
      return;
    }
  }
  // A FIFO queue has a limit of its own, at which a receive is given nothing.
  const room = fifo === undefined ? bound - queue.inFlight : Number.POSITIVE_INFINITY;
  if (room <= 0) {
    refuse(core, call, "in-flight-limit");
    return;
  }
  const messages = Math.min(limit & ~RECEIVE_BOUNDED, room);
  const leaseMs = asked === QUEUE_DEFAULT ? queue.attributes.visibilityTimeoutMs : asked;
  const grantFirst = queue.nextToken;
  if (queue.available > 0) {
    core.touch(queue);
    const allowance = { messages, bytes, moves: HOUSEKEEPING_STEPS_MAX, leaseMs };
    // In a FIFO queue group by group; else redelivered messages first, then fresh ones, each class by sequence.
    if (fifo !== undefined) chooseFromGroups(core, call, { queue, fifo, allowance });
    else if (queue.fair !== undefined)
      chooseFairly(core, call, { queue, fair: queue.fair, allowance });
    else if (choose(core, call, queue, { allowance, redelivered: true })) {
      choose(core, call, queue, { allowance, redelivered: false });
    }
  }
  const grant = { grantFirst, leaseMs };
  if (hasAttempt && leaseMs > 0 && call.pages.length > 0) {
    rememberAttempt(core, call, { fifo, key: attemptKey, grant });
  }
  endReceive(core, call, queue, { ...grant, repeated: false });
}

function endReceive(
  core: Core,
  call: Call,
  queue: QueueState,
  end: Grant & { readonly repeated: boolean },
): void {
  const { grantFirst, leaseMs } = end;
  const count = call.pages.length;
  core.chain.mix(STEP.grant);
  core.chain.number(queue.id);
  core.chain.number(grantFirst);
  core.chain.mix(count);
  if (count > 0) rememberGrant(call, { grantFirst, leaseMs });
  if (call.wanted) {
    const grant = { grantFirst: count === 0 ? 0 : grantFirst, grantCount: count, leaseMs };
    call.outcome = grantedOutcome(core, call, queue, { ...grant, replayed: end.repeated });
  }
  // A grant of no time leaves the messages visible: they come back after the choice, not into it.
  if (leaseMs === 0) {
    for (let i = 0; i < count; i++) {
      const page = call.pages[i];
      if (page !== undefined) comeBack(core, page, call.slots[i] ?? 0);
    }
  }
}

/** Grants from one class; false when the allowance is used up. */
function choose(
  core: Core,
  call: Call,
  queue: QueueState,
  from: { allowance: Allowance; redelivered: boolean },
): boolean {
  const { allowance, redelivered } = from;
  for (;;) {
    const page = queue.pages.firstReady(redelivered);
    if (page === undefined) return true;
    let slot = page.nextReady(0, redelivered);
    while (slot >= 0) {
      if (!takeReady(core, call, { page, slot, redelivered, allowance })) return false;
      if (page.live === 0) break;
      slot = page.nextReady(slot + 1, redelivered);
    }
  }
}

/** For a retry: the tokens, and the sequences as runs of neighbours. */
function rememberGrant(call: Call, grant: { grantFirst: number; leaseMs: number }): void {
  const record = call.remember();
  if (record === undefined) return;
  const count = call.pages.length;
  record.u48(grant.grantFirst);
  record.u16(count);
  record.u32(grant.leaseMs);
  writeRuns(record, call);
}

/** The outcome of a grant of the call's messages, which have their leases. */
export function grantedOutcome(
  core: Core,
  call: Call,
  queue: QueueState,
  grant: { grantFirst: number; grantCount: number; leaseMs: number; replayed: boolean },
): GrantedOutcome {
  const count = call.pages.length;
  // One buffer for all columns: a grant costs one allocation outside the heap, not seven.
  const buffer = new ArrayBuffer(count * 48);
  const wide = count * 8;
  const columns = {
    sequences: new Float64Array(buffer, 0, count),
    entries: new Float64Array(buffer, wide, count),
    tokens: new Float64Array(buffer, wide * 2, count),
    deadlines: new Float64Array(buffer, wide * 3, count),
    receiveCounts: new Uint32Array(buffer, wide * 5 + count * 4, count),
    firstReceived: new Float64Array(buffer, wide * 4, count),
    offsets: new Uint32Array(buffer, wide * 5, count),
  };
  let moved = false;
  for (let i = 0; i < count; i++) {
    const page = call.pages[i];
    if (page === undefined) continue;
    const slot = call.slots[i] ?? 0;
    columns.sequences[i] = page.firstSequence + slot;
    columns.entries[i] = page.entry(slot);
    columns.offsets[i] = page.offset(slot);
    columns.tokens[i] = page.token(slot);
    columns.deadlines[i] = page.visibleAt(slot);
    columns.receiveCounts[i] = page.receiveCount(slot);
    columns.firstReceived[i] = page.firstReceived(slot);
    if ((page.flags(slot) & FLAG_ORIGIN) !== 0) moved = true;
  }
  return {
    kind: "granted",
    queueId: queue.id,
    replayed: grant.replayed,
    grantFirst: grant.grantFirst,
    grantCount: grant.grantCount,
    count,
    leaseMs: grant.leaseMs as DurationMs,
    nowMs: core.now as ClusterTimeMs,
    ...columns,
    ...(moved ? originColumns(call) : NO_ORIGINS),
  };
}

const NO_ORIGINS = {
  originQueues: undefined,
  originSequences: undefined,
  sourceQueues: undefined,
};

function originColumns(call: Call): {
  originQueues: Float64Array;
  originSequences: Float64Array;
  sourceQueues: Float64Array;
} {
  const count = call.pages.length;
  const originQueues = new Float64Array(count);
  const originSequences = new Float64Array(count);
  const sourceQueues = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const page = call.pages[i];
    const slot = call.slots[i] ?? 0;
    originQueues[i] = page?.originQueue(slot) ?? 0;
    originSequences[i] = page?.originSequence(slot) ?? 0;
    sourceQueues[i] = page?.sourceQueue(slot) ?? 0;
  }
  return { originQueues, originSequences, sourceQueues };
}

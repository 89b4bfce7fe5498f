/** What becomes of leases: tombstone, extend, release, and the release of a grant that nobody saw. */
import { assert } from "@kqueuey/base";
import type { Call } from "./call.ts";
import { queueOf } from "./call.ts";
import { EXTEND_REVIVES } from "./command.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { comeBack, exhausted, moveAway, movesAtOnce } from "./dead-letter.ts";
import { hasToken } from "./granting.ts";
import { LEASE_TOTAL_MS_MAX } from "./limits.ts";
import { SETTLED } from "./outcome.ts";
import { FLAG_LEASE, FLAG_SHOWN_AGAIN, type Page, PLACE } from "./page.ts";
import { kill, putDelayed, putLeased, takeOut } from "./places.ts";
import type { QueueState } from "./queue.ts";

type Settling = "tombstone" | "extend" | "release" | "undelivered";

export function applySettle(core: Core, call: Call, kind: Settling): void {
  const queue = queueOf(core, call);
  if (queue === undefined) return;
  core.touch(queue);
  const count = call.u16();
  const timed = kind === "extend" || kind === "release";
  let allOk = true;
  core.chain.mix(STEP.settle);
  core.chain.number(queue.id);
  for (let i = 0; i < count; i++) {
    const sequence = call.u48();
    const token = call.u48();
    const ms = timed ? call.u32() : 0;
    const result = settle(core, queue, { kind, sequence, token, ms });
    call.results[i] = result;
    if (result !== SETTLED.ok) allOk = false;
    core.chain.mix(sequence * 8 + result);
  }
  const record = call.remember();
  record?.u16(count);
  record?.u8(allOk ? 1 : 0);
  if (!allOk) record?.raw(call.results.subarray(0, count));
  if (!call.wanted) return;
  const results = call.results.slice(0, count);
  call.outcome = { kind: "settled", queueId: queue.id, results, replayed: false };
}

interface Lease {
  readonly kind: Settling;
  readonly sequence: number;
  readonly token: number;
  readonly ms: number;
}

function settle(core: Core, queue: QueueState, lease: Lease): number {
  const page = queue.find(lease.sequence);
  if (page === undefined) return SETTLED.gone;
  const slot = lease.sequence - page.firstSequence;
  const place = page.place(slot);
  if (place === PLACE.dead || place === PLACE.outbox) return SETTLED.gone;
  if (!hasToken(page, slot, lease.token)) return SETTLED.stale;
  switch (lease.kind) {
    case "tombstone":
      // Also for a lease that is over, as long as nobody else was given the message; not in a FIFO queue, where
      // the group may have gone on.
      if (queue.fifo !== undefined && isOver(core, page, slot)) return SETTLED.notInFlight;
      core.touch(page);
      takeOut(core, page, slot);
      kill(core, page, slot);
      return SETTLED.ok;
    case "undelivered":
      if ((page.flags(slot) & FLAG_SHOWN_AGAIN) !== 0) return SETTLED.stale;
      return undo(core, page, slot);
    case "extend": {
      const revives = lease.ms >= EXTEND_REVIVES;
      const ms = revives ? lease.ms - EXTEND_REVIVES : lease.ms;
      if (!isOver(core, page, slot)) return extend(core, page, { slot, ms });
      if (!revives || !isRevivable(page, slot)) return SETTLED.notInFlight;
      // It is visible already.
      return ms === 0 ? SETTLED.ok : extend(core, page, { slot, ms });
    }
    case "release":
      if (isOver(core, page, slot)) return SETTLED.notInFlight;
      return release(core, page, { slot, ms: lease.ms });
  }
}

function isOver(core: Core, page: Page, slot: number): boolean {
  return page.place(slot) !== PLACE.leased || page.visibleAt(slot) <= core.now;
}

/** Over, and nobody was given the message since. In a FIFO queue its group may have gone on. */
function isRevivable(page: Page, slot: number): boolean {
  return page.queue.fifo === undefined && page.place(slot) !== PLACE.delayed;
}

function extend(core: Core, page: Page, change: { slot: number; ms: number }): number {
  const { slot, ms } = change;
  if (ms === 0) return release(core, page, change);
  const grantedAt = page.visibleAt(slot) - page.leaseMs(slot);
  const leaseMs = core.now + ms - grantedAt;
  if (leaseMs > LEASE_TOTAL_MS_MAX) return SETTLED.tooLong;
  core.touch(page);
  takeOut(core, page, slot);
  page.setLeaseMs(slot, leaseMs);
  putLeased(core, page, slot, core.now + ms);
  core.chain.mix(ms);
  return SETTLED.ok;
}

function release(core: Core, page: Page, change: { slot: number; ms: number }): number {
  const { slot, ms } = change;
  core.touch(page);
  takeOut(core, page, slot);
  if (ms === 0) comeBack(core, page, slot);
  else if (movesAtOnce(page) && exhausted(core, page, slot)) moveAway(core, page, slot);
  else putDelayed(core, page, slot, core.now + ms);
  core.chain.mix(ms);
  return SETTLED.ok;
}

/** As if the grant had not been: the count is restored, and the token is good for nothing more. */
function undo(core: Core, page: Page, slot: number): number {
  const count = page.receiveCount(slot) - 1;
  assert(count >= 0, "a lease without a receive");
  core.touch(page);
  const delayed = page.place(slot) === PLACE.delayed;
  if (!delayed) takeOut(core, page, slot);
  const firstReceived = count === 0 ? 0 : page.firstReceived(slot);
  page.setLease(slot, { token: 0, leaseMs: 0, firstReceived, count });
  if (count === 0) page.clearFlag(slot, FLAG_LEASE);
  if (!delayed) comeBack(core, page, slot);
  return SETTLED.ok;
}

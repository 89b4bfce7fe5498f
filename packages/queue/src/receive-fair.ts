/**
 * Receiving from a standard queue that has message groups. Those that are noisy when the receive begins give only
 * what the quiet ones leave it: messages of quiet groups and those without a group first, then the rest, both in
 * the order of every standard queue, redelivered messages first and each class by sequence. When no group is
 * noisy, that order is all there is.
 */
import type { Call } from "./call.ts";
import type { Core } from "./core.ts";
import { type FairState, noisyTenants } from "./fair.ts";
import { type Allowance, takeReady } from "./granting.ts";
import { PLACE } from "./page.ts";
import { NO_REFERENCE, referenceTo, slotOf } from "./page-pool.ts";
import type { QueueState } from "./queue.ts";

export interface FairChoice {
  readonly queue: QueueState;
  readonly fair: FairState;
  readonly allowance: Allowance;
}

export function chooseFairly(core: Core, call: Call, from: FairChoice): void {
  const { queue, fair, allowance } = from;
  const noisy = noisyTenants(queue);
  fair.putAside(noisy);
  const more = takeAll(core, call, allowance, () =>
    earlier(fair, firstUngrouped(queue), fair.firstOfAll()),
  );
  if (more) takeAll(core, call, allowance, () => firstOf(fair, noisy));
  fair.putAside([]);
}

/** Takes what `next` names until there is nothing; false when the allowance is used up before. */
function takeAll(core: Core, call: Call, allowance: Allowance, next: () => number): boolean {
  for (let reference = next(); reference !== NO_REFERENCE; reference = next()) {
    const page = core.pool.pageOf(reference);
    const slot = slotOf(reference);
    const redelivered = page.place(slot) === PLACE.redelivered;
    if (!takeReady(core, call, { page, slot, redelivered, allowance })) return false;
  }
  return true;
}

function earlier(fair: FairState, a: number, b: number): number {
  if (a === NO_REFERENCE || b === NO_REFERENCE) return a === NO_REFERENCE ? b : a;
  return fair.messages.isBefore(a, b) ? a : b;
}

function firstUngrouped(queue: QueueState): number {
  const again = queue.pages.firstReady(true);
  const page = again ?? queue.pages.firstReady(false);
  if (page === undefined) return NO_REFERENCE;
  return referenceTo(page, page.nextReady(0, again !== undefined));
}

/** The first ready message of a few tenants; those that have no messages any more are passed over. */
function firstOf(fair: FairState, tenants: readonly number[]): number {
  let first = NO_REFERENCE;
  for (const tenant of tenants) {
    if (fair.tenants.has(tenant)) first = earlier(fair, first, fair.first(tenant));
  }
  return first;
}

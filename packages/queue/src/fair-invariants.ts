/** What must hold of a standard queue's message groups at every index: who has what, and which are noisy. */
import type { FairState } from "./fair.ts";
import { noisyTenants } from "./fair.ts";
import { FAIR_IN_FLIGHT_MIN, FAIR_PERCENT } from "./limits.ts";
import { PLACE } from "./page.ts";
import { NO_REFERENCE, referenceTo } from "./page-pool.ts";
import type { QueueState } from "./queue.ts";

interface Tenant {
  held: number;
  ready: number;
  inFlight: number;
  /** Its first ready message. */
  first: number;
}

export function checkFair(queue: QueueState, fair: FairState): string | undefined {
  const counted = countTenants(queue, fair);
  if (typeof counted === "string") return counted;
  const { tenants } = fair;
  if (tenants.count !== counted.size) return "a group without messages";
  for (const [tenant, { held, ready, inFlight, first }] of counted) {
    const name = `group ${tenant}`;
    if (tenants.held(tenant) !== held) return `${name} holds ${tenants.held(tenant)}, not ${held}`;
    if (fair.ready(tenant) !== ready)
      return `${name} has ready ${fair.ready(tenant)}, not ${ready}`;
    if (fair.inFlight(tenant) !== inFlight) return `${name} miscounts what is in flight`;
    if (fair.first(tenant) !== first) return `${name} has another first message`;
  }
  return checkFirst(fair, counted) ?? checkNoisy(queue, counted);
}

function countTenants(queue: QueueState, fair: FairState): Map<number, Tenant> | string {
  const counted = new Map<number, Tenant>();
  for (let at = 0; at < queue.pages.length; at++) {
    const page = queue.pages.at(at);
    let grouped = 0;
    for (let slot = 0; page !== undefined && slot < page.used; slot++) {
      const place = page.place(slot);
      const group = page.group(slot);
      if (place === PLACE.dead || group === 0) continue;
      if (!fair.tenants.has(group)) return "a message of a group that is not there";
      const tenant = counted.get(group) ?? { held: 0, ready: 0, inFlight: 0, first: NO_REFERENCE };
      counted.set(group, tenant);
      tenant.held += 1;
      if (place === PLACE.leased) tenant.inFlight += 1;
      if (place !== PLACE.fresh && place !== PLACE.redelivered) continue;
      tenant.ready += 1;
      grouped += 1;
      tenant.first = earlier(fair, tenant.first, referenceTo(page, slot));
    }
    if (page !== undefined && page.groupedReady !== grouped) return "a page miscounts its grouped";
  }
  return counted;
}

function checkFirst(fair: FairState, counted: ReadonlyMap<number, Tenant>): string | undefined {
  let first = NO_REFERENCE;
  for (const tenant of counted.values()) first = earlier(fair, first, tenant.first);
  return fair.firstOfAll() === first ? undefined : "another message is first of all groups'";
}

function checkNoisy(queue: QueueState, counted: ReadonlyMap<number, Tenant>): string | undefined {
  const { inFlightMin, inFlightPercent } = queue.attributes.fairness ?? {
    inFlightMin: FAIR_IN_FLIGHT_MIN,
    inFlightPercent: FAIR_PERCENT,
  };
  const noisy = [...counted.entries()].filter(([, { inFlight }]) => {
    return inFlight >= inFlightMin && inFlight * 100 > inFlightPercent * queue.inFlight;
  });
  const found = noisyTenants(queue).sort((a, b) => a - b);
  const numbers = noisy.map(([tenant]) => tenant).sort((a, b) => a - b);
  const same = found.length === numbers.length && found.every((each, i) => each === numbers[i]);
  return same ? undefined : `the noisy groups are ${numbers.join()}, not ${found.join()}`;
}

function earlier(fair: FairState, a: number, b: number): number {
  if (a === NO_REFERENCE || b === NO_REFERENCE) return a === NO_REFERENCE ? b : a;
  return fair.messages.isBefore(a, b) ? a : b;
}

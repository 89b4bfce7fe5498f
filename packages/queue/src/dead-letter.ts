/**
 * Dead letters: a message that was received as often as its queue allows is never granted again. It
 * moves when its last lease ends (or when a receive meets it, after the limit was lowered), so it is
 * counted in exactly one queue at every index. To a queue of this group in the same step; to another
 * group's through the outbox.
 */
import { assert } from "@kqueuey/base";
import type { DeadLetter } from "./attributes.ts";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { joinTenant } from "./fair.ts";
import { joinGroup } from "./fifo.ts";
import { KEY_WORDS, type Key } from "./key-index.ts";
import { FIFO_GROUPS_MAX } from "./limits.ts";
import { FLAG_ORIGIN, type Origin, type Page } from "./page.ts";
import { appendMessage, forget, noteSecond, openPage, putOutbox, putReady } from "./places.ts";
import type { QueueState } from "./queue.ts";

/** Of messages that came to a FIFO queue without a group: one group of theirs. */
const NO_GROUP_KEY: Key = new Uint32Array(KEY_WORDS);

/** The queue's policy, if it can act: a target of this group must exist, be another queue and of the same kind. */
function policyOf(core: Core, queue: QueueState): DeadLetter | undefined {
  const policy = queue.attributes.deadLetter;
  if (policy === undefined || policy.queueId === queue.id) return undefined;
  if (policy.group !== core.group) return policy;
  const target = core.queues.get(policy.queueId);
  if (target === undefined || (target.fifo === undefined) !== (queue.fifo === undefined)) {
    return undefined;
  }
  // A group more than there are numbers for waits until there is one.
  if (target.fifo !== undefined && target.fifo.groups.count >= FIFO_GROUPS_MAX) return undefined;
  return policy;
}

/** Whether the message may not be granted again. */
export function exhausted(core: Core, page: Page, slot: number): boolean {
  if (page.queue.attributes.deadLetter === undefined) return false;
  const policy = policyOf(core, page.queue);
  return policy !== undefined && page.receivesHere(slot) >= policy.maximumReceives;
}

/** A message that was taken out comes back: ready, or to the dead letters. */
export function comeBack(core: Core, page: Page, slot: number): void {
  if (movesAtOnce(page) && exhausted(core, page, slot)) moveAway(core, page, slot);
  else putReady(core, page, slot);
}

/** In a FIFO queue a dead letter moves when a receive meets it first in its group, so that the order stays. */
export function movesAtOnce(page: Page): boolean {
  return page.queue.fifo === undefined;
}

/** Moves a message that was taken out to where its queue's policy says. */
export function moveAway(core: Core, page: Page, slot: number): void {
  const queue = page.queue;
  const policy = policyOf(core, queue);
  assert(policy !== undefined, "a move without a policy");
  core.chain.mix(STEP.move);
  core.chain.number(queue.id);
  core.chain.number(page.firstSequence + slot);
  core.chain.number(policy.queueId);
  const target = policy.group === core.group ? core.queues.get(policy.queueId) : undefined;
  if (target === undefined) {
    putOutbox(core, page, slot, { group: policy.group, queue: policy.queueId });
    return;
  }
  const arrival: Arrival = {
    origin: originFor(page, slot),
    firstReceived: page.firstReceived(slot),
  };
  relocate(core, { page, slot }, target, arrival);
}

/** Moves a message that was taken out to a queue of this group: it is there in the step in which it is gone here. */
export function relocate(
  core: Core,
  from: { readonly page: Page; readonly slot: number },
  target: QueueState,
  arrival: Arrival,
): void {
  const { page, slot } = from;
  core.touch(target);
  const body = {
    entry: page.entry(slot),
    offset: page.offset(slot),
    sizeClass: page.sizeClass(slot),
  };
  forget(core, page, slot);
  arrive(core, target, body, arrival);
}

/** What a moved message brings along besides its body. */
export interface Arrival {
  readonly origin: Origin;
  readonly firstReceived: number;
}

/** Appends a moved message to a queue and makes it ready there. */
export function arrive(
  core: Core,
  queue: QueueState,
  body: { entry: number; offset: number; sizeClass: number },
  arrival: Arrival,
): void {
  const page = openPage(core, queue, 1, Math.floor(core.now / 1_000));
  const slot = appendMessage(core, page, body);
  const { origin } = arrival;
  // Retention begins anew in a FIFO queue, and goes on in a standard one.
  const second = Math.floor(core.now / 1_000);
  page.setOrigin(slot, queue.fifo === undefined ? origin : { ...origin, enqueuedSecond: second });
  noteSecond(core, queue, queue.fifo === undefined ? origin.enqueuedSecond : second);
  if (queue.fifo !== undefined) joinGroup(core.pool, page, slot, origin.groupKey ?? NO_GROUP_KEY);
  else if (origin.groupKey !== undefined) joinTenant(core, page, slot, origin.groupKey);
  const count = arrival.origin.countOnArrival;
  if (count > 0) {
    core.pool.needLease(page);
    page.setLease(slot, { token: 0, leaseMs: 0, firstReceived: arrival.firstReceived, count });
  }
  putReady(core, page, slot);
}

function groupKeyOf(page: Page, slot: number): Key | undefined {
  const { fifo, fair } = page.queue;
  const group = page.group(slot);
  const table = fifo?.groups ?? fair?.tenants;
  return group === 0 ? undefined : table?.keyOf(group).slice();
}

/** Where the message in `slot` comes from, as its next queue is to know it. */
export function originFor(page: Page, slot: number): Origin {
  const moved = (page.flags(slot) & FLAG_ORIGIN) !== 0;
  return {
    queue: moved ? page.originQueue(slot) : page.queue.id,
    sequence: moved ? page.originSequence(slot) : page.firstSequence + slot,
    source: page.queue.id,
    enqueuedSecond: page.enqueuedSecond(slot),
    countOnArrival: page.receiveCount(slot),
    groupKey: groupKeyOf(page, slot),
  };
}

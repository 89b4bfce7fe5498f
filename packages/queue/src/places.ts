/**
 * The moves of a message between the places where it can be. Every change of place goes through here,
 * so that counters, ready sets, the wheel and the unit marks agree with the place at every step.
 *
 *     (new) --> delayed --due--> ready <--> leased --> dead
 *     (new) --> ready                      leased --> delayed (release with delay) · outbox --> dead
 */
import { assert, unreachable } from "@kqueuey/base";
import type { Core } from "./core.ts";
import { isOfTenant, tenantNotReady, tenantReady } from "./fair.ts";
import { groupReady, groupTakenOut, leaveGroup, unlink } from "./fifo.ts";
import { FIFO_IN_FLIGHT_MAX } from "./limits.ts";
import type { Page } from "./page.ts";
import { FLAG_LEASE, PAGE_SECONDS_MAX, PAGE_SLOTS_MAX, PAGE_SLOTS_MIN, PLACE } from "./page.ts";
import { referenceTo } from "./page-pool.ts";
import type { QueueState } from "./queue.ts";
import { takeSequence } from "./queue.ts";
import { MARK } from "./units.ts";

/**
 * The page that takes the queue's next message, which was enqueued in `second`. A new page is as large
 * as the queue is deep, or as `expected` more messages need, so that a small queue costs little.
 */
export function openPage(core: Core, queue: QueueState, expected: number, second: number): Page {
  const last = queue.pages.last();
  if (
    last !== undefined &&
    !last.full &&
    second >= last.baseSecond &&
    second - last.baseSecond <= PAGE_SECONDS_MAX
  ) {
    if (last.mark !== MARK.changed) core.touch(last);
    return last;
  }
  const wanted = Math.max(queue.stored, expected);
  let size = PAGE_SLOTS_MIN;
  while (size < wanted && size < PAGE_SLOTS_MAX) size *= 2;
  // A tail that can't be filled any more and has nobody in it would stay for ever.
  if (last !== undefined && last.live === 0) freePage(core, last);
  const page = core.pool.allocate({
    number: core.takeUnit(),
    queue,
    size,
    firstSequence: queue.nextSequence,
    baseSecond: second,
  });
  if (queue.fifo !== undefined) page.chain = new Uint32Array(size);
  core.units.add(page);
  queue.pages.push(page);
  return page;
}

/** Where a message's body is and how large. */
export interface BodyPlace {
  readonly entry: number;
  readonly offset: number;
  readonly sizeClass: number;
}

/** Appends a message, in no place yet, enqueued now; gives its slot in `page`, which has room. */
export function appendMessage(core: Core, page: Page, body: BodyPlace): number {
  const queue = page.queue;
  const second = Math.floor(core.now / 1_000);
  takeSequence(queue);
  core.stored += 1;
  const slot = page.append(body.entry, body.offset, { sizeClass: body.sizeClass, second });
  noteSecond(core, queue, second);
  return slot;
}

/** A message of `queue` was enqueued in `second`: keeps the lower bounds that retention looks at. */
export function noteSecond(core: Core, queue: QueueState, second: number): void {
  if (second < queue.oldestSecond) queue.oldestSecond = second;
  const due = second + queue.retentionSeconds + 1;
  if (due < core.retentionDue) core.retentionDue = due;
}

/** To the ready set of its class: redelivered when it was received in this queue before. */
export function putReady(core: Core, page: Page, slot: number): void {
  const queue = page.queue;
  const redelivered = page.receivesHere(slot) > 0;
  page.setPlace(slot, redelivered ? PLACE.redelivered : PLACE.fresh);
  if (isOfTenant(page, slot)) tenantReady(page, slot);
  else if (page.setReady(slot, redelivered)) queue.pages.setReady(page, redelivered, true);
  queue.available += 1;
  if (queue.fifo !== undefined) groupReady(core, page, slot);
  else if (!queue.woken) core.wake(queue);
}

/** To the delayed, until `time`. */
export function putDelayed(core: Core, page: Page, slot: number, time: number): void {
  core.pool.needLease(page);
  page.setPlace(slot, PLACE.delayed);
  page.setVisibleAt(slot, time);
  core.wheel.insert(referenceTo(page, slot), time);
  page.queue.delayed += 1;
}

/** To the leased, until `time`. The lease words are written already. */
export function putLeased(core: Core, page: Page, slot: number, time: number): void {
  page.setPlace(slot, PLACE.leased);
  page.setVisibleAt(slot, time);
  core.wheel.insert(referenceTo(page, slot), time);
  page.queue.inFlight += 1;
  if (isOfTenant(page, slot)) page.queue.fair?.changeInFlight(page.group(slot), 1);
}

/** To the end of the outbox, for a queue of another group. The slot has a lease. */
export function putOutbox(
  core: Core,
  page: Page,
  slot: number,
  target: { group: number; queue: number },
): void {
  const queue = page.queue;
  assert((page.flags(slot) & FLAG_LEASE) !== 0, "only a received message becomes a dead letter");
  if (queue.fifo !== undefined) unlink(core, page, slot);
  page.setPlace(slot, PLACE.outbox);
  page.setLease(slot, {
    token: queue.outboxFirst + queue.outbox,
    leaseMs: 0,
    firstReceived: page.firstReceived(slot),
    count: page.receiveCount(slot),
  });
  page.setTarget(slot, target.group, target.queue);
  queue.outboxSequences.push(page.firstSequence + slot);
  queue.outbox += 1;
}

/** Out of the place where it is; it must be put somewhere, or killed, next. Not for the outbox. */
export function takeOut(core: Core, page: Page, slot: number): void {
  const queue = page.queue;
  const place = page.place(slot);
  switch (place) {
    case PLACE.fresh:
    case PLACE.redelivered: {
      const redelivered = place === PLACE.redelivered;
      if (isOfTenant(page, slot)) tenantNotReady(page, slot);
      else if (page.clearReady(slot, redelivered)) queue.pages.setReady(page, redelivered, false);
      queue.available -= 1;
      break;
    }
    case PLACE.delayed:
      core.wheel.remove(referenceTo(page, slot), page.visibleAt(slot));
      queue.delayed -= 1;
      break;
    case PLACE.leased:
      core.wheel.remove(referenceTo(page, slot), page.visibleAt(slot));
      queue.inFlight -= 1;
      if (isOfTenant(page, slot)) queue.fair?.changeInFlight(page.group(slot), -1);
      if (queue.fifo !== undefined && queue.inFlight === FIFO_IN_FLIGHT_MAX - 1) core.wake(queue);
      break;
    default:
      assert(false, "a message that is nowhere can't be taken out");
  }
  if (queue.fifo !== undefined) groupTakenOut(core, page, slot);
}

/** Takes the first message out of the outbox; gives its sequence. */
export function takeOutbox(queue: QueueState): number {
  const sequence = queue.outboxSequences[queue.outboxHead] ?? 0;
  queue.outboxHead += 1;
  queue.outboxFirst += 1;
  queue.outbox -= 1;
  if (queue.outboxHead >= 64 && queue.outboxHead * 2 >= queue.outboxSequences.length) {
    queue.outboxSequences = queue.outboxSequences.slice(queue.outboxHead);
    queue.outboxHead = 0;
  }
  return sequence;
}

/** The end of a message that was taken out, and of its body. Frees the page with its last message. */
export function kill(core: Core, page: Page, slot: number): void {
  core.deaths.add(page.entry(slot), 1);
  forget(core, page, slot);
}

/** The end of a message here, while its body lives on elsewhere. */
export function forget(core: Core, page: Page, slot: number): void {
  const queue = page.queue;
  if (queue.fifo !== undefined) leaveGroup(core, page, slot);
  else if (isOfTenant(page, slot)) queue.fair?.tenants.letGo(page.group(slot));
  page.setPlace(slot, PLACE.dead);
  if (queue.countsInTable.size > 0) queue.countsInTable.delete(page.firstSequence + slot);
  page.live -= 1;
  core.stored -= 1;
  if (page.live > 0) return;
  const last = queue.pages.last();
  if (page !== last || page.full) freePage(core, page);
  // Kept for the next message: what was in it says nothing of that one's age.
  else page.oldestSecond = Number.POSITIVE_INFINITY;
  // An empty queue keeps a small page for its next message; a large one is worth giving back.
  if (queue.stored === 0) freeTail(core, queue);
}

function freeTail(core: Core, queue: QueueState): void {
  const last = queue.pages.last();
  if (last !== undefined && last.live === 0 && last.size > PAGE_SLOTS_MIN) freePage(core, last);
}

function freePage(core: Core, page: Page): void {
  const queue = page.queue;
  assert(page.live === 0, "a page with live messages was freed");
  core.touch(page);
  if (queue.recent === page) queue.recent = undefined;
  queue.pages.remove(page);
  core.units.remove(page);
  core.pool.free(page);
}

/** A place by name, for messages of checks. */
export function placeName(place: number): keyof typeof PLACE {
  switch (place) {
    case PLACE.dead:
      return "dead";
    case PLACE.delayed:
      return "delayed";
    case PLACE.fresh:
      return "fresh";
    case PLACE.redelivered:
      return "redelivered";
    case PLACE.leased:
      return "leased";
    case PLACE.outbox:
      return "outbox";
    default:
      return unreachable(place as never);
  }
}

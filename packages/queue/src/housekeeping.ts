/**
 * What time alone does, at the beginning of every entry: leases and delays that end, by (deadline,
 * queue, sequence), then messages whose retention is over, by (queue, sequence), then the steps of move
 * tasks, by queue. At most 1,024 steps an entry; what is left waits for the next one. All orders are
 * total and over the state alone.
 */
import { must } from "@kqueuey/base";
import type { Core } from "./core.ts";
import { STEP } from "./core.ts";
import { comeBack } from "./dead-letter.ts";
import { LEASE_WORDS, NEXT_WORD } from "./lease-plane.ts";
import { HOUSEKEEPING_STEPS_MAX } from "./limits.ts";
import { stepMoves } from "./move.ts";
import { type Page, PLACE } from "./page.ts";
import { referenceTo, slotOf } from "./page-pool.ts";
import { kill, putReady, takeOut } from "./places.ts";
import type { QueueState } from "./queue.ts";
import { MARK } from "./units.ts";

/** Written over a wheel link of a purged message that was taken out of the wheel. */
const UNLINKED = 0xffff_fffe;

export function keepHouse(core: Core): void {
  const left = endDelaysAndLeases(core, HOUSEKEEPING_STEPS_MAX);
  stepMoves(core, retireOld(core, left));
}

/** Whether something due was left for the next entry. */
export function houseIsPending(core: Core): boolean {
  if (core.wheel.due(core.now) >= 0) return true;
  if (core.retentionSecond < Math.floor(core.now / 1_000)) return true;
  return (core.moves.nextStep() ?? Number.POSITIVE_INFINITY) <= core.now;
}

function endDelaysAndLeases(core: Core, steps: number): number {
  let left = steps;
  const due: number[] = [];
  while (left > 0) {
    const deadline = core.wheel.due(core.now);
    if (deadline < 0) break;
    due.length = 0;
    core.wheel.collect(deadline, due);
    const messages = sortDue(core, dropDoomed(core, due));
    for (const reference of messages) {
      if (left === 0) break;
      left -= 1;
      endOne(core, core.pool.pageOf(reference), slotOf(reference));
    }
  }
  return left;
}

function endOne(core: Core, page: Page, slot: number): void {
  core.touch(page.queue);
  core.touch(page);
  const wasLeased = page.place(slot) === PLACE.leased;
  core.chain.mix(wasLeased ? STEP.expire : STEP.appear);
  core.chain.number(page.queue.id);
  core.chain.number(page.firstSequence + slot);
  takeOut(core, page, slot);
  if (wasLeased) comeBack(core, page, slot);
  else putReady(core, page, slot);
}

/** Takes purged messages out of the wheel; gives the others. */
function dropDoomed(core: Core, references: readonly number[]): number[] {
  const alive: number[] = [];
  for (const reference of references) {
    const page = core.pool.pageOf(reference);
    if (page.doomed) unlinkDoomed(core, page, slotOf(reference));
    else alive.push(reference);
  }
  return alive;
}

function unlinkDoomed(core: Core, page: Page, slot: number): void {
  core.wheel.remove(referenceTo(page, slot), page.visibleAt(slot));
  must(page.lease, "a linked slot has a lease plane")[slot * LEASE_WORDS + NEXT_WORD] = UNLINKED;
}

/** By (queue, sequence): a bucket's own order is that of its history, mostly exactly the reverse. */
function sortDue(core: Core, references: number[]): number[] {
  references.reverse();
  const pages = references.map((reference) => core.pool.pageOf(reference));
  let sorted = true;
  for (let i = 1; i < references.length && sorted; i++) {
    const before = must(pages[i - 1], "page of a reference");
    const after = must(pages[i], "page of a reference");
    sorted = compare(before, references[i - 1] ?? 0, after, references[i] ?? 0) < 0;
  }
  if (sorted) return references;
  return references.sort((a, b) => compare(core.pool.pageOf(a), a, core.pool.pageOf(b), b));
}

function compare(a: Page, referenceA: number, b: Page, referenceB: number): number {
  if (a.queue.id !== b.queue.id) return a.queue.id - b.queue.id;
  return a.firstSequence + slotOf(referenceA) - (b.firstSequence + slotOf(referenceB));
}

/**
 * Retention, looked at once a second: a message goes in the first second that begins after its whole
 * retention, whether it waits or is leased. Those in the outbox stay: their target may have them already.
 * Gives the steps left.
 */
function retireOld(core: Core, steps: number): number {
  const second = Math.floor(core.now / 1_000);
  let left = steps;
  if (core.retentionSecond >= second) return left;
  if (core.retentionDue <= second) {
    let due = Number.POSITIVE_INFINITY;
    for (const id of core.queueOrder) {
      const queue = must(core.queues.get(id), "queue in the order");
      left = retireOf(core, queue, { before: second - queue.retentionSeconds, steps: left });
      if (left < 0) return 0;
      due = Math.min(due, queue.oldestSecond + queue.retentionSeconds + 1);
    }
    core.retentionDue = due;
  }
  core.retentionSecond = second;
  for (const id of core.queueOrder) {
    const fifo = core.queues.get(id)?.fifo;
    fifo?.deduplications.expire(core.now);
    fifo?.attempts.expire(core.now);
  }
  return left;
}

/** Retires the queue's messages enqueued in a second before `before`; gives the steps left, -1 when they ran out. */
function retireOf(core: Core, queue: QueueState, task: { before: number; steps: number }): number {
  let left = task.steps;
  if (queue.oldestSecond >= task.before) return left;
  let oldest = Number.POSITIVE_INFINITY;
  for (let place = 0; place < queue.pages.length; ) {
    const page = must(queue.pages.at(place), "page of a queue");
    if (page.oldestSecond < task.before) {
      left = retireIn(core, page, { before: task.before, steps: left });
      if (left < 0) return -1;
    }
    if (page.live > 0) oldest = Math.min(oldest, page.oldestSecond);
    // The page may have gone with its last message; then the next one is in its place.
    if (queue.pages.at(place) === page) place += 1;
  }
  queue.oldestSecond = oldest;
  return left;
}

function retireIn(core: Core, page: Page, task: { before: number; steps: number }): number {
  let left = task.steps;
  let oldest = Number.POSITIVE_INFINITY;
  for (let slot = 0; slot < page.used; slot++) {
    const place = page.place(slot);
    if (place === PLACE.dead) continue;
    const second = page.enqueuedSecond(slot);
    if (second >= task.before || place === PLACE.outbox) {
      oldest = Math.min(oldest, second);
      continue;
    }
    if (left === 0) return -1;
    left -= 1;
    core.touch(page.queue);
    core.touch(page);
    core.chain.mix(STEP.retire);
    core.chain.number(page.queue.id);
    core.chain.number(page.firstSequence + slot);
    takeOut(core, page, slot);
    kill(core, page, slot);
    if (page.live === 0) break;
  }
  page.oldestSecond = oldest;
  return left;
}

/** Frees the memory of at most `pages` purged pages; a running checkpoint may still need some. */
export function sweepDoomed(core: Core, pages: number): boolean {
  for (let i = 0; i < pages; i++) {
    const page = core.doomed.at(-1);
    if (page === undefined || page.mark === MARK.leaving) break;
    core.doomed.pop();
    sweepPage(core, page);
  }
  return core.doomed.length > 0;
}

function sweepPage(core: Core, page: Page): void {
  for (let slot = 0; slot < page.used; slot++) {
    const place = page.place(slot);
    if (place === PLACE.dead) continue;
    core.deaths.add(page.entry(slot), 1);
    if (place !== PLACE.delayed && place !== PLACE.leased) continue;
    if (page.lease?.[slot * LEASE_WORDS + NEXT_WORD] !== UNLINKED) unlinkDoomed(core, page, slot);
  }
  const counts = page.queue.countsInTable;
  if (counts.size > 0) {
    for (let slot = 0; slot < page.used; slot++) counts.delete(page.firstSequence + slot);
  }
  core.pool.free(page);
}

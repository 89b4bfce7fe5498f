/**
 * What must hold at every index, by counting everything anew: for tests, for the simulator, and for
 * every state that comes from a disk.
 */
import type { Core } from "./core.ts";
import { checkFair } from "./fair-invariants.ts";
import { checkFifo } from "./fifo-invariants.ts";
import { COUNT_IN_TABLE } from "./lease-plane.ts";
import { FLAG_LEASE, type Page, PLACE } from "./page.ts";
import { placeName } from "./places.ts";
import type { QueueState } from "./queue.ts";

/** The first rule that does not hold, in words; undefined when all do. */
export function findViolation(core: Core): string | undefined {
  let timed = 0;
  let stored = 0;
  for (const id of core.queueOrder) {
    const queue = core.queues.get(id);
    if (queue === undefined) return `queue ${id} is in the order and not in the table`;
    const found = checkQueue(core, queue);
    if (found !== undefined) return `queue ${id}: ${found}`;
    timed += queue.inFlight + queue.delayed;
    stored += queue.stored;
  }
  if (core.queues.size !== core.queueOrder.length) return "the order of queues is not complete";
  if (core.stored !== stored) return `${core.stored} messages in all, counted ${stored}`;
  // Purged messages leave the wheel when their pages are swept.
  if (core.doomed.length === 0 && core.wheel.size !== timed) {
    return `the wheel holds ${core.wheel.size} messages, and ${timed} are leased or delayed`;
  }
  const moves = checkMoves(core);
  if (moves !== undefined) return moves;
  const next = core.wheel.nextDeadline();
  if (next !== undefined && core.wheel.size === 0) return "an empty wheel has a deadline";
  return undefined;
}

function checkMoves(core: Core): string | undefined {
  let running = 0;
  for (const { source, tasks } of core.moves.all()) {
    const queue = core.queues.get(source);
    if (queue === undefined) return `move tasks of queue ${source}, which is not there`;
    for (const [i, task] of tasks.entries()) {
      if (task.status === "running" && i < tasks.length - 1) return "an older move task runs";
      if (task.horizon > queue.nextSequence) return "a move task of messages from the future";
      if (task.steppedAt > core.now) return "a move task from the future";
      if (task.status === "running") running += 1;
    }
  }
  return running === core.moves.running.length
    ? undefined
    : "the running move tasks are miscounted";
}

interface Count {
  fresh: number;
  redelivered: number;
  leased: number;
  delayed: number;
  outbox: number;
  /** Messages whose receive count stands in the queue's table. */
  inTable: number;
}

function checkQueue(core: Core, queue: QueueState): string | undefined {
  const count: Count = { fresh: 0, redelivered: 0, leased: 0, delayed: 0, outbox: 0, inTable: 0 };
  let end = 1;
  for (let place = 0; place < queue.pages.length; place++) {
    const page = queue.pages.at(place);
    if (page === undefined) return "a hole among the pages";
    if (page.queue !== queue) return "a page of another queue";
    if (page.firstSequence < end) return "pages out of order";
    end = page.firstSequence + page.used;
    const isLast = place === queue.pages.length - 1;
    if (page.live === 0 && (!isLast || page.full)) return "an empty page was not freed";
    if (isLast && !page.full && end !== queue.nextSequence) return "the tail is not where it ends";
    const found = checkPage(core, page, count);
    if (found !== undefined) return found;
  }
  if (end > queue.nextSequence) return "a message from the future";
  // Purged messages leave the table when their pages are swept.
  if (core.doomed.length === 0 && queue.countsInTable.size !== count.inTable) {
    return `${queue.countsInTable.size} receive counts in the table, counted ${count.inTable}`;
  }
  const found = checkCounters(queue, count);
  if (found !== undefined) return found;
  if (queue.fair !== undefined) return checkFair(queue, queue.fair);
  return queue.fifo === undefined ? undefined : checkFifo(core, queue, queue.fifo);
}

function checkCounters(queue: QueueState, count: Count): string | undefined {
  const ready = count.fresh + count.redelivered;
  if (ready !== queue.available) return `available is ${queue.available}, counted ${ready}`;
  if (count.leased !== queue.inFlight)
    return `inFlight is ${queue.inFlight}, counted ${count.leased}`;
  if (count.delayed !== queue.delayed)
    return `delayed is ${queue.delayed}, counted ${count.delayed}`;
  if (count.outbox !== queue.outbox) return `outbox is ${queue.outbox}, counted ${count.outbox}`;
  if (queue.outboxSequences.length - queue.outboxHead !== queue.outbox)
    return "the outbox's order is not complete";
  for (let i = 0; i < queue.outbox; i++) {
    const sequence = queue.outboxSequences[queue.outboxHead + i] ?? 0;
    const page = queue.find(sequence);
    const slot = sequence - (page?.firstSequence ?? 0);
    if (page === undefined || page.place(slot) !== PLACE.outbox)
      return `message ${sequence} is not in the outbox`;
    if (page.token(slot) !== queue.outboxFirst + i)
      return `message ${sequence} has another outbox number`;
  }
  return undefined;
}

function checkPage(core: Core, page: Page, count: Count): string | undefined {
  let live = 0;
  let fresh = 0;
  let redelivered = 0;
  for (let slot = 0; slot < page.used; slot++) {
    const place = page.place(slot);
    const isFresh = page.isReady(slot, false);
    const isRedelivered = page.isReady(slot, true);
    // Those with a group in a standard queue are in its tree instead.
    const isMarked = page.queue.fifo !== undefined || page.group(slot) === 0;
    if (isFresh !== (isMarked && place === PLACE.fresh)) {
      return `${nameOf(page, slot)} disagrees with the fresh`;
    }
    if (isRedelivered !== (isMarked && place === PLACE.redelivered)) {
      return `${nameOf(page, slot)} disagrees with the redelivered`;
    }
    if (place === PLACE.dead) continue;
    live += 1;
    if (isFresh) fresh += 1;
    if (isRedelivered) redelivered += 1;
    if (place === PLACE.fresh) count.fresh += 1;
    if (place === PLACE.redelivered) count.redelivered += 1;
    const found = checkSlot(core, page, slot);
    if (found !== undefined) return `${nameOf(page, slot)} ${found}`;
    if (page.receiveCount(slot) >= COUNT_IN_TABLE) count.inTable += 1;
    if (place === PLACE.leased) count.leased += 1;
    if (place === PLACE.delayed) count.delayed += 1;
    if (place === PLACE.outbox) count.outbox += 1;
  }
  if (live !== page.live) return `a page has ${page.live} live messages, counted ${live}`;
  if (fresh !== page.freshCount) return "a page miscounts its fresh";
  if (redelivered !== page.redeliveredCount) return "a page miscounts its redelivered";
  return undefined;
}

/** Made for what is wrong alone: a start looks at ten million messages. */
function nameOf(page: Page, slot: number): string {
  return `message ${page.firstSequence + slot} (${placeName(page.place(slot))})`;
}

function checkSlot(core: Core, page: Page, slot: number): string | undefined {
  const place = page.place(slot);
  const queue = page.queue;
  if (page.entry(slot) > core.appliedIndex) return "has a body from the future";
  if (page.enqueuedSecond(slot) * 1_000 > core.now) return "was enqueued in the future";
  if (page.enqueuedSecond(slot) < page.oldestSecond) return "is older than its page";
  if (page.oldestSecond < queue.oldestSecond) return "is older than its queue";
  if ((page.flags(slot) & FLAG_LEASE) === 0) return undefined;
  if (page.receiveCount(slot) < 1) return "has a lease and no receive";
  if (page.receivesHere(slot) < 0) return "was received less often than on its arrival";
  if (place !== PLACE.outbox && page.token(slot) >= queue.nextToken)
    return "has a token from the future";
  return undefined;
}

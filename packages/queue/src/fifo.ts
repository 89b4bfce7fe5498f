/**
 * What a FIFO queue has besides its pages: groups, the round in which they are served, and what is remembered
 * of sends and of receive attempts.
 *
 * The messages of a group are a chain in the order of their sequences, linked through their pages. Only a
 * visible run from its front may be received, so a group is locked while its first message is leased or
 * delayed: that takes no count, only a look at the front. A group whose first message is ready is in the
 * round; it joins at the end each time that comes to be, under a turn that is never given twice.
 */
import type { Core } from "./core.ts";
import { GroupTable } from "./group-table.ts";
import type { Key } from "./key-index.ts";
import { type Page, PLACE } from "./page.ts";
import { NO_REFERENCE, type PagePool, referenceTo, slotOf } from "./page-pool.ts";
import type { Unit } from "./units.ts";
import { FIFO_UNIT, type WindowHost, WindowLog } from "./window-log.ts";

export class FifoState {
  readonly groups: GroupTable;
  /** Of the next group that joins the round. */
  nextTurn = 1;
  readonly deduplications: WindowLog;
  readonly attempts: WindowLog;

  constructor(host: WindowHost, queueId: number) {
    this.groups = new GroupTable(host, queueId);
    this.deduplications = new WindowLog(host, FIFO_UNIT.deduplications, queueId);
    this.attempts = new WindowLog(host, FIFO_UNIT.attempts, queueId);
  }

  get bytes(): number {
    const logs = [this.deduplications, this.attempts];
    return logs.reduce((sum, log) => sum + log.bytes + log.indexBytes, this.groups.bytes);
  }

  *units(): Iterable<Unit> {
    yield* this.groups.units();
    yield* this.deduplications.units();
    yield* this.attempts.units();
  }

  /** The units are no more. */
  drop(): void {
    this.groups.drop();
    this.deduplications.close();
    this.attempts.close();
  }
}

/** The message joins the end of a group, which comes to be if need be. It is in no place yet. */
export function joinGroup(pool: PagePool, page: Page, slot: number, key: Key): void {
  const fifo = page.queue.fifo;
  if (fifo === undefined) return;
  const group = fifo.groups.open(key);
  page.setGroup(slot, group);
  linkLast(pool, fifo, page, slot);
}

/** Puts a message at the end of its group's chain. */
export function linkLast(pool: PagePool, fifo: FifoState, page: Page, slot: number): void {
  const { groups } = fifo;
  const group = page.group(slot);
  const reference = referenceTo(page, slot);
  const last = groups.last(group);
  page.setLinks(slot, last, NO_REFERENCE);
  if (last === NO_REFERENCE) groups.setFirst(group, reference);
  else pool.pageOf(last).setNext(slotOf(last), reference);
  groups.setLast(group, reference);
  groups.hold(group);
}

/** Takes a message out of its group's chain; the group still holds it. */
export function unlink(core: Core, page: Page, slot: number): void {
  const fifo = page.queue.fifo;
  if (fifo === undefined) return;
  const { groups } = fifo;
  const group = page.group(slot);
  const next = page.next(slot);
  const previous = page.previous(slot);
  if (next === NO_REFERENCE) groups.setLast(group, previous);
  else core.pool.pageOf(next).setPrevious(slotOf(next), previous);
  if (previous !== NO_REFERENCE) {
    core.pool.pageOf(previous).setNext(slotOf(previous), next);
    return;
  }
  groups.setFirst(group, next);
  if (next !== NO_REFERENCE) lookAtFirst(core, fifo, page, group);
}

/** The end of a message: out of its chain, unless it is in the outbox, and out of its group. */
export function leaveGroup(core: Core, page: Page, slot: number): void {
  const fifo = page.queue.fifo;
  if (fifo === undefined) return;
  const group = page.group(slot);
  if (page.place(slot) !== PLACE.outbox) unlink(core, page, slot);
  fifo.groups.letGo(group);
}

/** A message that comes back from the outbox: to its place in its group, by sequence. Looks on from `hint`, if it can. */
export function rejoinGroup(core: Core, page: Page, slot: number, hint: number): number {
  const fifo = page.queue.fifo;
  const reference = referenceTo(page, slot);
  if (fifo === undefined) return reference;
  const { groups } = fifo;
  const group = page.group(slot);
  const sequence = page.firstSequence + slot;
  let previous = NO_REFERENCE;
  if (hint !== NO_REFERENCE && isBefore(core.pool, hint, { group, sequence })) previous = hint;
  let next = previous === NO_REFERENCE ? groups.first(group) : nextOf(core.pool, previous);
  while (next !== NO_REFERENCE && isBefore(core.pool, next, { group, sequence })) {
    previous = next;
    next = nextOf(core.pool, next);
  }
  page.setLinks(slot, previous, next);
  if (next === NO_REFERENCE) groups.setLast(group, reference);
  else core.pool.pageOf(next).setPrevious(slotOf(next), reference);
  if (previous !== NO_REFERENCE) {
    core.pool.pageOf(previous).setNext(slotOf(previous), reference);
    return reference;
  }
  // It is in no place yet: if the one behind it was in the round, the group is not any more.
  if (groups.turn(group) > 0) leaveRound(core, fifo, page, group);
  groups.setFirst(group, reference);
  return reference;
}

function nextOf(pool: PagePool, reference: number): number {
  return pool.pageOf(reference).next(slotOf(reference));
}

function isBefore(
  pool: PagePool,
  reference: number,
  than: { readonly group: number; readonly sequence: number },
): boolean {
  const page = pool.pageOf(reference);
  const slot = slotOf(reference);
  return page.group(slot) === than.group && page.firstSequence + slot < than.sequence;
}

/** The message became ready. */
export function groupReady(core: Core, page: Page, slot: number): void {
  const fifo = page.queue.fifo;
  if (fifo === undefined) return;
  const group = page.group(slot);
  if (fifo.groups.first(group) === referenceTo(page, slot)) lookAtFirst(core, fifo, page, group);
}

/** The message was taken out of its place, and is in none. */
export function groupTakenOut(core: Core, page: Page, slot: number): void {
  const fifo = page.queue.fifo;
  if (fifo === undefined) return;
  page.setPlace(slot, PLACE.dead);
  const group = page.group(slot);
  const isFirst = fifo.groups.first(group) === referenceTo(page, slot);
  if (isFirst && fifo.groups.turn(group) > 0) leaveRound(core, fifo, page, group);
}

function leaveRound(core: Core, fifo: FifoState, page: Page, group: number): void {
  core.touch(page.queue);
  fifo.groups.leaveRound(group);
}

/** Another message is first in its group, or the first one is in another place. */
function lookAtFirst(core: Core, fifo: FifoState, page: Page, group: number): void {
  const { groups } = fifo;
  const first = groups.first(group);
  const place = core.pool.pageOf(first).place(slotOf(first));
  const isReady = place === PLACE.fresh || place === PLACE.redelivered;
  if (!isReady || groups.turn(group) > 0) return;
  core.touch(page.queue);
  groups.joinRound(group, fifo.nextTurn);
  fifo.nextTurn += 1;
  core.wake(page.queue);
}

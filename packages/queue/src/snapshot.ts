/**
 * The header unit, and how a machine is put together again from units. Whatever the bytes are, loading
 * ends with a state that passes every invariant, or with a text that says what is wrong.
 */
import { ByteReader, type ByteWriter, equalBytes, groupId } from "@kqueuey/base";
import type { Core } from "./core.ts";
import { decodeMatchVector, type MatchVector } from "./entry.ts";
import { FairState, holdForTenant, tenantReady } from "./fair.ts";
import { linkLast } from "./fifo.ts";
import { ID_END, type QueueId, type SessionId } from "./ids.ts";
import { findViolation } from "./invariants.ts";
import { decodeLease } from "./lease-plane.ts";
import { CLUSTER_TIME_END, DELETED_QUEUES_MAX, ENTRY_INDEX_END } from "./limits.ts";
import {
  BASE_WORDS,
  FLAG_LEASE,
  FLAG_ORIGIN,
  FLAG_SHOWN_AGAIN,
  FLAGS_ALL,
  ORIGIN_WORDS,
  PAGE_SLOTS_MAX,
  PAGE_SLOTS_MIN,
  PAGE_UNIT_VERSION,
  type Page,
  PLACE,
  PLACE_MASK,
} from "./page.ts";
import { referenceTo } from "./page-pool.ts";
import { noteSecond } from "./places.ts";
import { decodeQueue, type QueueState } from "./queue.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, unitKey } from "./units.ts";
import { decodeFifoUnit, FIFO_UNIT } from "./window-log.ts";

const HEADER_VERSION = 1;

/** What belongs to no other unit: times, counters, the running hash. Part of every checkpoint. */
export class HeaderUnit implements Unit {
  readonly key: number = unitKey(UNIT_KIND.header, 0);
  readonly #core: Core;
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(core: Core) {
    this.#core = core;
  }

  encode(writer: ByteWriter): void {
    const core = this.#core;
    writer.u8(HEADER_VERSION);
    writer.u16(core.group);
    writer.u53(core.appliedIndex);
    writer.u48(core.now);
    writer.u48(core.wall);
    writer.u32(core.chain.first);
    writer.u32(core.chain.second);
    writer.u53(core.nextUnit);
    writer.u48(core.catalogue.nextQueueId);
    writer.u48(core.retentionSecond + 1);
    core.requests.encodeHeader(writer);
    writer.u8(core.secret === undefined ? 0 : 1);
    if (core.secret !== undefined) writer.raw(core.secret);
    writer.u16(core.deletedQueues.length);
    for (const id of core.deletedQueues) writer.u48(id);
    encodeMatches(writer, core.matchVector ?? []);
  }
}

function encodeMatches(writer: ByteWriter, vector: MatchVector): void {
  writer.u8(vector.length);
  for (const match of vector) {
    writer.u16(match.node);
    writer.u32(match.incarnation);
    writer.u48(match.boot);
    writer.u48(match.match);
  }
}

/** Puts a fresh core together: `unit` for each unit in any order, then `finish`. */
export class Loader {
  readonly #core: Core;
  #header: Uint8Array | undefined = undefined;
  /** Requests wait for the header, which says which generation they are of. */
  readonly #requests = new Map<number, Uint8Array>();
  readonly #sessions = new Map<number, Uint8Array>();
  readonly #queues = new Map<number, QueueState>();
  readonly #pages = new Map<number, Page[]>();
  /** Groups and windows of FIFO queues wait for their queues. */
  readonly #fifo = new Map<number, Uint8Array>();
  readonly #keys = new Set<number>();

  constructor(core: Core) {
    this.#core = core;
  }

  unit(key: number, bytes: Uint8Array): string | undefined {
    if (!Number.isSafeInteger(key) || key < 0) return "a unit's key is not a whole number";
    if (this.#keys.has(key)) return `unit ${key} is there twice`;
    this.#keys.add(key);
    const kind = key % 8;
    const number = Math.floor(key / 8);
    const ok = this.#take(kind, number, bytes);
    return ok ? undefined : `unit ${key} is malformed`;
  }

  #take(kind: number, number: number, bytes: Uint8Array): boolean {
    const numbered = number > 0 && number < ID_END;
    switch (kind) {
      case UNIT_KIND.header:
        this.#header = bytes.slice();
        return number === 0;
      case UNIT_KIND.queue: {
        if (!numbered) return false;
        const queue = decodeQueue(number as QueueId, new ByteReader(bytes), this.#core);
        if (queue !== undefined) this.#queues.set(number, queue);
        return queue !== undefined;
      }
      case UNIT_KIND.catalogue:
        return numbered && this.#core.catalogue.load(number as QueueId, new ByteReader(bytes));
      case UNIT_KIND.page:
        return numbered && this.#takePage(number, bytes);
      case UNIT_KIND.requests:
        this.#requests.set(number, bytes.slice());
        return numbered;
      case UNIT_KIND.moves:
        return numbered && this.#core.moves.load(number, new ByteReader(bytes));
      case UNIT_KIND.fifo:
        this.#fifo.set(number, bytes.slice());
        return numbered;
      case UNIT_KIND.session:
        this.#sessions.set(number, bytes.slice());
        return numbered;
      default:
        return false;
    }
  }

  /** Pages need their queue: those that come before it wait as bytes. */
  readonly #waiting = new Map<number, Uint8Array>();

  #takePage(number: number, bytes: Uint8Array): boolean {
    const reader = new ByteReader(bytes);
    reader.skip(1);
    const queue = this.#queues.get(reader.u48());
    if (!reader.ok) return false;
    if (queue === undefined) {
      this.#waiting.set(number, bytes.slice());
      return true;
    }
    return this.#decodePage(number, bytes, queue);
  }

  #decodePage(number: number, bytes: Uint8Array, queue: QueueState): boolean {
    const page = decodePage(this.#core, { number, bytes, queue });
    if (page === undefined) return false;
    const pages = this.#pages.get(queue.id);
    if (pages === undefined) this.#pages.set(queue.id, [page]);
    else pages.push(page);
    return true;
  }

  finish(): string | undefined {
    const core = this.#core;
    if (this.#header === undefined || !decodeHeader(core, this.#header)) {
      return "the header unit is missing or malformed";
    }
    const early = this.#finishPages();
    if (early !== undefined) return early;
    for (const number of [...this.#requests.keys()].sort((a, b) => a - b)) {
      const bytes = this.#requests.get(number);
      if (bytes === undefined || !core.requests.loadChunk(number, bytes))
        return "malformed requests";
    }
    for (const number of [...this.#sessions.keys()].sort((a, b) => a - b)) {
      const bytes = this.#sessions.get(number);
      if (bytes === undefined || !core.requests.loadSession(number as SessionId, bytes)) {
        return "malformed session";
      }
    }
    for (const key of this.#keys) {
      const kind = key % 8;
      const counted =
        kind === UNIT_KIND.page || kind === UNIT_KIND.requests || kind === UNIT_KIND.fifo;
      if (counted && Math.floor(key / 8) >= core.nextUnit) return `unit ${key} is from the future`;
    }
    return findViolation(core);
  }

  #finishPages(): string | undefined {
    const core = this.#core;
    for (const [number, bytes] of this.#waiting) {
      const reader = new ByteReader(bytes, 1);
      const queue = this.#queues.get(reader.u48());
      if (queue === undefined) return "a page of no queue";
      if (!this.#decodePage(number, bytes, queue)) return "a malformed page";
    }
    // Groups first: the messages of pages are linked to them.
    for (const number of [...this.#fifo.keys()].sort((a, b) => a - b)) {
      if (!loadFifoUnit(core, this.#queues, number, this.#fifo.get(number)))
        return "a malformed group";
    }
    for (const id of [...this.#queues.keys()].sort((a, b) => a - b)) {
      const queue = this.#queues.get(id);
      if (queue === undefined) continue;
      queue.saved = true;
      core.addQueue(queue);
      const pages = (this.#pages.get(id) ?? []).sort((a, b) => a.firstSequence - b.firstSequence);
      let end = 1;
      for (const page of pages) {
        if (page.firstSequence < end) return "pages that overlap";
        end = page.firstSequence + page.used;
        queue.pages.push(page);
      }
      if (end > queue.nextSequence) return "a message from the future";
    }
    return this.#link() ? undefined : "a message of no group";
  }

  /** Rebuilds what is derived from the slots: ready sets, the wheel, the outbox, the bounds of retention. */
  #link(): boolean {
    const core = this.#core;
    let first = core.now;
    for (const page of core.pool.all()) {
      for (let slot = 0; slot < page.used; slot++) {
        if (isTimed(page.place(slot))) first = Math.min(first, page.visibleAt(slot));
      }
    }
    core.wheel.start(first);
    for (const id of core.queueOrder) {
      const queue = core.queues.get(id);
      if (queue === undefined) continue;
      const outbox: { number: number; sequence: number }[] = [];
      for (let place = 0; place < queue.pages.length; place++) {
        const page = queue.pages.at(place);
        if (page !== undefined && !linkPage(core, page, outbox)) return false;
      }
      queue.fifo?.groups.link();
      outbox.sort((a, b) => a.number - b.number);
      queue.outboxSequences = outbox.map((message) => message.sequence);
    }
    return true;
  }
}

function isTimed(place: number): boolean {
  return place === PLACE.delayed || place === PLACE.leased;
}

/** Adds a chunk of groups, or of what a FIFO queue remembers, to its queue; false for what is none. */
function loadFifoUnit(
  core: Core,
  queues: ReadonlyMap<number, QueueState>,
  number: number,
  bytes: Uint8Array | undefined,
): boolean {
  const reader = new ByteReader(bytes ?? new Uint8Array(0));
  const head = decodeFifoUnit(reader);
  const queue = queues.get(head?.queueId ?? 0);
  if (head === undefined || queue === undefined) return false;
  const { fifo } = queue;
  if (fifo === undefined) {
    if (head.content !== FIFO_UNIT.groups) return false;
    queue.fair ??= new FairState(core, queue.id);
    return queue.fair.tenants.load(number, reader);
  }
  if (head.content === FIFO_UNIT.groups) return fifo.groups.load(number, reader);
  const isAttempts = head.content === FIFO_UNIT.attempts;
  return (isAttempts ? fifo.attempts : fifo.deduplications).load(number, reader);
}

/** False when a message is of no group that is there. */
function linkPage(core: Core, page: Page, outbox: { number: number; sequence: number }[]): boolean {
  const queue = page.queue;
  const { fifo } = queue;
  for (let slot = 0; slot < page.used; slot++) {
    const place = page.place(slot);
    if (place === PLACE.dead) continue;
    const second = page.enqueuedSecond(slot);
    if (second < page.oldestSecond) page.oldestSecond = second;
    if (fifo !== undefined) {
      const group = page.group(slot);
      if (!fifo.groups.has(group)) return false;
      if (place === PLACE.outbox) fifo.groups.hold(group);
      else linkLast(core.pool, fifo, page, slot);
    } else if (!linkToTenant(page, slot)) return false;
    if (isTimed(place)) core.wheel.insert(referenceTo(page, slot), page.visibleAt(slot));
    else if (place === PLACE.outbox) {
      outbox.push({ number: page.token(slot), sequence: page.firstSequence + slot });
    } else if (fifo === undefined && page.group(slot) > 0) tenantReady(page, slot);
    else page.setReady(slot, place === PLACE.redelivered);
  }
  if (page.live > 0) noteSecond(core, queue, page.oldestSecond);
  if (page.freshCount > 0) queue.pages.setReady(page, false, true);
  if (page.redeliveredCount > 0) queue.pages.setReady(page, true, true);
  return true;
}

/** False when the message is of a group that its standard queue does not have. */
function linkToTenant(page: Page, slot: number): boolean {
  const { fair } = page.queue;
  const group = page.group(slot);
  if (group === 0) return true;
  if (fair === undefined || !fair.tenants.has(group)) return false;
  holdForTenant(fair, page, slot);
  if (page.place(slot) === PLACE.leased) fair.changeInFlight(group, 1);
  return true;
}

function decodeHeader(core: Core, bytes: Uint8Array): boolean {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== HEADER_VERSION || groupId(reader.u16()) !== core.group) return false;
  core.appliedIndex = reader.u53();
  core.now = reader.u48();
  core.wall = reader.u48();
  core.chain.restore(reader.u32(), reader.u32());
  core.nextUnit = reader.u53();
  core.catalogue.nextQueueId = reader.u48();
  core.retentionSecond = reader.u48() - 1;
  core.requests.decodeHeader(reader);
  const hasSecret = reader.u8();
  if (hasSecret === 1) core.secret = reader.raw(32).slice();
  const deleted = reader.u16();
  if (deleted > DELETED_QUEUES_MAX || hasSecret > 1) return false;
  for (let i = 0; i < deleted; i++) core.deletedQueues.push(reader.u48() as QueueId);
  const vector = decodeMatchVector(reader);
  if (vector === undefined || reader.remaining > 0 || !reader.ok) return false;
  core.matchVector = vector.length > 0 ? vector : undefined;
  const again = new HeaderUnit(core);
  return (
    // One entry at least must be able to follow.
    core.appliedIndex < ENTRY_INDEX_END - 1 &&
    core.now < CLUSTER_TIME_END &&
    core.nextUnit > 0 &&
    core.catalogue.nextQueueId > 0 &&
    equalBytes(core.units.bytesOf(again), bytes)
  );
}

/** Reads a page's unit into the pool; undefined for what is none. Ready sets and wheel are not linked yet. */
function decodePage(
  core: Core,
  unit: { number: number; bytes: Uint8Array; queue: QueueState },
): Page | undefined {
  const reader = new ByteReader(unit.bytes);
  if (reader.u8() !== PAGE_UNIT_VERSION || reader.u48() !== unit.queue.id) return undefined;
  const firstSequence = reader.u48();
  const baseSecond = reader.u48();
  const size = reader.u16();
  const used = reader.u16();
  const live = reader.u16();
  const sized = size >= PAGE_SLOTS_MIN && size <= PAGE_SLOTS_MAX && (size & (size - 1)) === 0;
  if (!reader.ok || !sized || used > size || live > used || firstSequence === 0) return undefined;
  const { number, queue } = unit;
  const page = core.pool.allocate({ number, queue, size, firstSequence, baseSecond });
  page.base.fill(0);
  if (queue.fifo !== undefined) page.chain = new Uint32Array(size);
  page.used = used;
  page.live = live;
  page.saved = true;
  core.stored += live;
  let least = 0;
  for (let i = 0; i < live; i++) {
    const slot = reader.u16();
    if (slot < least || slot >= used || !decodeSlot(core, page, { slot, reader })) return undefined;
    least = slot + 1;
  }
  return reader.ok && reader.remaining === 0 ? page : undefined;
}

function decodeSlot(core: Core, page: Page, from: { slot: number; reader: ByteReader }): boolean {
  const { slot, reader } = from;
  const at = slot * BASE_WORDS;
  reader.u32s(page.base, at, BASE_WORDS);
  const flags = page.flags(slot);
  const place = flags & PLACE_MASK;
  const leaseNeeded = place === PLACE.leased || place === PLACE.outbox;
  if (place < PLACE.delayed || place > PLACE.outbox) return false;
  if (flags > FLAGS_ALL || page.next(slot) !== 0) return false;
  const isFifo = page.queue.fifo !== undefined;
  if (isFifo && page.group(slot) === 0) return false;
  if ((flags & FLAG_SHOWN_AGAIN) !== 0 && !isFifo) return false;
  if (leaseNeeded && (flags & FLAG_LEASE) === 0) return false;
  if (leaseNeeded || place === PLACE.delayed || (flags & FLAG_LEASE) !== 0)
    core.pool.needLease(page);
  if ((flags & FLAG_LEASE) !== 0) {
    const lease = decodeLease(reader);
    if (lease === undefined) return false;
    page.setLease(slot, lease);
    if (place === PLACE.outbox) page.setTarget(slot, lease.leaseMs, reader.u48());
  }
  if ((flags & FLAG_ORIGIN) !== 0) {
    page.origin ??= new Uint32Array(page.size * ORIGIN_WORDS);
    reader.u32s(page.origin, slot * ORIGIN_WORDS, ORIGIN_WORDS);
  }
  return reader.ok;
}

/**
 * The index of messages: pages of slots, slot i of a page being the message with sequence
 * `firstSequence + i`. No object per message; a slot has words in up to three planes.
 *
 * base, 24 bytes, always there:
 *     0  entry, low 32 bits
 *     1  offset of the body record in its entry (24 bits) << 8 | flags (8 bits)
 *     2  visible-at, low 32 bits: when a delay or a lease ends, cluster ms
 *     3  message group (24 bits, 0: none) << 8 | size class of the body record
 *     4  next of the message group, as a reference into the page pool: no part of the state
 *         (in a standard queue: left child in the tree of its group's ready messages)
 *     5  entry, high 8 bits << 24 | visible-at, high 8 bits << 16 | enqueued: seconds after the page's base
 *
 * chain, 4 bytes, in pages of FIFO queues: previous of the message group.
 *
 * tree, 12 bytes, in pages of standard queues that hold a message with a group: right child, parent and rank.
 *
 * lease, 20 bytes, from the first lease or delay in the page: see lease-plane.ts.
 *
 * origin, 28 bytes, in pages that hold a moved message:
 *     0, 1, 2  low 32 bits of origin queue, origin sequence, source queue
 *     3  origin queue, high 16 | origin sequence, high 16 << 16
 *     4  source queue, high 16 | enqueued second, high 16 << 16
 *     5  enqueued second (shifted by 2^40: it may be before this group's time began), low 32
 *     6  receive count on arrival
 */
import { assert, type ByteWriter } from "@kqueuey/base";
import type { Key } from "./key-index.ts";
import {
  baseFor,
  COUNT_IN_TABLE,
  FIRST_RECEIVED_WORD,
  isNear,
  LEASE_MS_BITS,
  LEASE_MS_MASK,
  LEASE_WORDS,
  type Lease,
  NEXT_WORD,
  NO_BASE,
  PREVIOUS_WORD,
  TOKEN_WORD,
  widenColumn,
} from "./lease-plane.ts";
import type { QueueState } from "./queue.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, unitKey } from "./units.ts";

/** Where a message is: exactly one of these. */
export const PLACE = {
  dead: 0,
  delayed: 1,
  fresh: 2,
  redelivered: 3,
  leased: 4,
  outbox: 5,
} as const;

export const PLACE_MASK = 7;
/** The lease plane says something: the message has a receive count, and maybe a token. */
export const FLAG_LEASE = 8;
/** The origin plane says something: the message was moved here. */
export const FLAG_ORIGIN = 16;
/** The lease was given out again under its receive's attempt id: nobody may take it back as unseen. */
export const FLAG_SHOWN_AGAIN = 32;
export const FLAGS_ALL: number = PLACE_MASK | FLAG_LEASE | FLAG_ORIGIN | FLAG_SHOWN_AGAIN;
export const BASE_WORDS = 6;
export const ORIGIN_WORDS = 7;
export const PAGE_SLOTS_MIN = 16;
export const PAGE_SLOTS_MAX = 512;
export const TREE_WORDS = 3;
const LINK_WORD = 4;
const HIGH = 0x1_0000_0000;
const SECOND_BIAS = 0x100_0000_0000;
/** Seconds that a slot may be younger than its page's base. */
export const PAGE_SECONDS_MAX = 0xffff;
export const PAGE_UNIT_VERSION = 2;

/** Where a page's numbers begin. */
export interface PageStart {
  readonly number: number;
  readonly queue: QueueState;
  readonly size: number;
  readonly firstSequence: number;
  readonly baseSecond: number;
}

/** Memory of a page: base plane and ready bitmaps (fresh, then redelivered). */
export interface PageMemory {
  readonly base: Uint32Array;
  readonly ready: Uint32Array;
}

export class Page implements Unit {
  /** Place in the pool's table, for references from the timing wheel; no replica shares it. */
  readonly index: number;
  readonly key: number;
  readonly queue: QueueState;
  readonly size: number;
  readonly firstSequence: number;
  readonly baseSecond: number;
  readonly base: Uint32Array;
  readonly ready: Uint32Array;
  lease: Uint32Array | undefined = undefined;
  /** What the lease plane's tokens count from; then their high bits, once the column is wide. */
  tokenBase: number = NO_BASE;
  tokenHighs: Uint16Array | undefined = undefined;
  /** The same of the times of first receives. */
  firstReceivedBase: number = NO_BASE;
  firstReceivedHighs: Uint16Array | undefined = undefined;
  origin: Uint32Array | undefined = undefined;
  /** In a FIFO queue. */
  chain: Uint32Array | undefined = undefined;
  /** In a standard queue, from the first ready message with a group on. */
  tree: Uint32Array | undefined = undefined;
  /** Slots given out, from 0. */
  used = 0;
  /** Slots whose message is not dead. */
  live = 0;
  freshCount = 0;
  redeliveredCount = 0;
  /** Ready messages with a group of a standard queue: they are in no ready bitmap. */
  groupedReady = 0;
  /** No live message here was enqueued before this second. */
  oldestSecond: number = Number.POSITIVE_INFINITY;
  /** Purged: not part of the state any more, waiting to be swept. */
  doomed = false;
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(index: number, start: PageStart, memory: PageMemory) {
    this.index = index;
    this.key = unitKey(UNIT_KIND.page, start.number);
    this.queue = start.queue;
    this.size = start.size;
    this.firstSequence = start.firstSequence;
    this.baseSecond = start.baseSecond;
    this.base = memory.base;
    this.ready = memory.ready;
  }

  get full(): boolean {
    return this.used === this.size;
  }

  flags(slot: number): number {
    return (this.base[slot * BASE_WORDS + 1] ?? 0) & 0xff;
  }

  place(slot: number): number {
    return (this.base[slot * BASE_WORDS + 1] ?? 0) & PLACE_MASK;
  }

  setPlace(slot: number, place: number): void {
    const at = slot * BASE_WORDS + 1;
    this.base[at] = ((this.base[at] ?? 0) & ~PLACE_MASK) | place;
  }

  setFlag(slot: number, flag: number): void {
    const at = slot * BASE_WORDS + 1;
    this.base[at] = (this.base[at] ?? 0) | flag;
  }

  clearFlag(slot: number, flag: number): void {
    const at = slot * BASE_WORDS + 1;
    this.base[at] = (this.base[at] ?? 0) & ~flag;
  }

  entry(slot: number): number {
    const at = slot * BASE_WORDS;
    return (this.base[at] ?? 0) + ((this.base[at + 5] ?? 0) >>> 24) * HIGH;
  }

  offset(slot: number): number {
    return (this.base[slot * BASE_WORDS + 1] ?? 0) >>> 8;
  }

  sizeClass(slot: number): number {
    return (this.base[slot * BASE_WORDS + 3] ?? 0) & 0xff;
  }

  /** Number of the message's group in its queue; 0: none. */
  group(slot: number): number {
    return (this.base[slot * BASE_WORDS + 3] ?? 0) >>> 8;
  }

  setGroup(slot: number, group: number): void {
    const at = slot * BASE_WORDS + 3;
    this.base[at] = (group << 8) | ((this.base[at] ?? 0) & 0xff);
  }

  /** The message behind this one in its group. */
  next(slot: number): number {
    return this.base[slot * BASE_WORDS + 4] ?? 0;
  }

  setNext(slot: number, reference: number): void {
    this.base[slot * BASE_WORDS + 4] = reference;
  }

  /** The message before this one in its group. */
  previous(slot: number): number {
    return this.chain?.[slot] ?? 0;
  }

  setPrevious(slot: number, reference: number): void {
    if (this.chain !== undefined) this.chain[slot] = reference;
  }

  setLinks(slot: number, previous: number, next: number): void {
    this.setPrevious(slot, previous);
    this.setNext(slot, next);
  }

  visibleAt(slot: number): number {
    const at = slot * BASE_WORDS;
    return (this.base[at + 2] ?? 0) + (((this.base[at + 5] ?? 0) >>> 16) & 0xff) * HIGH;
  }

  setVisibleAt(slot: number, time: number): void {
    const at = slot * BASE_WORDS;
    assert(time < 0x100 * HIGH, "cluster time past 40 bits");
    this.base[at + 2] = time;
    const word = (this.base[at + 5] ?? 0) & 0xff00ffff;
    this.base[at + 5] = word | (Math.floor(time / HIGH) << 16);
  }

  /** Cluster second in which the message was enqueued, in its first queue. May be negative for an accepted one. */
  enqueuedSecond(slot: number): number {
    if ((this.flags(slot) & FLAG_ORIGIN) !== 0 && this.origin !== undefined) {
      const at = slot * ORIGIN_WORDS;
      const high = (this.origin[at + 4] ?? 0) >>> 16;
      return (this.origin[at + 5] ?? 0) + high * HIGH - SECOND_BIAS;
    }
    return this.baseSecond + ((this.base[slot * BASE_WORDS + 5] ?? 0) & 0xffff);
  }

  /** Fills a new slot's base words; the place is set by who puts it there. Gives the slot. */
  append(entry: number, offset: number, rest: { sizeClass: number; second: number }): number {
    const slot = this.used;
    const at = slot * BASE_WORDS;
    const base = this.base;
    base[at] = entry;
    base[at + 1] = offset << 8;
    base[at + 2] = 0;
    base[at + 3] = rest.sizeClass;
    base[at + 4] = 0;
    base[at + 5] = (Math.floor(entry / HIGH) << 24) | (rest.second - this.baseSecond);
    this.used = slot + 1;
    this.live += 1;
    if (rest.second < this.oldestSecond) this.oldestSecond = rest.second;
    return slot;
  }

  token(slot: number): number {
    const word = this.lease?.[slot * LEASE_WORDS + TOKEN_WORD] ?? 0;
    if (this.tokenHighs !== undefined) return word + (this.tokenHighs[slot] ?? 0) * HIGH;
    return word === 0 ? 0 : this.tokenBase + word;
  }

  leaseMs(slot: number): number {
    return this.#leaseMsAndCount(slot) & LEASE_MS_MASK;
  }

  firstReceived(slot: number): number {
    const word = this.lease?.[slot * LEASE_WORDS + FIRST_RECEIVED_WORD] ?? 0;
    const highs = this.firstReceivedHighs;
    if (highs !== undefined) return word + (highs[slot] ?? 0) * HIGH;
    return word === 0 ? 0 : this.firstReceivedBase + word;
  }

  #leaseMsAndCount(slot: number): number {
    return this.lease?.[slot * LEASE_WORDS + 1] ?? 0;
  }

  /** Grants so far that were not undone. */
  receiveCount(slot: number): number {
    if ((this.flags(slot) & FLAG_LEASE) === 0) return 0;
    const count = this.#leaseMsAndCount(slot) >>> LEASE_MS_BITS;
    return count < COUNT_IN_TABLE ? count : this.#countInTable(slot);
  }

  #countInTable(slot: number): number {
    return this.queue.countsInTable.get(this.firstSequence + slot) ?? COUNT_IN_TABLE;
  }

  /** Grants so far in this queue: a moved message brought some along. */
  receivesHere(slot: number): number {
    const flags = this.flags(slot);
    if ((flags & FLAG_LEASE) === 0) return 0;
    const count = this.receiveCount(slot);
    return (flags & FLAG_ORIGIN) === 0 ? count : count - this.countOnArrival(slot);
  }

  countOnArrival(slot: number): number {
    if ((this.flags(slot) & FLAG_ORIGIN) === 0) return 0;
    return this.origin?.[slot * ORIGIN_WORDS + 6] ?? 0;
  }

  /** Writes the lease words but the wheel's; sets FLAG_LEASE. The plane must be there. */
  setLease(slot: number, value: Lease): void {
    const lease = this.lease;
    assert(lease !== undefined, "a lease without its plane");
    if (value.count >= COUNT_IN_TABLE) {
      this.queue.countsInTable.set(this.firstSequence + slot, value.count);
    } else if (this.queue.countsInTable.size > 0) {
      this.queue.countsInTable.delete(this.firstSequence + slot);
    }
    const at = slot * LEASE_WORDS;
    const count = Math.min(value.count, COUNT_IN_TABLE);
    const token = value.token - this.tokenBase;
    const firstReceived = value.firstReceived - this.firstReceivedBase;
    lease[at + TOKEN_WORD] = isNear(token) ? token : this.#farToken(lease, slot, value.token);
    lease[at + 1] = value.leaseMs | (count << LEASE_MS_BITS);
    lease[at + FIRST_RECEIVED_WORD] = isNear(firstReceived)
      ? firstReceived
      : this.#farFirstReceived(lease, slot, value.firstReceived);
    this.setFlag(slot, FLAG_LEASE);
  }

  /** The word of a token that is not near the base: the first one sets it, and any later one makes the column wide. */
  #farToken(lease: Uint32Array, slot: number, token: number): number {
    if (this.tokenHighs === undefined) {
      if (token === 0) return 0;
      if (this.tokenBase === NO_BASE) {
        this.tokenBase = baseFor(token);
        return token - this.tokenBase;
      }
      this.tokenHighs = widenColumn(lease, TOKEN_WORD, this.tokenBase);
      this.tokenBase = NO_BASE;
    }
    this.tokenHighs[slot] = Math.floor(token / HIGH);
    return token;
  }

  #farFirstReceived(lease: Uint32Array, slot: number, firstReceived: number): number {
    if (this.firstReceivedHighs === undefined) {
      if (firstReceived === 0) return 0;
      if (this.firstReceivedBase === NO_BASE) {
        this.firstReceivedBase = baseFor(firstReceived);
        return firstReceived - this.firstReceivedBase;
      }
      const base = this.firstReceivedBase;
      this.firstReceivedHighs = widenColumn(lease, FIRST_RECEIVED_WORD, base);
      this.firstReceivedBase = NO_BASE;
    }
    this.firstReceivedHighs[slot] = Math.floor(firstReceived / HIGH);
    return firstReceived;
  }

  setLeaseMs(slot: number, leaseMs: number): void {
    if (this.lease === undefined) return;
    const at = slot * LEASE_WORDS + 1;
    this.lease[at] = ((this.lease[at] ?? 0) & ~LEASE_MS_MASK) | leaseMs;
  }

  /** Bytes of the lease plane and its wide columns. */
  get leaseBytes(): number {
    const wide = this.tokenHighs?.byteLength ?? 0;
    return (this.lease?.byteLength ?? 0) + wide + (this.firstReceivedHighs?.byteLength ?? 0);
  }

  originQueue(slot: number): number {
    return this.#originPart(slot, 0, (this.origin?.[slot * ORIGIN_WORDS + 3] ?? 0) & 0xffff);
  }

  originSequence(slot: number): number {
    return this.#originPart(slot, 1, (this.origin?.[slot * ORIGIN_WORDS + 3] ?? 0) >>> 16);
  }

  sourceQueue(slot: number): number {
    return this.#originPart(slot, 2, (this.origin?.[slot * ORIGIN_WORDS + 4] ?? 0) & 0xffff);
  }

  #originPart(slot: number, word: number, high: number): number {
    if ((this.flags(slot) & FLAG_ORIGIN) === 0) return 0;
    return (this.origin?.[slot * ORIGIN_WORDS + word] ?? 0) + high * HIGH;
  }

  /** Writes the origin words; sets FLAG_ORIGIN. */
  setOrigin(slot: number, origin: Origin): void {
    this.origin ??= new Uint32Array(this.size * ORIGIN_WORDS);
    const at = slot * ORIGIN_WORDS;
    const second = origin.enqueuedSecond + SECOND_BIAS;
    this.origin[at] = origin.queue;
    this.origin[at + 1] = origin.sequence;
    this.origin[at + 2] = origin.source;
    this.origin[at + 3] =
      Math.floor(origin.queue / HIGH) | (Math.floor(origin.sequence / HIGH) << 16);
    this.origin[at + 4] = Math.floor(origin.source / HIGH) | (Math.floor(second / HIGH) << 16);
    this.origin[at + 5] = second;
    this.origin[at + 6] = origin.countOnArrival;
    this.setFlag(slot, FLAG_ORIGIN);
    if (origin.enqueuedSecond < this.oldestSecond) this.oldestSecond = origin.enqueuedSecond;
  }

  /** In the outbox: where to. Writes over the wheel's words. */
  setTarget(slot: number, group: number, queue: number): void {
    const lease = this.lease;
    assert(lease !== undefined, "an outbox message without a lease plane");
    this.setLeaseMs(slot, group);
    lease[slot * LEASE_WORDS + NEXT_WORD] = queue;
    lease[slot * LEASE_WORDS + PREVIOUS_WORD] = Math.floor(queue / HIGH);
  }

  targetQueue(slot: number): number {
    const at = slot * LEASE_WORDS;
    return (this.lease?.[at + NEXT_WORD] ?? 0) + (this.lease?.[at + PREVIOUS_WORD] ?? 0) * HIGH;
  }

  /** Marks a slot ready in a class; true when it is the page's first of that class. */
  setReady(slot: number, redelivered: boolean): boolean {
    const word = (slot >>> 5) + (redelivered ? this.ready.length >>> 1 : 0);
    this.ready[word] = (this.ready[word] ?? 0) | (1 << (slot & 31));
    if (redelivered) {
      this.redeliveredCount += 1;
      return this.redeliveredCount === 1;
    }
    this.freshCount += 1;
    return this.freshCount === 1;
  }

  /** The opposite; true when it was the page's last of that class. */
  clearReady(slot: number, redelivered: boolean): boolean {
    const word = (slot >>> 5) + (redelivered ? this.ready.length >>> 1 : 0);
    this.ready[word] = (this.ready[word] ?? 0) & ~(1 << (slot & 31));
    if (redelivered) {
      this.redeliveredCount -= 1;
      return this.redeliveredCount === 0;
    }
    this.freshCount -= 1;
    return this.freshCount === 0;
  }

  isReady(slot: number, redelivered: boolean): boolean {
    const word = (slot >>> 5) + (redelivered ? this.ready.length >>> 1 : 0);
    return (((this.ready[word] ?? 0) >>> (slot & 31)) & 1) === 1;
  }

  /** The first ready slot of a class at or after `from`, or -1. */
  nextReady(from: number, redelivered: boolean): number {
    const words = this.ready.length >>> 1;
    const start = redelivered ? words : 0;
    let word = from >>> 5;
    if (word >= words) return -1;
    let bits = (this.ready[start + word] ?? 0) & (-1 << (from & 31));
    while (bits === 0) {
      word += 1;
      if (word >= words) return -1;
      bits = this.ready[start + word] ?? 0;
    }
    return word * 32 + (31 - Math.clz32(bits & -bits));
  }

  encode(writer: ByteWriter): void {
    writer.u8(PAGE_UNIT_VERSION);
    writer.u48(this.queue.id);
    writer.u48(this.firstSequence);
    writer.u48(this.baseSecond);
    writer.u16(this.size);
    writer.u16(this.used);
    writer.u16(this.live);
    for (let slot = 0; slot < this.used; slot++) {
      if (this.place(slot) !== PLACE.dead) this.#encodeSlot(writer, slot);
    }
  }

  #encodeSlot(writer: ByteWriter, slot: number): void {
    const at = slot * BASE_WORDS;
    writer.u16(slot);
    for (let word = 0; word < BASE_WORDS; word++) {
      writer.u32(word === LINK_WORD ? 0 : (this.base[at + word] ?? 0));
    }
    const flags = this.flags(slot);
    if ((flags & FLAG_LEASE) !== 0) {
      // Numbers, and nothing of how the columns hold them: equal states give equal bytes.
      writer.u48(this.token(slot));
      writer.u32(this.#leaseMsAndCount(slot));
      writer.u48(this.firstReceived(slot));
      if (this.#leaseMsAndCount(slot) >>> LEASE_MS_BITS === COUNT_IN_TABLE) {
        writer.u32(this.#countInTable(slot));
      }
      if ((flags & PLACE_MASK) === PLACE.outbox) writer.u48(this.targetQueue(slot));
    }
    if ((flags & FLAG_ORIGIN) === 0) return;
    for (let word = 0; word < ORIGIN_WORDS; word++) {
      writer.u32(this.origin?.[slot * ORIGIN_WORDS + word] ?? 0);
    }
  }
}

/** Where a moved message comes from. */
export interface Origin {
  /** The queue and sequence that took it in at first: its message id. */
  readonly queue: number;
  readonly sequence: number;
  /** The queue it was moved from at last, as a dead letter; 0 when a task moved it. */
  readonly source: number;
  readonly enqueuedSecond: number;
  readonly countOnArrival: number;
  /** Of its group, when it has one. */
  readonly groupKey?: Key | undefined;
}

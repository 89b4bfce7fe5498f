/**
 * When delays and leases end: a timing wheel over slots, linked in both directions through their lease
 * planes, so that taking one out costs what putting it in does and nothing stale stays. 65,536 coarse
 * buckets of 1,024 ms span 18.6 hours, over the 12 that a lease may last; a longer delay goes round once
 * more each time that its bucket comes up. The second at hand is spread over 1,024 buckets of 1 ms, which
 * hold equal deadlines. The order within a bucket is the history's
 * and thus not to be relied on: who takes from one sorts by (queue, sequence).
 */
import { assert, must } from "@kqueuey/base";
import { LEASE_WORDS, NEXT_WORD, PREVIOUS_WORD } from "./lease-plane.ts";
import { NO_REFERENCE, type PagePool, slotOf } from "./page-pool.ts";

const FINE = 1_024;
const COARSE = 65_536;

export class TimingWheel {
  readonly #pool: PagePool;
  readonly #fine: Uint32Array = new Uint32Array(FINE).fill(NO_REFERENCE);
  readonly #fineBits: Uint32Array = new Uint32Array(FINE / 32);
  readonly #coarse: Uint32Array = new Uint32Array(COARSE).fill(NO_REFERENCE);
  readonly #coarseBits: Uint32Array = new Uint32Array(COARSE / 32);
  /** For each coarse bucket a lower bound, within its second, of the deadlines in it. */
  readonly #coarseLeast: Uint16Array = new Uint16Array(COARSE);
  /** The second (deadline / 1,024) that the fine buckets spread; all before it are empty. */
  #second = 0;
  /** No coarse bucket between `#second` and this has anything. */
  #nextSecond: number = Number.POSITIVE_INFINITY;
  #size = 0;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the buckets; the links are in the lease planes. */
  get bytes(): number {
    const heads = this.#fine.byteLength + this.#coarse.byteLength + this.#coarseLeast.byteLength;
    return heads + this.#fineBits.byteLength + this.#coarseBits.byteLength;
  }

  /** Before the first insert of a restored machine: no deadline is before `time`. */
  start(time: number): void {
    assert(this.#size === 0, "a wheel starts empty");
    this.#second = Math.floor(time / FINE);
  }

  /** Puts a slot in; its page has a lease plane, and its deadline is not before the second at hand. */
  insert(reference: number, deadline: number): void {
    const second = Math.floor(deadline / FINE);
    const within = deadline - second * FINE;
    if (second <= this.#second) {
      assert(second === this.#second, "a deadline before the second at hand");
      this.#link(this.#fine, within, reference);
      this.#fineBits[within >>> 5] = (this.#fineBits[within >>> 5] ?? 0) | (1 << (within & 31));
    } else {
      const bucket = second % COARSE;
      const empty = this.#coarse[bucket] === NO_REFERENCE;
      if (empty || within < (this.#coarseLeast[bucket] ?? 0)) this.#coarseLeast[bucket] = within;
      this.#link(this.#coarse, bucket, reference);
      this.#coarseBits[bucket >>> 5] = (this.#coarseBits[bucket >>> 5] ?? 0) | (1 << (bucket & 31));
      if (second < this.#nextSecond) this.#nextSecond = second;
    }
    this.#size += 1;
  }

  /** Takes a slot out; `deadline` is the one it was put in with. */
  remove(reference: number, deadline: number): void {
    const second = Math.floor(deadline / FINE);
    if (second <= this.#second) {
      const bucket = deadline - second * FINE;
      if (this.#unlink(this.#fine, bucket, reference)) clearBit(this.#fineBits, bucket);
    } else {
      const bucket = second % COARSE;
      if (this.#unlink(this.#coarse, bucket, reference)) clearBit(this.#coarseBits, bucket);
    }
    this.#size -= 1;
  }

  /** The least deadline, if it is at most `now`; else -1. */
  due(now: number): number {
    const nowSecond = Math.floor(now / FINE);
    for (;;) {
      const bucket = this.#leastFine();
      if (bucket >= 0) {
        const deadline = this.#second * FINE + bucket;
        return deadline <= now ? deadline : -1;
      }
      if (this.#second >= nowSecond) return -1;
      const next = this.#findNextSecond();
      if (next > nowSecond) {
        this.#second = nowSecond;
        return -1;
      }
      this.#second = next;
      this.#spread(next % COARSE);
    }
  }

  /** A lower bound of the least deadline, exact unless messages were taken out; undefined when empty. */
  nextDeadline(): number | undefined {
    const bucket = this.#leastFine();
    if (bucket >= 0) return this.#second * FINE + bucket;
    if (this.#size === 0) return undefined;
    const next = this.#findNextSecond();
    return next * FINE + (this.#coarseLeast[next % COARSE] ?? 0);
  }

  /** The references whose deadline is exactly `deadline`, which `due` gave, appended to `into`. */
  collect(deadline: number, into: number[]): void {
    let reference = this.#fine[deadline % FINE] ?? NO_REFERENCE;
    while (reference !== NO_REFERENCE) {
      into.push(reference);
      reference =
        this.#lease(reference)[slotOf(reference) * LEASE_WORDS + NEXT_WORD] ?? NO_REFERENCE;
    }
  }

  #leastFine(): number {
    for (let word = 0; word < FINE / 32; word++) {
      const bits = this.#fineBits[word] ?? 0;
      if (bits !== 0) return word * 32 + (31 - Math.clz32(bits & -bits));
    }
    return -1;
  }

  /** The first second after the one at hand whose coarse bucket has something. */
  #findNextSecond(): number {
    if (this.#nextSecond > this.#second && this.#nextSecond !== Number.POSITIVE_INFINITY) {
      if (this.#coarse[this.#nextSecond % COARSE] !== NO_REFERENCE) return this.#nextSecond;
    }
    const from = this.#second + 1;
    this.#nextSecond = Number.POSITIVE_INFINITY;
    for (let step = 0; step < COARSE; ) {
      const bucket = (from + step) % COARSE;
      const bits = (this.#coarseBits[bucket >>> 5] ?? 0) & (-1 << (bucket & 31));
      if (bits !== 0) {
        const found = (bucket & ~31) + (31 - Math.clz32(bits & -bits));
        this.#nextSecond = from + step + (found - bucket);
        break;
      }
      step += 32 - (bucket & 31);
    }
    return this.#nextSecond;
  }

  /** Moves a coarse bucket's slots of the second at hand to the fine buckets; those a whole turn later stay. */
  #spread(bucket: number): void {
    let reference = this.#coarse[bucket] ?? NO_REFERENCE;
    this.#coarse[bucket] = NO_REFERENCE;
    clearBit(this.#coarseBits, bucket);
    while (reference !== NO_REFERENCE) {
      const lease = this.#lease(reference);
      const slot = slotOf(reference);
      const next = lease[slot * LEASE_WORDS + NEXT_WORD] ?? NO_REFERENCE;
      const deadline = this.#pool.pageOf(reference).visibleAt(slot);
      this.#size -= 1;
      this.insert(reference, deadline);
      reference = next;
    }
  }

  #link(heads: Uint32Array, bucket: number, reference: number): void {
    const head = heads[bucket] ?? NO_REFERENCE;
    const lease = this.#lease(reference);
    const at = slotOf(reference) * LEASE_WORDS;
    lease[at + NEXT_WORD] = head;
    lease[at + PREVIOUS_WORD] = NO_REFERENCE;
    if (head !== NO_REFERENCE)
      this.#lease(head)[slotOf(head) * LEASE_WORDS + PREVIOUS_WORD] = reference;
    heads[bucket] = reference;
  }

  /** True when the bucket is empty now. */
  #unlink(heads: Uint32Array, bucket: number, reference: number): boolean {
    const lease = this.#lease(reference);
    const at = slotOf(reference) * LEASE_WORDS;
    const next = lease[at + NEXT_WORD] ?? NO_REFERENCE;
    const previous = lease[at + PREVIOUS_WORD] ?? NO_REFERENCE;
    if (next !== NO_REFERENCE)
      this.#lease(next)[slotOf(next) * LEASE_WORDS + PREVIOUS_WORD] = previous;
    if (previous !== NO_REFERENCE) {
      this.#lease(previous)[slotOf(previous) * LEASE_WORDS + NEXT_WORD] = next;
      return false;
    }
    assert(heads[bucket] === reference, "a slot in the bucket of its deadline");
    heads[bucket] = next;
    return next === NO_REFERENCE;
  }

  #lease(reference: number): Uint32Array {
    return must(this.#pool.pageOf(reference).lease, "a linked slot has a lease plane");
  }
}

function clearBit(bits: Uint32Array, place: number): void {
  bits[place >>> 5] = (bits[place >>> 5] ?? 0) & ~(1 << (place & 31));
}

/**
 * What a standard queue has besides its pages once it was sent a message with a group: its tenants. A tenant is a
 * message group while the queue has messages of it. A tenant is noisy while it holds enough of what is in flight:
 * that is looked up, never noted, so that nothing has to follow from it.
 *
 * Three orders, none of them part of the state: the ready messages of each tenant, the tenants that have some by
 * the first of them, and the tenants that have messages in flight by how many. A message without a group is in
 * none of these: it is in the ready sets of its page, as in every other queue.
 */
import type { Core } from "./core.ts";
import { GROUP_WORDS, GroupTable } from "./group-table.ts";
import type { Key } from "./key-index.ts";
import { type HeapNodes, insertNode, removeNode } from "./leftist-heap.ts";
import { FAIR_IN_FLIGHT_MIN, FAIR_PERCENT, FIFO_GROUPS_MAX } from "./limits.ts";
import { type Page, PLACE, TREE_WORDS } from "./page.ts";
import { NO_REFERENCE, type PagePool, referenceTo, slotOf } from "./page-pool.ts";
import type { QueueState } from "./queue.ts";
import type { Unit } from "./units.ts";

/** Words of a tenant behind those that every group has. */
const TOP: number = GROUP_WORDS;
const READY: number = GROUP_WORDS + 1;
const IN_FLIGHT: number = GROUP_WORDS + 2;
/** Left, right, parent, rank. */
const FRONT: number = GROUP_WORDS + 3;
const BUSY: number = GROUP_WORDS + 7;
const TENANT_WORDS: number = GROUP_WORDS + 11;

export class FairState {
  readonly tenants: GroupTable;
  /** Ready messages of one tenant: those received before first, each class by sequence. */
  readonly messages: HeapNodes;
  /** Tenants with ready messages. */
  readonly #front: HeapNodes;
  #frontTop = NO_REFERENCE;
  /** Tenants with messages in flight. */
  readonly #busy: HeapNodes;
  #busyTop = NO_REFERENCE;
  /** Tenants that the receive under way passes over. */
  #aside: readonly number[] = [];

  constructor(core: Core, queueId: number) {
    const tenants = new GroupTable(core, queueId, TENANT_WORDS);
    this.tenants = tenants;
    const messages = new MessageNodes(core.pool);
    this.messages = messages;
    this.#front = tenantNodes(tenants, FRONT, (a, b) =>
      messages.isBefore(tenants.word(a, TOP), tenants.word(b, TOP)),
    );
    this.#busy = tenantNodes(tenants, BUSY, (a, b) => {
      return tenants.word(a, IN_FLIGHT) > tenants.word(b, IN_FLIGHT);
    });
  }

  get bytes(): number {
    return this.tenants.bytes;
  }

  units(): Iterable<Unit> {
    return this.tenants.units();
  }

  ready(tenant: number): number {
    return this.tenants.word(tenant, READY);
  }

  inFlight(tenant: number): number {
    return this.tenants.word(tenant, IN_FLIGHT);
  }

  /** The tenant's first ready message; NO_REFERENCE when there is none. */
  first(tenant: number): number {
    return this.tenants.word(tenant, TOP);
  }

  /** The first ready message of the tenants that are not put aside. */
  firstOfAll(): number {
    return this.#frontTop === NO_REFERENCE ? NO_REFERENCE : this.first(this.#frontTop);
  }

  /** Passes over these tenants, until others are put aside. */
  putAside(tenants: readonly number[]): void {
    for (const tenant of this.#aside) this.#enterFront(tenant);
    for (const tenant of tenants) this.#leaveFront(tenant);
    this.#aside = tenants;
  }

  /** A message more or less among the tenant's ready ones. */
  change(tenant: number, reference: number, by: 1 | -1): void {
    const { tenants, messages } = this;
    const before = this.first(tenant);
    const after = (by === 1 ? insertNode : removeNode)(messages, before, reference);
    tenants.setWord(tenant, READY, this.ready(tenant) + by);
    if (after === before) return;
    const isAside = this.#aside.includes(tenant);
    if (!isAside) this.#leaveFront(tenant);
    tenants.setWord(tenant, TOP, after);
    if (!isAside) this.#enterFront(tenant);
  }

  #enterFront(tenant: number): void {
    if (!this.tenants.has(tenant) || this.first(tenant) === NO_REFERENCE) return;
    this.#frontTop = insertNode(this.#front, this.#frontTop, tenant);
  }

  #leaveFront(tenant: number): void {
    if (this.first(tenant) === NO_REFERENCE) return;
    this.#frontTop = removeNode(this.#front, this.#frontTop, tenant);
  }

  /** A message more or less that the tenant has in flight. */
  changeInFlight(tenant: number, by: 1 | -1): void {
    const before = this.inFlight(tenant);
    if (before > 0) this.#busyTop = removeNode(this.#busy, this.#busyTop, tenant);
    this.tenants.setWord(tenant, IN_FLIGHT, before + by);
    if (before + by > 0) this.#busyTop = insertNode(this.#busy, this.#busyTop, tenant);
  }

  /** Tenants with more in flight than `isEnough` asks for, in no order; looks at these and their next ones. */
  busiest(isEnough: (inFlight: number) => boolean): number[] {
    const found: number[] = [];
    const open = [this.#busyTop];
    for (let tenant = open.pop(); tenant !== undefined; tenant = open.pop()) {
      if (tenant === NO_REFERENCE || !isEnough(this.inFlight(tenant))) continue;
      found.push(tenant);
      open.push(this.#busy.left(tenant), this.#busy.right(tenant));
    }
    return found;
  }
}

/** Left children stand where FIFO queues link their groups, the rest in the page's tree plane. */
class MessageNodes implements HeapNodes {
  readonly #pool: PagePool;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  left(node: number): number {
    return this.#pool.pageOf(node).next(slotOf(node));
  }

  setLeft(node: number, child: number): void {
    this.#pool.pageOf(node).setNext(slotOf(node), child);
  }

  right(node: number): number {
    return this.#word(node, 0);
  }

  setRight(node: number, child: number): void {
    this.#setWord(node, 0, child);
  }

  parent(node: number): number {
    return this.#word(node, 1);
  }

  setParent(node: number, parent: number): void {
    this.#setWord(node, 1, parent);
  }

  rank(node: number): number {
    return this.#word(node, 2);
  }

  setRank(node: number, rank: number): void {
    this.#setWord(node, 2, rank);
  }

  isBefore(a: number, b: number): boolean {
    const pageA = this.#pool.pageOf(a);
    const pageB = this.#pool.pageOf(b);
    const isAgainA = pageA.place(slotOf(a)) === PLACE.redelivered;
    const isAgainB = pageB.place(slotOf(b)) === PLACE.redelivered;
    if (isAgainA !== isAgainB) return isAgainA;
    return pageA.firstSequence + slotOf(a) < pageB.firstSequence + slotOf(b);
  }

  #word(node: number, word: number): number {
    return this.#pool.pageOf(node).tree?.[slotOf(node) * TREE_WORDS + word] ?? NO_REFERENCE;
  }

  #setWord(node: number, word: number, value: number): void {
    const page = this.#pool.pageOf(node);
    page.tree ??= new Uint32Array(page.size * TREE_WORDS);
    page.tree[slotOf(node) * TREE_WORDS + word] = value;
  }
}

function tenantNodes(
  table: GroupTable,
  at: number,
  isBefore: (a: number, b: number) => boolean,
): HeapNodes {
  return {
    left: (node) => table.word(node, at),
    setLeft: (node, child) => table.setWord(node, at, child),
    right: (node) => table.word(node, at + 1),
    setRight: (node, child) => table.setWord(node, at + 1, child),
    parent: (node) => table.word(node, at + 2),
    setParent: (node, parent) => table.setWord(node, at + 2, parent),
    rank: (node) => table.word(node, at + 3),
    setRank: (node, rank) => table.setWord(node, at + 3, rank),
    isBefore,
  };
}

/** The message is of a tenant from now on, which comes to be if need be. It is in no place yet. */
export function joinTenant(core: Core, page: Page, slot: number, key: Key): void {
  const { queue } = page;
  queue.fair ??= new FairState(core, queue.id);
  const { tenants } = queue.fair;
  // Past the last number messages are without a group: they are served, and count for nobody.
  if (tenants.count >= FIFO_GROUPS_MAX && tenants.find(key) === 0) return;
  page.setGroup(slot, tenants.open(key));
  holdForTenant(queue.fair, page, slot);
}

/** Counts a message for its tenant, which is there. */
export function holdForTenant(fair: FairState, page: Page, slot: number): void {
  const tenant = page.group(slot);
  if (fair.tenants.held(tenant) === 0) fair.tenants.setWord(tenant, TOP, NO_REFERENCE);
  fair.tenants.hold(tenant);
}

/** Whether the message is of a tenant of its standard queue. */
export function isOfTenant(page: Page, slot: number): boolean {
  return page.queue.fair !== undefined && page.group(slot) > 0;
}

/** The message became ready; its place says so already. */
export function tenantReady(page: Page, slot: number): void {
  page.groupedReady += 1;
  page.queue.fair?.change(page.group(slot), referenceTo(page, slot), 1);
}

/** The message is ready no more; its place still says that it is. */
export function tenantNotReady(page: Page, slot: number): void {
  page.groupedReady -= 1;
  page.queue.fair?.change(page.group(slot), referenceTo(page, slot), -1);
}

export interface FairnessView {
  /** Message groups that are noisy now. */
  readonly noisyGroups: number;
  /** Messages ready that are of no noisy group. */
  readonly availableQuiet: number;
}

/** The tenants that are noisy, in no order: at most as many as shares of the queue's fit into all that is in flight. */
export function noisyTenants(queue: QueueState): number[] {
  const { fair, attributes } = queue;
  if (fair === undefined) return [];
  const least = attributes.fairness?.inFlightMin ?? FAIR_IN_FLIGHT_MIN;
  const percent = attributes.fairness?.inFlightPercent ?? FAIR_PERCENT;
  return fair.busiest((held) => held >= least && held * 100 > percent * queue.inFlight);
}

export function viewFairness(queue: QueueState): FairnessView {
  const noisy = noisyTenants(queue);
  const ready = noisy.reduce((sum, tenant) => sum + (queue.fair?.ready(tenant) ?? 0), 0);
  return { noisyGroups: noisy.length, availableQuiet: queue.available - ready };
}

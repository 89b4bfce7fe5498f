/** What a machine's index weighs, counted by walking over it. */
import type { Core } from "./core.ts";
import type { Page } from "./page.ts";

/** A page and its numbers outside of the small integers, as V8 lays them out on 64 bits, rounded up. */
const PAGE_OBJECT_BYTES = 304;
/** What a typed array costs besides its bytes: its object, its buffer's, and what allocators add. */
const ARRAY_OBJECT_BYTES = 272;

/** Bytes by what they are for. The objects are an estimate, on the high side; all else is counted. */
export interface MemoryView {
  /** Messages in all queues. */
  readonly messages: number;
  /** Base planes, 24 bytes a slot, and lease planes: 20 bytes, and 2 for each column that is wide. */
  readonly planeBytes: number;
  /** Ready bitmaps: 2 bits a slot. */
  readonly bitmapBytes: number;
  /** Origin planes: 28 bytes a slot in pages that hold a moved message. */
  readonly originBytes: number;
  /** What links the messages of groups: 4 bytes a slot in FIFO queues, 12 in pages of others that have such. */
  readonly chainBytes: number;
  /** The JavaScript objects of the pages and of their arrays. */
  readonly objectBytes: number;
  /** Where pages and messages are found: the timing wheel, each queue's page list with its summaries, its tables. */
  readonly tableBytes: number;
  /** Memory of freed pages, kept for the next ones. */
  readonly spareBytes: number;
  /** Records of request ids. */
  readonly requestBytes: number;
}

export function weigh(core: Core): MemoryView {
  let planeBytes = 0;
  let bitmapBytes = 0;
  let originBytes = 0;
  let chainBytes = 0;
  let objectBytes = 0;
  for (const page of core.pool.all()) {
    planeBytes += page.base.byteLength + page.leaseBytes;
    bitmapBytes += page.ready.byteLength;
    originBytes += page.origin?.byteLength ?? 0;
    chainBytes += (page.chain?.byteLength ?? 0) + (page.tree?.byteLength ?? 0);
    objectBytes += PAGE_OBJECT_BYTES + arraysOf(page) * ARRAY_OBJECT_BYTES;
  }
  let tableBytes = core.wheel.bytes + core.pool.tableBytes;
  for (const queue of core.queues.values()) tableBytes += queue.tableBytes;
  const { spareBytes } = core.pool;
  const planes = { planeBytes, bitmapBytes, originBytes, chainBytes };
  const bytes = { ...planes, objectBytes, tableBytes, spareBytes };
  return { messages: core.stored, ...bytes, requestBytes: core.requests.bytes };
}

function arraysOf(page: Page): number {
  const optional = [page.lease, page.tokenHighs, page.firstReceivedHighs, page.origin];
  return 2 + [...optional, page.chain, page.tree].filter((array) => array !== undefined).length;
}

/** One queue of the group: its record (attributes, counters, numbers to give) and its pages. */
import type { ByteReader, ByteWriter } from "@kqueuey/base";
import { assert } from "@kqueuey/base";
import type { QueueAttributes, Texts } from "./attributes.ts";
import {
  DEFAULT_ATTRIBUTES,
  decodeAttributes,
  decodeTexts,
  encodeAttributes,
  encodeTexts,
} from "./attributes.ts";
import type { FairState } from "./fair.ts";
import { FifoState } from "./fifo.ts";
import type { QueueId } from "./ids.ts";
import { ID_END } from "./ids.ts";
import { ACCEPT_SOURCES_MAX } from "./limits.ts";
import type { Page } from "./page.ts";
import { PageList } from "./page-list.ts";
import { MARK, type Mark, UNIT_KIND, type Unit, unitKey } from "./units.ts";
import type { WindowHost } from "./window-log.ts";

const QUEUE_UNIT_VERSION = 1;
/** Of a FIFO queue: the next turn follows. */
const FIFO_QUEUE_UNIT_VERSION = 2;
/** Added to either: the time of a purge follows. */
const PURGED_VERSIONS = 2;
const TABLE_ENTRY_BYTES = 64;

export class QueueState implements Unit {
  readonly id: QueueId;
  readonly key: number;
  name = "";
  placement = 0;
  attributes: QueueAttributes = DEFAULT_ATTRIBUTES;
  extra: Texts = new Map();
  tags: Texts = new Map();
  createdAtMs = 0;
  modifiedAtMs = 0;
  /** Cluster time of the last purge that named an interval. */
  purgedAtMs: number | undefined = undefined;
  /** Of the next message taken in. */
  nextSequence = 1;
  /** Of the next lease. */
  nextToken = 1;
  available = 0;
  inFlight = 0;
  delayed = 0;
  outbox = 0;
  /** Number of the first message in the outbox; the next one put there gets `outboxFirst + outbox`. */
  outboxFirst = 1;
  /** Of the messages in the outbox, in order: their sequences. The first `outboxHead` are gone. */
  outboxSequences: number[] = [];
  outboxHead = 0;
  /** Highest outbox number accepted, by source queue of another group. */
  readonly acceptedThrough: Map<number, number> = new Map();
  /** Receive counts of 63 and more, by sequence. */
  readonly countsInTable: Map<number, number> = new Map();
  /** Of a FIFO queue. */
  fifo: FifoState | undefined = undefined;
  /** Of a standard queue that was sent messages with groups. */
  fair: FairState | undefined = undefined;
  readonly pages: PageList = new PageList();
  /** The page found last: settling a batch asks for neighbours. */
  recent: Page | undefined = undefined;
  /** No live message was enqueued before this second. */
  oldestSecond: number = Number.POSITIVE_INFINITY;
  /** Set while the queue waits in the list of woken queues. */
  woken = false;
  deleted = false;
  mark: Mark = MARK.clean;
  position = 0;
  saved = false;

  constructor(id: QueueId) {
    this.id = id;
    this.key = unitKey(UNIT_KIND.queue, id);
  }

  /** Messages in the queue, wherever they are. */
  get stored(): number {
    return this.available + this.inFlight + this.delayed + this.outbox;
  }

  /** Bytes of what finds pages and messages; entries of the table of counts are estimated. */
  get tableBytes(): number {
    const { length } = this.outboxSequences;
    const counts = this.countsInTable.size * TABLE_ENTRY_BYTES;
    return this.pages.bytes + length * 8 + counts + (this.fifo?.bytes ?? this.fair?.bytes ?? 0);
  }

  /** Whole seconds that a message is kept. */
  get retentionSeconds(): number {
    return Math.ceil(this.attributes.retentionMs / 1_000);
  }

  /** The page that holds `sequence`, if one does. */
  find(sequence: number): Page | undefined {
    const recent = this.recent;
    if (recent !== undefined) {
      const slot = sequence - recent.firstSequence;
      if (slot >= 0 && slot < recent.used) return recent;
    }
    const page = this.pages.find(sequence);
    this.recent = page;
    return page;
  }

  encode(writer: ByteWriter): void {
    const version = this.fifo === undefined ? QUEUE_UNIT_VERSION : FIFO_QUEUE_UNIT_VERSION;
    writer.u8(this.purgedAtMs === undefined ? version : version + PURGED_VERSIONS);
    writer.text(this.name);
    writer.u32(this.placement);
    encodeAttributes(writer, this.attributes);
    encodeTexts(writer, this.extra);
    encodeTexts(writer, this.tags);
    writer.u48(this.createdAtMs);
    writer.u48(this.modifiedAtMs);
    writer.u48(this.nextSequence);
    writer.u48(this.nextToken);
    writer.u48(this.available);
    writer.u48(this.inFlight);
    writer.u48(this.delayed);
    writer.u48(this.outbox);
    writer.u53(this.outboxFirst);
    const sources = [...this.acceptedThrough.keys()].sort((a, b) => a - b);
    writer.u16(sources.length);
    for (const source of sources) {
      writer.u48(source);
      writer.u53(this.acceptedThrough.get(source) ?? 0);
    }
    if (this.fifo !== undefined) writer.u48(this.fifo.nextTurn);
    if (this.purgedAtMs !== undefined) writer.u48(this.purgedAtMs);
  }
}

/** Reads a queue's unit; its pages come with theirs. Undefined for what is no such unit. */
export function decodeQueue(
  id: QueueId,
  reader: ByteReader,
  host: WindowHost,
): QueueState | undefined {
  const written = reader.u8();
  const isPurged = written > PURGED_VERSIONS;
  const version = isPurged ? written - PURGED_VERSIONS : written;
  if (version !== QUEUE_UNIT_VERSION && version !== FIFO_QUEUE_UNIT_VERSION) return undefined;
  const queue = new QueueState(id);
  queue.name = reader.text();
  queue.placement = reader.u32();
  queue.attributes = { ...DEFAULT_ATTRIBUTES, ...decodeAttributes(reader) };
  const extra = presentTexts(decodeTexts(reader));
  const tags = presentTexts(decodeTexts(reader));
  if (extra === undefined || tags === undefined) return undefined;
  queue.extra = extra;
  queue.tags = tags;
  queue.createdAtMs = reader.u48();
  queue.modifiedAtMs = reader.u48();
  queue.nextSequence = reader.u48();
  queue.nextToken = reader.u48();
  queue.available = reader.u48();
  queue.inFlight = reader.u48();
  queue.delayed = reader.u48();
  queue.outbox = reader.u48();
  queue.outboxFirst = reader.u53();
  const sources = reader.u16();
  if (sources > ACCEPT_SOURCES_MAX) return undefined;
  for (let i = 0; i < sources && reader.ok; i++) {
    queue.acceptedThrough.set(reader.u48(), reader.u53());
  }
  if ((version === FIFO_QUEUE_UNIT_VERSION) !== (queue.attributes.fifo !== undefined)) {
    return undefined;
  }
  if (queue.attributes.fifo !== undefined) {
    queue.fifo = new FifoState(host, id);
    queue.fifo.nextTurn = reader.u48();
    if (queue.fifo.nextTurn === 0) return undefined;
  }
  if (isPurged) queue.purgedAtMs = reader.u48();
  if (queue.nextSequence === 0 || queue.nextToken === 0 || queue.outboxFirst === 0)
    return undefined;
  return reader.ok && reader.remaining === 0 ? queue : undefined;
}

/** The texts, when none of them is a removal. */
export function presentTexts(
  texts: ReadonlyMap<string, string | undefined>,
): Map<string, string> | undefined {
  const present = new Map<string, string>();
  for (const [name, value] of texts) {
    if (value === undefined) return undefined;
    present.set(name, value);
  }
  return present;
}

/** Gives the queue's next sequence. */
export function takeSequence(queue: QueueState): number {
  const sequence = queue.nextSequence;
  assert(sequence < ID_END - 1, "a queue's sequences are used up");
  queue.nextSequence = sequence + 1;
  return sequence;
}

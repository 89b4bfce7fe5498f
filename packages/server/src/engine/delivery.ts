/** A grant as the APIs see it: messages with their receipts, and what to do when nobody gets to see them. */
import type { ClusterTimeMs, Crc32, GroupId } from "@kqueuey/base";
import { decodeUtf8 } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type { BodyRecord, GrantedOutcome, PlainRecord, QueueId, Sequence } from "@kqueuey/queue";
import {
  decodeBodyRecord,
  isWholeBodyRecord,
  MESSAGE_ID_BYTES,
  messageId,
  messageIdRun,
  PLAIN_SENDER_START,
  queueId,
  readPlainRecord,
  sequence,
  writeMessageId,
} from "@kqueuey/queue";
import { type Granted, isFreshGrant } from "@kqueuey/replica";
import type { Delivery, PackedMessages, ReceivedMessage } from "../broker.ts";
import { sequenceNumberOf } from "./fifo-messages.ts";
import type { Receipts } from "./receipts.ts";

export interface DeliveryContext {
  readonly group: GroupId;
  readonly secret: Uint8Array;
  readonly receipts: Receipts;
  readonly crc32: Crc32;
  /** The best known cluster time of the group; undefined before it is open. */
  clusterNow(): ClusterTimeMs | undefined;
  nameOf(queue: QueueId): string | undefined;
  /** Gives the grant back. */
  undo(grant: GrantedOutcome): void;
}

/** `packed` and `messages` throw INTERNAL when a body is not what its sender's node wrote. */
export function makeDelivery(granted: Granted, context: DeliveryContext): Delivery {
  return new GrantDelivery(granted, context);
}

class GrantDelivery implements Delivery {
  readonly #granted: Granted;
  readonly #context: DeliveryContext;
  #messages: readonly ReceivedMessage[] | undefined;
  #settled = false;

  constructor(granted: Granted, context: DeliveryContext) {
    this.#granted = granted;
    this.#context = context;
  }

  get count(): number {
    return this.#granted.grant.count;
  }

  get messages(): readonly ReceivedMessage[] {
    this.#messages ??= readMessages(this.#granted, this.#context);
    return this.#messages;
  }

  packed(): PackedMessages | undefined {
    return packMessages(this.#granted, this.#context);
  }

  stillFresh(): boolean {
    return isFreshGrant(this.#granted.grant, this.#context.clusterNow());
  }

  written(): void {
    this.#settled = true;
  }

  undelivered(): void {
    const { grant } = this.#granted;
    // What a retry was answered with may be in the hands of an earlier try's client: its deadline ends it.
    if (this.#settled || grant.count === 0 || grant.replayed) return;
    this.#settled = true;
    this.#context.undo(grant);
  }
}

/** Undefined unless every record is a body alone, of one sender, and the grant is whole and new. */
function packMessages(
  { grant, records }: Granted,
  context: DeliveryContext,
): PackedMessages | undefined {
  const { count } = grant;
  if (count === 0 || grant.replayed || grant.originQueues !== undefined) return undefined;
  const columns = {
    bodyLengths: new Uint32Array(count),
    bodyStarts: new Uint32Array(count),
    sentAt: new Float64Array(count),
  };
  let senderEnd = 0;
  let bodyBytes = 0;
  const first = records[0];
  for (let i = 0; i < count; i++) {
    const bytes = records[i];
    if (bytes === undefined || !isWholeBodyRecord(bytes, context.crc32)) {
      throw new KQueueyError("INTERNAL", "a message body is damaged");
    }
    if (!readPlainRecord(bytes, plain)) return undefined;
    if (i === 0) senderEnd = plain.senderEnd;
    else if (plain.senderEnd !== senderEnd || !sameSender(bytes, first, senderEnd))
      return undefined;
    columns.bodyStarts[i] = plain.bodyStart;
    columns.bodyLengths[i] = bytes.length - plain.bodyStart;
    columns.sentAt[i] = plain.sentAtMs;
    bodyBytes += bytes.length - plain.bodyStart;
  }
  const sent = relativeTo(columns.sentAt, count);
  const received = relativeTo(grant.firstReceived, count);
  const sender = decodeUtf8(first?.subarray(PLAIN_SENDER_START, senderEnd) ?? NOTHING);
  if (sent === undefined || received === undefined || sender === undefined) return undefined;
  const now = context.clusterNow() ?? grant.nowMs;
  const run = { first: sequence(grant.sequences[0] ?? 0), count };
  return {
    bodyLengths: columns.bodyLengths,
    bodyBytes,
    records,
    bodyStarts: columns.bodyStarts,
    messageIds: isRun(grant)
      ? messageIdRun(context.secret, grant.queueId, run)
      : messageIds(grant, context.secret),
    receipts: context.receipts.pack(context.group, grant),
    fencingToken: grant.tokens[0] ?? 0,
    sender,
    sentAtMs: sent.base,
    sentAfterMs: sent.after,
    firstReceivedAtMs: received.base,
    firstReceivedAfterMs: received.after,
    receiveCounts: grant.receiveCounts.subarray(0, count),
    leaseRemainingMs: Math.max(0, (grant.deadlines[0] ?? 0) - now),
  };
}

const NOTHING: Uint8Array = new Uint8Array(0);
/** Read into again and again, and never held. */
const plain: PlainRecord = { sentAtMs: 0, senderEnd: 0, bodyStart: 0 };

function sameSender(bytes: Uint8Array, first: Uint8Array | undefined, end: number): boolean {
  for (let at = PLAIN_SENDER_START; at < end; at++) if (bytes[at] !== first?.[at]) return false;
  return true;
}

function isRun(grant: GrantedOutcome): boolean {
  const first = grant.sequences[0] ?? 0;
  return grant.sequences[grant.count - 1] === first + grant.count - 1;
}

function messageIds(grant: GrantedOutcome, secret: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(grant.count * MESSAGE_ID_BYTES);
  for (let i = 0; i < grant.count; i++) {
    const to = { sequence: grant.sequences[i] ?? 0, bytes, at: i * MESSAGE_ID_BYTES };
    writeMessageId(secret, grant.queueId, to);
  }
  return bytes;
}

/** Times as their least and what to add; undefined when they are too far apart for 32 bits. */
function relativeTo(
  times: Float64Array,
  count: number,
): { readonly base: number; readonly after: Uint32Array } | undefined {
  let base = Number.POSITIVE_INFINITY;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const time = times[i] ?? 0;
    if (time < base) base = time;
    if (time > last) last = time;
  }
  if (last - base > 0xffff_ffff) return undefined;
  const after = new Uint32Array(count);
  for (let i = 0; i < count; i++) after[i] = (times[i] ?? 0) - base;
  return { base, after };
}

function readMessages(granted: Granted, context: DeliveryContext): ReceivedMessage[] {
  const { grant, records } = granted;
  if (grant.count === 0) return [];
  const handles = context.receipts.make(context.group, grant);
  const now = context.clusterNow() ?? grant.nowMs;
  const messages: ReceivedMessage[] = [];
  for (let i = 0; i < grant.count; i++) {
    const bytes = records[i];
    const record = bytes === undefined ? undefined : decodeBodyRecord(bytes, context.crc32);
    if (record === undefined) throw new KQueueyError("INTERNAL", "a message body is damaged");
    const source = grant.sourceQueues?.[i] ?? 0;
    const [originQueue, originSequence] = originOf(grant, i);
    const id = messageId(context.secret, originQueue, originSequence);
    messages.push({
      messageId: id,
      receiptHandle: handles[i] ?? "",
      body: record.body,
      bodyMd5: hasDigest(record.bodyMd5) ? record.bodyMd5 : undefined,
      attributes: record.attributes,
      traceHeader: record.traceHeader,
      ...groupingOf(record, {
        sequence: grant.sequences[i] ?? 0,
        movedAs: (grant.originQueues?.[i] ?? 0) === 0 ? undefined : id,
      }),
      sender: record.sender,
      sentAtMs: record.sentAtMs,
      firstReceivedAtMs: grant.firstReceived[i] ?? 0,
      receiveCount: grant.receiveCounts[i] ?? 0,
      fencingToken: grant.tokens[i] ?? 0,
      leaseRemainingMs: Math.max(0, (grant.deadlines[i] ?? 0) - now),
      deadLetterSource: source === 0 ? undefined : context.nameOf(queueId(source)),
    });
  }
  return messages;
}

/** A message that was moved keeps the id that its first queue gave it. */
function originOf(grant: GrantedOutcome, i: number): [QueueId, Sequence] {
  const queue = grant.originQueues?.[i] ?? 0;
  if (queue === 0) return [grant.queueId, sequence(grant.sequences[i] ?? 0)];
  return [queueId(queue), sequence(grant.originSequences?.[i] ?? 0)];
}

/** What FIFO queues say of a message. A moved one has its message id for a deduplication id: it repeats nothing. */
function groupingOf(
  record: BodyRecord,
  of: { readonly sequence: number; readonly movedAs: string | undefined },
): Pick<ReceivedMessage, "groupId" | "deduplicationId" | "sequenceNumber"> {
  const { groupId, deduplicationId } = record;
  if (deduplicationId === undefined) return { groupId };
  return {
    groupId,
    deduplicationId: of.movedAs ?? deduplicationId,
    sequenceNumber: sequenceNumberOf(of.sequence),
  };
}

/** Zeroes stand for a digest that nobody computed. */
function hasDigest(md5: Uint8Array): boolean {
  for (const byte of md5) if (byte !== 0) return true;
  return false;
}

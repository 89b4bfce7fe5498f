/** A grant as the APIs see it: messages with their receipts, and what to do when nobody gets to see them. */
import type { ClusterTimeMs, Crc32, GroupId } from "@kqueuey/base";
import { KQueueyError } from "@kqueuey/contract";
import type { GrantedOutcome, QueueId, Sequence } from "@kqueuey/queue";
import { decodeBodyRecord, messageId, queueId, sequence } from "@kqueuey/queue";
import { type Granted, isFreshGrant } from "@kqueuey/replica";
import type { Delivery, ReceivedMessage } from "../broker.ts";
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

/** Throws INTERNAL when a body is not what its sender's node wrote. */
export function makeDelivery(granted: Granted, context: DeliveryContext): Delivery {
  const { grant } = granted;
  const messages = readMessages(granted, context);
  let settled = false;
  return {
    messages,
    stillFresh: () => isFreshGrant(grant, context.clusterNow()),
    written: () => {
      settled = true;
    },
    undelivered: () => {
      if (settled || grant.count === 0) return;
      settled = true;
      context.undo(grant);
    },
  };
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
    messages.push({
      messageId: messageId(context.secret, originQueue, originSequence),
      receiptHandle: handles[i] ?? "",
      body: record.body,
      bodyMd5: hasDigest(record.bodyMd5) ? record.bodyMd5 : undefined,
      attributes: record.attributes,
      traceHeader: record.traceHeader,
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

/** Zeroes stand for a digest that nobody computed. */
function hasDigest(md5: Uint8Array): boolean {
  for (const byte of md5) if (byte !== 0) return true;
  return false;
}

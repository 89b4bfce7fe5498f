/** What an engine replied, as a client's history keeps it. */
import { decodeUtf8 } from "@kqueuey/base";
import type { GrantedOutcome, Outcome, QueueView } from "@kqueuey/queue";
import { decodeBodyRecord } from "@kqueuey/queue";
import type { EngineReply } from "@kqueuey/replica";
import { crc32 } from "../digests.ts";
import type {
  Answer,
  AttributeValues,
  GrantedMessage,
  MessageId,
  Settled,
} from "../history/event.ts";

/** What a body is padded with. */
export const PADDING = ".";
/** The body of a record that is not as its sender wrote it. */
export const DAMAGED_BODY = "(damaged)";

const SETTLED_NAMES: readonly Settled[] = ["ok", "gone", "stale", "not-in-flight", "too-long"];
/** Larger than any sequence of a simulated queue. */
const SEQUENCES_MAX = 2 ** 32;

/** A message's id: the queue that took it in first, and its sequence there. */
export function messageIdOf(queue: number, sequence: number): MessageId {
  return queue * SEQUENCES_MAX + sequence;
}

/** `triedBefore`: another try may have been carried out, which makes some refusals say nothing for certain. */
export function answerOf(reply: EngineReply, triedBefore: boolean): Answer {
  switch (reply.kind) {
    case "outcome":
      return answerOfOutcome(reply.outcome);
    case "granted":
      return { kind: "granted", messages: messagesOf(reply.grant, reply.records) };
    case "described":
      return reply.view === undefined
        ? { kind: "refused", reason: "queue-not-found" }
        : describedAnswer(reply.view);
    case "found":
      return { kind: "found", exists: reply.entry?.state === "active" };
    case "listed":
      return { kind: "listed", queues: reply.names };
    case "tasks":
      return { kind: "done", changed: false };
    case "failed":
      return triedBefore ? { kind: "unknown" } : { kind: "refused", reason: reply.code };
    case "not-leader":
      return { kind: "unknown" };
  }
}

function answerOfOutcome(outcome: Exclude<Outcome, GrantedOutcome>): Answer {
  switch (outcome.kind) {
    case "sent": {
      const { queueId, firstSequence, count, sequences } = outcome;
      const ids = Array.from({ length: count }, (_, i) =>
        messageIdOf(queueId, sequences?.[i] ?? firstSequence + i),
      );
      return { kind: "sent", messageIds: ids };
    }
    case "settled":
      return { kind: "settled", results: Array.from(outcome.results, (each) => settledName(each)) };
    case "done":
      return { kind: "done", changed: outcome.changed };
    case "refused":
      // What became of the request's first execution can't be told any more.
      if (outcome.reason === "session-expired") return { kind: "unknown" };
      return { kind: "refused", reason: outcome.reason };
    case "reserved":
      return { kind: "done", changed: outcome.created };
    case "move":
      return { kind: "task", moved: outcome.moved };
    case "session":
    case "accepted":
      return { kind: "done", changed: true };
  }
}

function settledName(result: number): Settled {
  return SETTLED_NAMES[result] ?? "gone";
}

function messagesOf(grant: GrantedOutcome, records: readonly Uint8Array[]): GrantedMessage[] {
  return Array.from({ length: grant.count }, (_, i) => {
    const originQueue = grant.originQueues?.[i] ?? 0;
    const sequence = grant.sequences[i] ?? 0;
    return {
      body: bodyOf(records[i]),
      messageId:
        originQueue === 0
          ? messageIdOf(grant.queueId, sequence)
          : messageIdOf(originQueue, grant.originSequences?.[i] ?? 0),
      token: grant.tokens[i] ?? 0,
      receiveCount: grant.receiveCounts[i] ?? 0,
      // A retry is told of its grant later than it was made.
      ...(grant.replayed ? {} : { grantedAt: grant.nowMs }),
      deadline: grant.deadlines[i] ?? 0,
    };
  });
}

/** The text of a whole body record, without its padding. */
export function bodyOf(bytes: Uint8Array | undefined): string {
  const record = bytes === undefined ? undefined : decodeBodyRecord(bytes, crc32);
  const text = record === undefined ? undefined : decodeUtf8(record.body);
  if (text === undefined) return DAMAGED_BODY;
  const end = text.indexOf(PADDING);
  return end < 0 ? text : text.slice(0, end);
}

function describedAnswer(view: QueueView): Answer {
  const { available, inFlight, delayed, noisyGroups, availableQuiet } = view;
  return {
    kind: "described",
    attributes: attributeValues(view.attributes),
    counters: { available, inFlight, delayed },
    fairness: { noisyGroups, availableQuiet },
  };
}

/** The numbers among a queue's attributes. */
export function attributeValues(attributes: QueueView["attributes"]): AttributeValues {
  const { visibilityTimeoutMs, delayMs, retentionMs, maximumMessageBytes, receiveWaitMs } =
    attributes;
  return { visibilityTimeoutMs, delayMs, retentionMs, maximumMessageBytes, receiveWaitMs };
}

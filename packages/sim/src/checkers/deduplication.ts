/**
 * A deduplication id, within its scope, stores at most one message in five minutes, and whoever repeats it is told of
 * that one. From what clients saw: an id of a message names its queue and its sequence number there.
 */
import type { MessageId } from "../history/event.ts";
import type { History } from "../history/history.ts";
import { messagesOf, type Sending } from "../history/messages.ts";
import type { HistoryJudge } from "./history-checker.ts";

const WINDOW_MS = 300_000;
/** Cluster time is never ahead of the clients' but for the drift of two clocks. */
const SLACK_MS = 1_000;

/** A message under a deduplication id, and when it was stored: on the clients' clock, between these. */
interface Stored {
  readonly id: MessageId;
  readonly from: number;
  readonly until: number;
}

export const deduplication: HistoryJudge = {
  name: "deduplication",
  promise: "a deduplication id stores at most one message in five minutes",
  judge: (history, broken) => {
    const forgets = forgettingOf(history);
    for (const [name, sendings] of sendingsOf(history)) {
      const stored = storedOf(history, sendings);
      for (let i = 1; i < stored.length; i++) {
        const [first, second] = [stored[i - 1], stored[i]];
        if (first === undefined || second === undefined) continue;
        // Whose call began first need not have been stored first: between is all of both.
        const between = { from: first.from, until: Math.max(first.until, second.until) };
        if (between.until - between.from >= WINDOW_MS - SLACK_MS) continue;
        const queue = sendings[0]?.sending.queue ?? "";
        if (mayHaveForgotten(forgets.get(queue) ?? [], between)) continue;
        broken(
          `${name} stored ${first.id} after ${first.from} and ${second.id} by ${second.until}`,
        );
      }
    }
  },
};

interface SendingOf {
  readonly body: string;
  readonly sending: Sending;
}

/** By queue and deduplication id. */
function sendingsOf(history: History): Map<string, SendingOf[]> {
  const all = new Map<string, SendingOf[]>();
  for (const { body, sendings } of messagesOf(history).values()) {
    for (const sending of sendings) {
      const { deduplicationId } = sending.message;
      if (deduplicationId === undefined) continue;
      const name = `${sending.queue} ${deduplicationId}`;
      const known = all.get(name);
      if (known === undefined) all.set(name, [{ body, sending }]);
      else known.push({ body, sending });
    }
  }
  return all;
}

/** The messages that are known to be stored, in order. */
function storedOf(history: History, sendings: readonly SendingOf[]): Stored[] {
  const messages = messagesOf(history);
  const stored = new Map<MessageId, Stored>();
  const note = (id: MessageId, from: number, until: number): void => {
    const known = stored.get(id);
    stored.set(id, {
      id,
      from: Math.min(from, known?.from ?? from),
      until: Math.min(until, known?.until ?? until),
    });
  };
  // What was answered as a repetition may have been stored by any send that got no answer.
  const unanswered = sendings.filter(({ sending }) => sending.outcome === "unknown");
  const earliest = Math.min(...unanswered.map(({ sending }) => sending.invokedAt));
  for (const { body, sending } of sendings) {
    const { messageId, answeredAt, invokedAt } = sending;
    const from = Math.min(invokedAt, earliest);
    if (messageId !== undefined) note(messageId, from, answeredAt);
    for (const delivery of messages.get(body)?.deliveries ?? []) {
      note(delivery.messageId, from, delivery.answeredAt);
    }
  }
  return [...stored.values()].sort((a, b) => a.from - b.from || a.until - b.until);
}

interface Span {
  readonly from: number;
  readonly until: number;
}

/** When each queue may have forgotten its deduplication ids: a purge does it. */
function forgettingOf(history: History): Map<string, Span[]> {
  const spans = new Map<string, Span[]>();
  for (const { invoked, answered } of history.calls()) {
    const { operation } = invoked;
    if (operation.kind !== "purge" && operation.kind !== "delete") continue;
    const isCertain = answered !== undefined && answered.answer.kind !== "unknown";
    const until = isCertain ? answered.atMs : Number.POSITIVE_INFINITY;
    const span = { from: invoked.atMs, until };
    spans.set(operation.queue, [...(spans.get(operation.queue) ?? []), span]);
  }
  return spans;
}

function mayHaveForgotten(spans: readonly Span[], between: Span): boolean {
  return spans.some(({ from, until }) => from <= between.until && until >= between.from);
}

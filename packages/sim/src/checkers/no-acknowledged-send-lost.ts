/**
 * An acknowledged message is somewhere. From a history alone: when everything was drained it was delivered,
 * or a purge, a deletion or its retention may have taken it.
 */
import type { History } from "../history/history.ts";
import { messagesOf } from "../history/messages.ts";
import { type HistoryJudge, mayHaveMoved } from "./history-checker.ts";

export const noAcknowledgedSendLost: HistoryJudge = {
  name: "no-acknowledged-send-lost",
  promise: "an acknowledged send is never lost",
  onlyWhenDrained: true,
  judge: (history, broken) => {
    const excused = queuesThatLoseMessages(history);
    // A task may have moved any message to such a queue.
    if (excused.size > 0 && mayHaveMoved(history)) return;
    const messages = [...messagesOf(history).values()];
    // A repetition in a FIFO queue is not stored: what counts is the message that it was answered as.
    const seen = new Set(
      messages.flatMap(({ deliveries }) => deliveries.map(({ messageId }) => messageId)),
    );
    for (const message of messages) {
      const sent = message.sendings.find((sending) => sending.outcome === "acknowledged");
      if (sent === undefined || message.deliveries.length > 0) continue;
      if (message.showings.length > 0 || excused.has(sent.queue)) continue;
      if (sent.messageId !== undefined && seen.has(sent.messageId)) continue;
      broken(`${message.body}: acknowledged at ${sent.answeredAt}, never seen again`);
    }
  },
};

/**
 * Queues that were purged or deleted, or whose messages are kept for a short time only; and those whose dead letters
 * go to such a queue: nobody need have seen one, since the answers to all of its receives may be lost.
 */
function queuesThatLoseMessages(history: History): Set<string> {
  const span = (history.events.at(-1)?.atMs ?? 0) - (history.events[0]?.atMs ?? 0);
  const queues = new Set<string>();
  for (const { invoked } of history.calls()) {
    const { operation } = invoked;
    if (operation.kind === "purge" || operation.kind === "delete") queues.add(operation.queue);
    if (operation.kind !== "create" && operation.kind !== "set") continue;
    const kept = operation.attributes["retentionMs"];
    if (kept !== undefined && kept <= span) queues.add(operation.queue);
  }
  for (const { invoked } of history.calls()) {
    const { operation } = invoked;
    if (operation.kind !== "create" || operation.deadLetterQueue === undefined) continue;
    if (queues.has(operation.deadLetterQueue)) queues.add(operation.queue);
  }
  return queues;
}

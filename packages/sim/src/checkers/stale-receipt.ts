/**
 * Fencing: tokens of a message only grow, a receipt is worth nothing once somebody else holds a later one, and
 * a receipt that nobody was given is worth nothing ever.
 */
import type { MessageHistory } from "../history/messages.ts";
import { eachMessage, type HistoryJudge } from "./history-checker.ts";

export const staleReceipt: HistoryJudge = eachMessage({
  name: "stale-receipt",
  promise: "a stale receipt changes nothing, and fencing tokens only grow",
  judgeMessage: (message) => findForged(message) ?? findShrinking(message) ?? findStale(message),
});

/** Receipts of no message are kept under the empty body. */
function findForged(message: MessageHistory): string | undefined {
  if (message.body !== "") return undefined;
  const worked = message.showings.find((shown) => shown.result === "ok");
  return worked === undefined ? undefined : `${worked.action} worked with an invented receipt`;
}

function findShrinking(message: MessageHistory): string | undefined {
  // Deliveries stand in the order of their answers; what was answered before another's call has the smaller token.
  const newest = new Map<string, { token: number; answeredAt: number }>();
  for (const delivery of message.deliveries) {
    const before = newest.get(delivery.queue);
    const isOlder = before !== undefined && delivery.token < before.token;
    if (isOlder && delivery.invokedAt > before.answeredAt) {
      return `token ${delivery.token} was granted after token ${before.token}`;
    }
    if (before === undefined || delivery.token > before.token) {
      newest.set(delivery.queue, { token: delivery.token, answeredAt: delivery.answeredAt });
    }
  }
  return undefined;
}

function findStale(message: MessageHistory): string | undefined {
  for (const shown of message.showings) {
    if (shown.result !== "ok") continue;
    const newer = message.deliveries.find(
      (delivery) =>
        delivery.queue === shown.queue &&
        delivery.token > shown.token &&
        delivery.answeredAt < shown.invokedAt,
    );
    if (newer !== undefined) {
      return `${shown.action} worked under ${shown.token} though ${newer.token} was out`;
    }
  }
  return undefined;
}

/**
 * A message that was granted is not granted again before its deadline, unless its holder may have given it
 * back. In cluster time where it is known; else by the clients' clock, within which a grant lies somewhere
 * between a receive's call and its answer.
 */
import {
  type Delivery,
  grantsOf,
  type MessageHistory,
  mayHaveEnded,
  queuesOf,
} from "../history/messages.ts";
import { eachMessage, type HistoryJudge } from "./history-checker.ts";

/** How much earlier than promised a lease may end by the clients' clock: drift of clocks, rounding of ms. */
const EARLY_RATIO = 0.001;
const EARLY_MS = 5;

export const noEarlyRedelivery: HistoryJudge = eachMessage({
  name: "no-early-redelivery",
  promise: "no redelivery before the deadline unless released",
  judgeMessage: (message) => {
    for (const queue of queuesOf(message)) {
      const grants = grantsOf(message, queue);
      for (let i = 1; i < grants.length; i++) {
        const what = judgePair(message, grants[i - 1], grants[i]);
        if (what !== undefined) return what;
      }
    }
    return undefined;
  },
});

function judgePair(
  message: MessageHistory,
  before: Delivery | undefined,
  after: Delivery | undefined,
): string | undefined {
  if (before === undefined || after === undefined) return undefined;
  if (mayHaveEnded(message, before.queue, before.token)) return undefined;
  if (before.deadline !== undefined && after.grantedAt !== undefined) {
    if (after.grantedAt >= before.deadline) return undefined;
    return `leased under ${before.token} until ${before.deadline}, under ${after.token} at ${after.grantedAt}`;
  }
  if (before.remainingMs === undefined) return undefined;
  const endsAt = before.invokedAt + before.remainingMs * (1 - EARLY_RATIO) - EARLY_MS;
  if (after.answeredAt >= endsAt) return undefined;
  return `token ${after.token} came ${Math.round(endsAt - after.answeredAt)} ms before token ${before.token} ended`;
}

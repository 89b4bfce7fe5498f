/** A send is stored once, whether or not its answers were seen, and however often it was tried again. */
import { eachMessage, type HistoryJudge } from "./history-checker.ts";

export const sentAtMostOnce: HistoryJudge = eachMessage({
  name: "sent-at-most-once",
  promise: "a send is stored at most once, however often it is retried",
  judgeMessage: (message) => {
    const ids = new Set([
      ...message.deliveries.map((delivery) => delivery.messageId),
      ...message.sendings.flatMap(({ messageId }) => (messageId === undefined ? [] : [messageId])),
    ]);
    return ids.size > 1 ? `stored as ${[...ids].join(", ")}` : undefined;
  },
});

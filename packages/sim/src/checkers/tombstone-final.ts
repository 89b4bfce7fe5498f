/** A tombstone that was reported effective ends a message: nobody gets it again, under a later token or at all. */
import { eachMessage, type HistoryJudge } from "./history-checker.ts";

export const tombstoneFinal: HistoryJudge = eachMessage({
  name: "tombstone-final",
  promise: "a tombstone reported effective is final",
  judgeMessage: (message) => {
    for (const shown of message.showings) {
      if (shown.action !== "tombstone" || shown.result !== "ok") continue;
      for (const delivery of message.deliveries) {
        const isLater = delivery.queue === shown.queue && delivery.token > shown.token;
        if (isLater) return `tombstoned under ${shown.token}, granted again as ${delivery.token}`;
        if (delivery.invokedAt > shown.answeredAt) {
          return `tombstoned by ${shown.answeredAt}, delivered to a receive of ${delivery.invokedAt}`;
        }
      }
    }
    return undefined;
  },
});

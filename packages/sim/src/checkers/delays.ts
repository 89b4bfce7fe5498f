/** A delayed message does not come before its delay is over, counted from its send. */
import type { History } from "../history/history.ts";
import { messagesOf } from "../history/messages.ts";
import type { HistoryJudge } from "./history-checker.ts";

/** Drift of the leader's clock, and rounding of ms. */
const EARLY_RATIO = 0.001;
const EARLY_MS = 5;

export const delays: HistoryJudge = {
  name: "delays",
  promise: "a delayed message does not come before its delay is over",
  judge: (history: History, broken) => {
    for (const message of messagesOf(history).values()) {
      const [first] = message.deliveries;
      // A queue's own delay may change, and is for the auditor.
      const asked = message.sendings.map((sending) => sending.message.delayMs ?? 0);
      if (first === undefined || asked.length === 0) continue;
      const delayMs = Math.min(...asked);
      const sentAt = Math.min(...message.sendings.map((sending) => sending.invokedAt));
      const earliest = sentAt + delayMs * (1 - EARLY_RATIO) - EARLY_MS;
      if (first.answeredAt >= earliest) continue;
      broken(`${message.body}: sent at ${sentAt} with ${delayMs} ms, came at ${first.answeredAt}`);
    }
  },
};

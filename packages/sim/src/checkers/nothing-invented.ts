/** What is delivered was sent: its body, whole, and under one identity. */
import { eachMessage, type HistoryJudge } from "./history-checker.ts";

export const nothingInvented: HistoryJudge = eachMessage({
  name: "nothing-invented",
  promise: "nothing is delivered that nobody sent",
  judgeMessage: (message) => {
    const [delivery] = message.deliveries;
    if (delivery === undefined) return undefined;
    const sent = message.sendings.filter((sending) => sending.outcome !== "refused");
    if (sent.length === 0) return `delivered from ${delivery.queue}, never sent`;
    const begun = Math.min(...sent.map((sending) => sending.invokedAt));
    return delivery.answeredAt < begun
      ? `delivered at ${delivery.answeredAt}, sent later`
      : undefined;
  },
});

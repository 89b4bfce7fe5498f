/**
 * A dead letter leaves its queue as it arrives in the other: nobody gets it from the first one after that,
 * but when a move task may have brought it back.
 */
import { type HistoryJudge, unlessMoved } from "./history-checker.ts";

export const deadLetterOnce: HistoryJudge = unlessMoved({
  name: "dead-letter-once",
  promise: "a dead letter moves exactly once",
  judgeMessage: (message) => {
    const home = message.sendings[0]?.queue;
    const arrived = message.deliveries.find((delivery) => delivery.queue !== home);
    if (arrived === undefined || home === undefined) return undefined;
    const elsewhere = message.deliveries.find(
      (delivery) => delivery.queue !== home && delivery.queue !== arrived.queue,
    );
    if (elsewhere !== undefined) {
      return `delivered from ${home}, ${arrived.queue} and ${elsewhere.queue}`;
    }
    const back = message.deliveries.find(
      (delivery) => delivery.queue === home && delivery.invokedAt > arrived.answeredAt,
    );
    return back === undefined
      ? undefined
      : `delivered from ${home} after it was in ${arrived.queue}`;
  },
});

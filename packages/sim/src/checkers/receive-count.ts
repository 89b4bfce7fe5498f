/**
 * The receive count of a message goes up by one with every grant that is handed out, and never back, unless a move task
 * may have begun it anew.
 */
import { grantsOf, type MessageHistory, queuesOf } from "../history/messages.ts";
import { type HistoryJudge, unlessMoved } from "./history-checker.ts";

export const receiveCount: HistoryJudge = unlessMoved({
  name: "receive-count",
  promise: "the receive count is the number of grants handed out",
  judgeMessage: (message) => {
    for (const queue of queuesOf(message)) {
      let before = 0;
      for (const grant of grantsOf(message, queue)) {
        if (grant.receiveCount <= before) {
          return `the grant under ${grant.token} is number ${grant.receiveCount}, after number ${before}`;
        }
        before = wasUndone(message, queue, grant.token) ? before : grant.receiveCount;
      }
    }
    return undefined;
  },
});

/** Its taker said that it never arrived: the count was restored. */
function wasUndone(message: MessageHistory, queue: string, token: number): boolean {
  return message.showings.some(
    (shown) =>
      shown.action === "undelivered" &&
      shown.queue === queue &&
      shown.token === token &&
      (shown.result === "ok" || shown.result === "unknown"),
  );
}

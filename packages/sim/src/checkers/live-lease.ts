/**
 * A worker never gets a lease that has already run out by the leader's clock. A follower that hands an answer on
 * knows the time as well as its link to the leader is fast; so answers of others get some grace.
 */
import { messagesOf } from "../history/messages.ts";
import type { HistoryJudge } from "./history-checker.ts";

/** More than the slowest link of a run delays a frame. */
const GRACE_MS = 1_000;

export const liveLease: HistoryJudge = {
  name: "live-lease",
  promise: "nobody is given a lease that has run out",
  judge: (history, broken) => {
    for (const message of messagesOf(history).values()) {
      for (const { deadline, clusterTimeMs, token, node } of message.deliveries) {
        if (deadline === undefined || clusterTimeMs === undefined) continue;
        if (clusterTimeMs < deadline + GRACE_MS) continue;
        broken(
          `${message.body}: node ${node} handed out token ${token} at ${clusterTimeMs}, its lease ended at ${deadline}`,
        );
      }
    }
  },
};

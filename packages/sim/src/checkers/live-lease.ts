/**
 * A worker never gets a lease that has already run out by the leader's clock. A follower that hands an answer on
 * knows the time no better than its link to the leader is fast, so its answers get some grace.
 */
import { messagesOf } from "../history/messages.ts";
import type { HistoryJudge } from "./history-checker.ts";

/** More than the slowest link of a run delays a frame. */
const GRACE_MS = 2_500;

export const liveLease: HistoryJudge = {
  name: "live-lease",
  promise: "nobody is given a lease that has run out",
  judge: (history, broken) => {
    for (const message of messagesOf(history).values()) {
      for (const delivery of message.deliveries) {
        const { deadline, grantedAt, clusterTimeMs, token, node, isLeaders } = delivery;
        // A lease of no time is asked for by those who only want to look.
        if (deadline === undefined || clusterTimeMs === undefined || deadline === grantedAt)
          continue;
        if (clusterTimeMs < deadline + (isLeaders ? 0 : GRACE_MS)) continue;
        broken(
          `${message.body}: node ${node} handed out token ${token} at ${clusterTimeMs}, its lease ended at ${deadline}`,
        );
      }
    }
  },
};

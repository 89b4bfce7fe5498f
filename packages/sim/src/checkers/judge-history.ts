/** Judges what clients saw, without a look inside: for recorded histories of real clusters. */
import type { History } from "../history/history.ts";
import { attributeLinearizability } from "./attribute-linearizability.ts";
import type { Violation } from "./checker.ts";
import { deadLetterOnce } from "./dead-letter-once.ts";
import { deduplication } from "./deduplication.ts";
import { delays } from "./delays.ts";
import type { HistoryJudge } from "./history-checker.ts";
import { noAcknowledgedSendLost } from "./no-acknowledged-send-lost.ts";
import { noEarlyRedelivery } from "./no-early-redelivery.ts";
import { nothingInvented } from "./nothing-invented.ts";
import { receiveCount } from "./receive-count.ts";
import { sentAtMostOnce } from "./sent-at-most-once.ts";
import { staleReceipt } from "./stale-receipt.ts";
import { tombstoneFinal } from "./tombstone-final.ts";
import { Verdicts } from "./verdicts.ts";

export const HISTORY_JUDGES: readonly HistoryJudge[] = [
  noAcknowledgedSendLost,
  nothingInvented,
  sentAtMostOnce,
  deduplication,
  noEarlyRedelivery,
  tombstoneFinal,
  staleReceipt,
  receiveCount,
  delays,
  deadLetterOnce,
  attributeLinearizability,
];

/** `drained`: workers took and tombstoned until nothing was left, so whatever was not seen is lost. */
export function judgeHistory(
  history: History,
  end: { readonly drained: boolean } = { drained: true },
): Violation[] {
  const judges = HISTORY_JUDGES.filter((judge) => end.drained || judge.onlyWhenDrained !== true);
  return judges.flatMap((judge) => {
    const verdicts = new Verdicts(judge.name, judge.promise);
    judge.judge(history, (what) => verdicts.broken(what));
    return verdicts.list;
  });
}

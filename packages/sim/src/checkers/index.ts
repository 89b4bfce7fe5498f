/** All judges of a run, fresh; told in this order of everything that happens. */
import { Auditor } from "../auditor/auditor.ts";
import { Answers } from "./answers.ts";
import { Attempts } from "./attempts.ts";
import { AuditedDeadLetters } from "./audited-dead-letters.ts";
import { AuditedDelays } from "./audited-delays.ts";
import { AuditedMoves } from "./audited-moves.ts";
import type { Checker } from "./checker.ts";
import { ClusterTime } from "./cluster-time.ts";
import { Counters } from "./counters.ts";
import { CurrentReads } from "./current-reads.ts";
import { Fate } from "./fate.ts";
import { FifoOrder } from "./fifo-order.ts";
import { GroupLock } from "./group-lock.ts";
import { HistoryChecker } from "./history-checker.ts";
import { HISTORY_JUDGES } from "./judge-history.ts";
import { LeaseEnds } from "./lease-ends.ts";
import { liveLease } from "./live-lease.ts";
import { LogMatching } from "./log-matching.ts";
import { Membership } from "./membership.ts";
import { OneLeaderPerTerm } from "./one-leader-per-term.ts";
import { OneLeaseAtATime } from "./one-lease-at-a-time.ts";
import { Probation } from "./probation.ts";
import { QuietFirst } from "./quiet-first.ts";
import { StateEquality } from "./state-equality.ts";
import { StatusWatch } from "./status-watch.ts";
import { Undisturbed } from "./undisturbed.ts";

/** What the judges need to know of the run beforehand. */
export interface CheckerOptions {
  /** Nodes of the cluster, 1 … this. */
  readonly nodes: number;
}

export function allCheckers(_options: CheckerOptions): Checker[] {
  const auditor = new Auditor();
  return [
    // First: it feeds the auditor, whose account the others compare with.
    new LogMatching(auditor),
    new OneLeaderPerTerm(),
    new Undisturbed(),
    new ClusterTime(),
    new StateEquality(),
    new Counters(auditor),
    new StatusWatch(new Probation(), auditor),
    new StatusWatch(new Membership(), auditor),
    new Answers(auditor),
    new Fate(auditor),
    new OneLeaseAtATime(auditor),
    new LeaseEnds(auditor),
    new AuditedDelays(auditor),
    new AuditedDeadLetters(auditor),
    new AuditedMoves(auditor),
    new FifoOrder(auditor),
    new GroupLock(auditor),
    new QuietFirst(auditor),
    new Attempts(auditor),
    new CurrentReads(auditor),
    new HistoryChecker(liveLease),
    ...HISTORY_JUDGES.map((judge) => new HistoryChecker(judge)),
  ];
}

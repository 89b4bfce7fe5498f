/**
 * The whole cluster in one process under virtual time, with a network and disks that misbehave. A program
 * (`main.ts`); what it exports are its judges of recorded histories, which judge real clusters too.
 */
export { judgeHistory } from "./checkers/judge-history.ts";
export type {
  Answer,
  AttributeValues,
  Counters,
  HistoryEvent,
  Operation,
} from "./history/event.ts";
export { History } from "./history/history.ts";

/** One run of one plan, as it is asked for and told across threads. */
import type { Violation } from "../checkers/checker.ts";
import type { Plan } from "../plan.ts";

export interface Job {
  readonly plan: Plan;
  /** Run it a second time and compare the traces, byte for byte. */
  readonly twice: boolean;
  /** Hand back the trace. */
  readonly trace: boolean;
}

export interface Outcome {
  readonly violations: readonly Violation[];
  readonly acknowledged: number;
  readonly tombstones: number;
  /** Strikes that were carried out. */
  readonly faults: number;
  /** Of the first run, virtual ms and events. */
  readonly virtualMs: number;
  readonly steps: number;
  /** Real ms in the thread, all runs together. */
  readonly ms: number;
  /** Runs that were made: 1, or 2 when it was to run twice. */
  readonly runs: number;
  /** Empty unless it was asked for. */
  readonly trace: readonly string[];
}

/** The outcome of a plan that has none, because it threw, hung, or took the thread with it. */
export function lostOutcome(violation: Violation, ms: number): Outcome {
  const none = { acknowledged: 0, tombstones: 0, faults: 0, virtualMs: 0, steps: 0 };
  return { ...none, violations: [violation], ms, runs: 1, trace: [] };
}

/** What crosses threads: a trial on its way in, what it came to on its way out. */
import type { Violation } from "../src/checkers/checker.ts";
import type { Plan } from "../src/plan.ts";
import type { ScenarioName } from "./scenario-name.ts";

export interface Trial {
  readonly plan: Plan;
  readonly scenario: ScenarioName | undefined;
}

export interface Verdict {
  /** Strikes that were carried out. */
  readonly faults: number;
  readonly acknowledged: number;
  /** Promises found broken, one for each checker that found any; empty when all held. */
  readonly violations: readonly Violation[];
}

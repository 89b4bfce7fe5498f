/**
 * A planted bug: real source text and the wrong text in its place. Nothing of it is in what ships; the
 * wrong behaviour exists only in a bundle that is built for the hunt and thrown away.
 */
import type { Plan } from "../src/plan.ts";
import type { ScenarioName } from "./scenario-name.ts";

/** One change of one file: `find` must stand in it exactly once. */
export interface Patch {
  /** Below `packages/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface PlantedBug {
  /** In kebab case, what the code does wrong. */
  readonly name: string;
  /** The promise that it breaks, in words. */
  readonly promise: string;
  readonly patches: readonly Patch[];
  /**
   * Checkers of which one must see it, the most telling first: names of `src/checkers`, or `run`, `nemesis` and
   * `scenario` for what these judge themselves.
   */
  readonly caughtBy: readonly string[];
  /** Within so many seeds it must be caught: about three times what was measured. */
  readonly seedsMax: number;
  /** In the gate's short list. */
  readonly gate?: boolean;
  /** What the run must have for the bug to matter; the plan of the seed as it is by default. */
  readonly plan?: (plan: Plan) => Plan;
  /** Leads the cluster into the corner where the bug matters, in place of strikes. */
  readonly scenario?: ScenarioName;
}

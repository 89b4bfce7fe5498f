/** All judges of a run, fresh; told in this order of everything that happens. */
import type { Checker } from "./checker.ts";

/** What the judges need to know of the run beforehand. */
export interface CheckerOptions {
  /** Nodes of the cluster, 1 … this. */
  readonly nodes: number;
}

export function allCheckers(_options: CheckerOptions): Checker[] {
  return [];
}

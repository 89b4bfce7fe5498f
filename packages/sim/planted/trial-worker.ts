/**
 * What the bundle runs in a thread of its own: trials come in, verdicts go out. Everything that it imports
 * is inside the bundle, with the planted bug or without.
 */
import { parentPort } from "node:worker_threads";
import type { Violation } from "../src/checkers/checker.ts";
import { execute } from "../src/run.ts";
import { SCENARIOS } from "./scenarios.ts";
import type { Trial, Verdict } from "./verdict.ts";

function judge({ plan, scenario }: Trial): Verdict {
  try {
    const direction = scenario === undefined ? undefined : SCENARIOS[scenario];
    const { violations, faults, acknowledged } = execute(plan, direction);
    return { faults, acknowledged, violations: oneEach(violations) };
  } catch (error) {
    // An assertion of the product: a real process stops there.
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const promise = "the code's own assertions hold";
    return { faults: 0, acknowledged: 0, violations: [{ checker: "assertion", promise, what }] };
  }
}

/** The first finding of each checker. */
function oneEach(violations: readonly Violation[]): Violation[] {
  const seen = new Set<string>();
  return violations.filter(({ checker }) => seen.size < seen.add(checker).size);
}

parentPort?.on("message", (trial: Trial) => parentPort?.postMessage(judge(trial)));

/** Runs a job in the thread that it is in. What throws is a broken promise too: a real process would stop. */
import type { Violation } from "../checkers/checker.ts";
import { execute, type RunResult } from "../run.ts";
import { type Job, lostOutcome, type Outcome } from "./trial.ts";

export function runJob(job: Job): Outcome {
  const began = performance.now();
  try {
    const first = execute(job.plan);
    const violations = [...first.violations];
    if (job.twice) violations.push(...compare(first, execute(job.plan)));
    const { acknowledged, tombstones, faults, virtualMs, steps } = first;
    const trace = job.trace ? first.trace : [];
    const ms = performance.now() - began;
    const runs = job.twice ? 2 : 1;
    return { violations, acknowledged, tombstones, faults, virtualMs, steps, ms, runs, trace };
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const promise = "the code's own assertions hold";
    return lostOutcome({ checker: "assertion", promise, what }, performance.now() - began);
  }
}

function compare(first: RunResult, second: RunResult): Violation[] {
  const length = Math.max(first.trace.length, second.trace.length);
  for (let at = 0; at < length; at++) {
    const [one, other] = [first.trace[at], second.trace[at]];
    if (one !== other) return [differs(`line ${at + 1}: "${one}", then "${other}"`)];
  }
  if (first.steps === second.steps) return [];
  return [differs(`equal traces, but ${first.steps} events, then ${second.steps}`)];
}

function differs(what: string): Violation {
  const promise = "the same plan runs the same, byte for byte";
  return { checker: "determinism", promise, what };
}

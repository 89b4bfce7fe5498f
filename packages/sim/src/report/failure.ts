/** What is said of a plan that broke a promise. */
import type { Violation } from "../checkers/checker.ts";
import type { Plan } from "../plan.ts";
import { describeStrike } from "./timeline.ts";

export interface Failure {
  /** Such as "seed 42". */
  readonly name: string;
  /** The one line with which it is seen again. */
  readonly replay: string;
  readonly plan: Plan;
  readonly violations: readonly Violation[];
}

const VIOLATIONS_SHOWN = 5;
const WHAT_MAX = 600;

export function describeFailure(failure: Failure, commit: string): string[] {
  const { name, replay, violations } = failure;
  const lines = [`FAILED ${name}, commit ${commit}`];
  for (const { checker, promise, what } of violations.slice(0, VIOLATIONS_SHOWN)) {
    lines.push(`  broken: ${promise}`, `    found by ${checker}: ${what.slice(0, WHAT_MAX)}`);
  }
  const more = violations.length - VIOLATIONS_SHOWN;
  if (more > 0) lines.push(`  and ${more} more`);
  lines.push(`  replay: ${replay}`);
  return lines;
}

/** What shrinking made of a plan, and what is left of it. */
export function describeShrunk(before: Plan, after: Plan): string[] {
  const lines = [`  shrunk from ${describeSize(before)}`, `           to ${describeSize(after)}`];
  for (const strike of after.strikes) lines.push(`    ${describeStrike(strike)}`);
  return lines;
}

function describeSize({ strikes, nodes, faultyMs, workload }: Plan): string {
  const { senders, workers, readers, administrators, movers, queues } = workload;
  const clients = senders + workers + readers + administrators + movers;
  return (
    `${strikes.length} strikes, ${nodes} nodes, ${faultyMs / 1_000} s, ` +
    `${clients} clients, ${queues.length} queues`
  );
}

/**
 * Makes a plan that fails as simple as can be while it fails in the same way: fewer strikes, then fewer
 * nodes, less time, fewer clients, calmer surroundings, until nothing more can go or the time is over.
 */
import type { Violation } from "../checkers/checker.ts";
import type { Plan } from "../plan.ts";
import { type FirstFailing, minimise } from "./ddmin.ts";
import { SIMPLIFICATIONS, type Simplification } from "./simpler.ts";

/** Whether a run failed as another did: the same checker found the same promise broken. */
export function failsLike(failure: Violation, violations: readonly Violation[]): boolean {
  return violations.some(
    ({ checker, promise }) => checker === failure.checker && promise === failure.promise,
  );
}

/** `plan` fails; so does what comes back. `firstFailing` says undefined when there is no time left. */
export async function shrink(plan: Plan, firstFailing: FirstFailing<Plan>): Promise<Plan> {
  let best = plan;
  for (;;) {
    const before = best;
    best = await fewerStrikes(best, firstFailing);
    for (const simplification of SIMPLIFICATIONS) {
      best = await simplified(best, simplification, firstFailing);
    }
    if (best === before) return best;
  }
}

async function fewerStrikes(plan: Plan, firstFailing: FirstFailing<Plan>): Promise<Plan> {
  const strikes = await minimise(plan.strikes, (candidates) =>
    firstFailing(candidates.map((each) => ({ ...plan, strikes: each }))),
  );
  return strikes.length === plan.strikes.length ? plan : { ...plan, strikes };
}

async function simplified(
  plan: Plan,
  simplification: Simplification,
  firstFailing: FirstFailing<Plan>,
): Promise<Plan> {
  let best = plan;
  for (;;) {
    const candidates = simplification(best);
    const at = candidates.length === 0 ? undefined : await firstFailing(candidates);
    const found = at === undefined ? undefined : candidates[at];
    if (found === undefined) return best;
    best = found;
  }
}

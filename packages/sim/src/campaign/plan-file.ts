/** Plans as JSON text. What is read must have the shape of a plan that is drawn today, or it would run as another. */
import { type Plan, planOf } from "../plan.ts";

/** A text that is no plan, or one of another time. */
export class PlanError extends Error {
  override readonly name = "PlanError";
}

export function writePlan(plan: Plan): string {
  return `${JSON.stringify(plan, undefined, 2)}\n`;
}

/** Throws `PlanError`. */
export function readPlan(text: string): Plan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new PlanError(`not JSON: ${String(error)}`);
  }
  return decodePlan(value);
}

/** Throws `PlanError`. */
export function decodePlan(value: unknown): Plan {
  const { strikes: _, ...sample } = planOf(1, { faultyMs: 1_000 });
  const { movers: __, rare: ___, ...workload } = sample.workload;
  checkShape(value, { ...sample, workload }, "plan");
  const strikes = field(value, "strikes");
  if (!Array.isArray(strikes)) throw new PlanError("plan.strikes must be a list");
  for (const strike of strikes) {
    if (typeof field(strike, "kind") !== "string" || typeof field(strike, "atMs") !== "number") {
      throw new PlanError("each of plan.strikes has a kind and a time");
    }
  }
  // Decoder: the shape was checked against a plan.
  const plan = value as Plan;
  // Plans of before there were move tasks have no movers.
  return { ...plan, workload: { ...plan.workload, movers: plan.workload.movers ?? 0 } };
}

/** Every part of `sample` must be in `value`, of the same type. Items of a list are like the sample's first. */
function checkShape(value: unknown, sample: unknown, path: string): void {
  if (Array.isArray(sample)) {
    if (!Array.isArray(value)) throw new PlanError(`${path} must be a list`);
    const [first] = sample;
    if (first === undefined) return;
    for (const [at, item] of value.entries()) checkShape(item, first, `${path}[${at}]`);
  } else if (typeof sample === "object" && sample !== null) {
    for (const [key, part] of Object.entries(sample)) {
      checkShape(field(value, key), part, `${path}.${key}`);
    }
  } else if (typeof value !== typeof sample) {
    throw new PlanError(`${path} must be a ${typeof sample}`);
  }
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

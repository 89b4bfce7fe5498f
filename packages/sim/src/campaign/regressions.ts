/**
 * Every seed that ever failed. What a seed means changes whenever the drawing does, so an entry may hold
 * the whole plan instead, shrunk, which means the same for good.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Plan, type PlanSize, planOf } from "../plan.ts";
import { decodePlan, PlanError } from "./plan-file.ts";

export interface Regression {
  /** What went wrong, in a sentence. */
  readonly symptom: string;
  /** ISO date of the day on which it was found. */
  readonly found: string;
  /** The commit that fixed it. */
  readonly fixedBy: string;
  readonly plan: Plan;
}

const PATH = fileURLToPath(new URL("../../seeds/regressions.json", import.meta.url));

/** Throws `PlanError`. */
export function readRegressions(): Regression[] {
  const list: unknown = JSON.parse(readFileSync(PATH, "utf8"));
  if (!Array.isArray(list)) throw new PlanError("the regressions are a list");
  return list.map(decode);
}

/** Seeds are marked with the kinds of queues that there were, and mean what they meant then. */
function sizeOf(
  faultyMs: number,
  has: { readonly fifo: boolean; readonly fair: boolean },
): PlanSize {
  if (has.fair) return { faultyMs };
  return { faultyMs, only: has.fifo ? "fifo" : "standard" };
}

function decode(value: unknown, at: number): Regression {
  const entry = new Map<string, unknown>(
    typeof value === "object" && value !== null ? Object.entries(value) : [],
  );
  const text = (key: string): string => {
    const found = entry.get(key);
    if (typeof found === "string" && found !== "") return found;
    throw new PlanError(`regression ${at + 1}: ${key} is missing`);
  };
  const number = (key: string): number => {
    const found = entry.get(key);
    if (typeof found === "number" && found >= 0) return found;
    throw new PlanError(`regression ${at + 1}: ${key} is missing`);
  };
  const stored = entry.get("plan");
  const plan =
    stored === undefined
      ? planOf(
          number("seed"),
          sizeOf(number("virtualSeconds") * 1_000, {
            fifo: entry.get("fifo") === true,
            fair: entry.get("fair") === true,
          }),
        )
      : decodePlan(stored);
  return { symptom: text("symptom"), found: text("found"), fixedBy: text("fixedBy"), plan };
}

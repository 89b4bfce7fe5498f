/** Shrinks a failure within a time, and writes what is left of it where it can be run again. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Plan } from "../plan.ts";
import { describeShrunk, type Failure } from "../report/failure.ts";
import { renderTimeline, untilBroken } from "../report/timeline.ts";
import { failsLike, shrink } from "../shrink/shrink.ts";
import { writePlan } from "./plan-file.ts";
import type { Pool } from "./pool.ts";
import type { Job } from "./trial.ts";

/** A failure as simple as it could be made. */
export interface Shrunk {
  readonly name: string;
  readonly plan: Plan;
  /** Where the plan is, to be run again. */
  readonly path: string;
  readonly replay: string;
}

export interface ShrinkOptions {
  readonly shrinkMs: number;
  readonly twice: boolean;
  readonly folder: string;
  say(line: string): void;
}

/** Lines of the trace that are printed; all of them are in the file. */
const LINES_SHOWN = 40;

export async function shrinkFailure(
  failure: Failure,
  pool: Pool,
  { shrinkMs, twice, folder, say }: ShrinkOptions,
): Promise<Shrunk> {
  const [first] = failure.violations;
  const untilMs = performance.now() + shrinkMs;
  const firstFailing = (plans: readonly Plan[]): Promise<number | undefined> =>
    pool.firstFailing(
      plans.map((plan): Job => ({ plan, twice, trace: false })),
      ({ violations }) => first !== undefined && failsLike(first, violations),
      untilMs,
    );
  const failsAgain = (await firstFailing([failure.plan])) !== undefined;
  const plan = failsAgain ? await shrink(failure.plan, firstFailing) : failure.plan;
  const last = await pool.run({ plan, twice, trace: true });
  const base = join(folder, failure.name.replaceAll(/[^a-z0-9-]+/gi, "-").replace(/^seed-/, ""));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${base}.json`, writePlan(plan));
  writeFileSync(`${base}.trace.txt`, `${renderTimeline(last.trace).join("\n")}\n`);
  const path = relative(process.cwd(), `${base}.json`);
  const replay = `npm run sim -- --plan ${path}${twice ? " --twice" : ""}`;
  say(`${failure.name}, shrunk:`);
  for (const line of describeShrunk(failure.plan, plan)) say(line);
  for (const { checker, promise, what } of last.violations.slice(0, 3)) {
    say(`  broken: ${promise}`);
    say(`    found by ${checker}: ${what.slice(0, 600)}`);
  }
  if (!failsAgain)
    say("  it did not fail again: a thread remembers what an earlier run did, or was slow");
  for (const line of renderTimeline(untilBroken(last.trace, LINES_SHOWN))) say(`  ${line}`);
  say(`  replay: ${replay}`);
  say(`  all of the trace: ${relative(process.cwd(), `${base}.trace.txt`)}`);
  return { name: failure.name, plan, path, replay };
}

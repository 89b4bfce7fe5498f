/**
 * Hunts planted bugs: builds a bundle with the bug in it and runs seeds until a checker sees it, then runs
 * the same plans on the code as it ships, which must pass them all.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Violation } from "../src/checkers/checker.ts";
import { planOf } from "../src/plan.ts";
import type { PlantedBug } from "./bug.ts";
import { bundle } from "./bundle.ts";
import { StalePatch } from "./patch.ts";
import { TrialThread } from "./trial.ts";
import type { Trial } from "./verdict.ts";

/** Virtual ms of load with faults, unless the bug's plan says otherwise. */
const FAULTY_MS = 8_000;

export type Outcome =
  /** A checker that was expected saw it. */
  | { readonly kind: "caught"; readonly by: string; readonly seed: number; readonly what: string }
  /** It was seen, but by none of the checkers that should see it first. */
  | { readonly kind: "surprise"; readonly by: string; readonly seed: number; readonly what: string }
  | { readonly kind: "missed" }
  /** The code as it ships breaks a promise under the same plan. */
  | { readonly kind: "unsound"; readonly by: string; readonly seed: number; readonly what: string }
  | { readonly kind: "stale"; readonly what: string };

export interface Catch {
  readonly bug: PlantedBug;
  readonly outcome: Outcome;
  readonly seconds: number;
}

export interface HuntOptions {
  /** Bugs hunted at a time, each in a thread. */
  readonly threads: number;
  /** Seeds are 1, 2, … from here. */
  readonly firstSeed: number;
  /** In place of each bug's own number. */
  readonly seedsMax: number | undefined;
  /** Called as each is done. */
  readonly done: (caught: Catch) => void;
}

/** Hunts all of them; the results are in the order of `bugs`. */
export async function hunt(bugs: readonly PlantedBug[], options: HuntOptions): Promise<Catch[]> {
  const folder = await mkdtemp(join(tmpdir(), "planted-bugs-"));
  try {
    return await new Hunt(folder, options).run(bugs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class Hunt {
  readonly #folder: string;
  readonly #options: HuntOptions;
  readonly #soundBundle: Promise<string>;
  /** Trials that the code as it ships has passed. */
  readonly #passed = new Set<string>();

  constructor(folder: string, options: HuntOptions) {
    this.#folder = folder;
    this.#options = options;
    const path = join(folder, "sound.mjs");
    this.#soundBundle = bundle([], path).then(() => path);
  }

  async run(bugs: readonly PlantedBug[]): Promise<Catch[]> {
    const results = new Map<PlantedBug, Catch>();
    const queue = [...bugs];
    const work = async (): Promise<void> => {
      for (;;) {
        const bug = queue.shift();
        if (bug === undefined) return;
        const began = performance.now();
        const outcome = await this.#huntOne(bug);
        const caught = { bug, outcome, seconds: (performance.now() - began) / 1_000 };
        results.set(bug, caught);
        this.#options.done(caught);
      }
    };
    await Promise.all(Array.from({ length: this.#options.threads }, work));
    return bugs.flatMap((bug) => results.get(bug) ?? []);
  }

  async #huntOne(bug: PlantedBug): Promise<Outcome> {
    const path = join(this.#folder, `${bug.name}.mjs`);
    try {
      await bundle(bug.patches, path);
    } catch (error) {
      if (error instanceof StalePatch) return { kind: "stale", what: error.message };
      throw error;
    }
    const trials = this.#trialsOf(bug);
    const seen = await runTrials(path, trials, (violations) => isExpected(bug, violations));
    const last = seen.at(-1);
    if (last === undefined) return { kind: "missed" };
    const unsound = await this.#checkSound(trials.slice(0, last.at + 1));
    return unsound ?? judge(bug, last);
  }

  #trialsOf(bug: PlantedBug): Trial[] {
    const { firstSeed, seedsMax = bug.seedsMax } = this.#options;
    return Array.from({ length: seedsMax }, (_, i) => {
      const plan = planOf(firstSeed + i, { faultyMs: FAULTY_MS });
      return { plan: bug.plan === undefined ? plan : bug.plan(plan), scenario: bug.scenario };
    });
  }

  /** Makes the trials on the code without the bug; tells what it broke, if anything. */
  async #checkSound(trials: readonly Trial[]): Promise<Outcome | undefined> {
    const fresh = trials.filter((trial) => !this.#passed.has(JSON.stringify(trial)));
    const [seen] = await runTrials(await this.#soundBundle, fresh, () => true);
    if (seen === undefined) {
      for (const trial of fresh) this.#passed.add(JSON.stringify(trial));
      return undefined;
    }
    const seed = fresh[seen.at]?.plan.seed ?? 0;
    return { kind: "unsound", seed, ...told(seen.violations) };
  }
}

function isExpected(bug: PlantedBug, violations: readonly Violation[]): boolean {
  return violations.some(({ checker }) => bug.caughtBy.includes(checker));
}

/** The checkers that should see the bug come before others that see its consequences. */
function judge(bug: PlantedBug, seen: Seen): Outcome {
  const seed = seen.at + 1;
  for (const name of bug.caughtBy) {
    const expected = seen.violations.filter(({ checker }) => checker === name);
    if (expected.length > 0) return { kind: "caught", seed, ...told(expected) };
  }
  return { kind: "surprise", seed, ...told(seen.violations) };
}

/** The checkers' names, and what the first of them saw. */
function told(violations: readonly Violation[]): { readonly by: string; readonly what: string } {
  const by = violations.map(({ checker }) => checker).join(", ");
  const [first] = violations;
  return { by, what: first === undefined ? "" : `${first.promise}: ${first.what}` };
}

interface Seen {
  /** Place among the trials, from 0. */
  readonly at: number;
  readonly violations: readonly Violation[];
}

/** Makes the trials in turn until one breaks promises that are enough; gives all that broke any. */
async function runTrials(
  bundlePath: string,
  trials: readonly Trial[],
  isEnough: (violations: readonly Violation[]) => boolean,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  if (trials.length === 0) return seen;
  const thread = new TrialThread(bundlePath);
  try {
    for (const [at, trial] of trials.entries()) {
      const { violations } = await thread.run(trial);
      if (violations.length === 0) continue;
      seen.push({ at, violations });
      if (isEnough(violations) || thread.isStuck) break;
    }
    return seen;
  } finally {
    await thread.stop();
  }
}

/**
 * Many runs, as many at a time as there are threads: counts them, tells of failures as they come, and then
 * shrinks the first failure of each kind.
 */
import type { Plan } from "../plan.ts";
import { planOf } from "../plan.ts";
import { describeFailure, type Failure } from "../report/failure.ts";
import { describeProgress, NO_TALLY, type Tally } from "../report/progress.ts";
import type { CampaignOptions } from "./options.ts";
import { Pool } from "./pool.ts";
import { type Shrunk, shrinkFailure } from "./shrinking.ts";
import type { Outcome } from "./trial.ts";

/** One plan, and how it is called. */
export interface Trial {
  /** Such as "seed 42". */
  readonly name: string;
  readonly plan: Plan;
  readonly replay: string;
}

export interface CampaignPorts {
  /** Prints a line for people. */
  say(line: string): void;
  /** Shows how far it is; the next call may write over it. */
  show(line: string): void;
  readonly commit: string;
  /** Where shrunk plans are written. */
  readonly folder: string;
}

export interface CampaignResult {
  readonly tally: Tally;
  readonly elapsedMs: number;
  readonly failures: readonly Failure[];
  readonly shrunk: readonly Shrunk[];
}

/** A run that takes this long, real ms, will not end: a sound one takes a second. */
const JOB_LIMIT_MS = 120_000;
const SHOW_EVERY_MS = 1_000;

export class Campaign {
  readonly #options: CampaignOptions;
  readonly #ports: CampaignPorts;
  readonly #failures: Failure[] = [];
  readonly #began: number = performance.now();
  #tally: Tally = NO_TALLY;

  constructor(options: CampaignOptions, ports: CampaignPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Runs trials until there are no more, `total` of them if somebody knows. */
  async run(trials: Iterator<Trial>, total: number | undefined): Promise<CampaignResult> {
    const pool = new Pool({ threads: this.#options.workers, jobLimitMs: JOB_LIMIT_MS });
    const timer = setInterval(() => this.#show(total), SHOW_EVERY_MS);
    try {
      await Promise.all(Array.from({ length: pool.threads }, () => this.#work(pool, trials)));
      const elapsedMs = performance.now() - this.#began;
      clearInterval(timer);
      const shrunk = await this.#shrinkAll(pool);
      return { tally: this.#tally, elapsedMs, failures: this.#failures, shrunk };
    } finally {
      clearInterval(timer);
      await pool.close();
    }
  }

  async #work(pool: Pool, trials: Iterator<Trial>): Promise<void> {
    const { twice, trace, failuresMax } = this.#options;
    while (this.#failures.length < failuresMax) {
      const next = trials.next();
      if (next.done === true) return;
      const trial = next.value;
      const outcome = await pool.run({ plan: trial.plan, twice, trace });
      this.#count(outcome);
      if (trace) for (const line of outcome.trace) this.#ports.say(line);
      if (outcome.violations.length > 0) this.#fail({ ...trial, violations: outcome.violations });
    }
  }

  #fail(failure: Failure): void {
    this.#failures.push(failure);
    for (const line of describeFailure(failure, this.#ports.commit)) this.#ports.say(line);
  }

  #count(outcome: Outcome): void {
    const tally = this.#tally;
    this.#tally = {
      plans: tally.plans + 1,
      runs: tally.runs + outcome.runs,
      failures: tally.failures + (outcome.violations.length > 0 ? 1 : 0),
      acknowledged: tally.acknowledged + outcome.acknowledged,
      tombstones: tally.tombstones + outcome.tombstones,
      faults: tally.faults + outcome.faults,
      virtualMs: tally.virtualMs + outcome.virtualMs,
      steps: tally.steps + outcome.steps,
      threadMs: tally.threadMs + outcome.ms,
    };
  }

  #show(total: number | undefined): void {
    const elapsedMs = performance.now() - this.#began;
    const { source } = this.#options;
    const forMs = source.kind === "seeds" ? source.forMs : undefined;
    const { plans } = this.#tally;
    const byCount = total === undefined ? undefined : (elapsedMs * (total - plans)) / plans;
    const byTime = forMs === undefined ? undefined : forMs - elapsedMs;
    const left = Math.min(byCount ?? byTime ?? Number.NaN, byTime ?? byCount ?? Number.NaN);
    const known = Number.isFinite(left) ? Math.max(0, left) : undefined;
    this.#ports.show(describeProgress(this.#tally, elapsedMs, known));
  }

  /** Failures of one kind, the same promise found broken by the same checker, have one cause more often than not. */
  async #shrinkAll(pool: Pool): Promise<Shrunk[]> {
    const { shrinkMs, twice } = this.#options;
    if (shrinkMs === 0) return [];
    const kinds = new Map<string, Failure>();
    for (const failure of this.#failures) {
      const [first] = failure.violations;
      const kind = `${first?.checker}: ${first?.promise}`;
      if (!kinds.has(kind)) kinds.set(kind, failure);
    }
    const shrunk: Shrunk[] = [];
    for (const failure of kinds.values()) {
      this.#ports.show(`shrinking ${failure.name}`);
      const { say, folder } = this.#ports;
      shrunk.push(await shrinkFailure(failure, pool, { shrinkMs, twice, say, folder }));
    }
    return shrunk;
  }
}

/** Seeds from `first` on, until there are `count` or the time is over. */
export function* trialsOfSeeds(
  first: number,
  count: number | undefined,
  options: { readonly untilMs: number; readonly faultyMs: number; readonly twice: boolean },
): Generator<Trial, undefined> {
  for (let seed = first; count === undefined || seed < first + count; seed++) {
    if (performance.now() >= options.untilMs) return undefined;
    yield trialOfSeed(seed, options.faultyMs, options.twice);
  }
  return undefined;
}

function trialOfSeed(seed: number, faultyMs: number, twice: boolean): Trial {
  const replay = `npm run sim -- --seed ${seed} --virtual ${faultyMs / 1_000}`;
  const plan = planOf(seed, { faultyMs });
  return { name: `seed ${seed}`, plan, replay: twice ? `${replay} --twice` : replay };
}

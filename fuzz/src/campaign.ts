/**
 * Runs one target: samples first, then input after input made of them, until the budget is spent or a promise
 * is broken. A failing input is minimised in fresh sessions, so that it can be replayed alone.
 */
import { Prng } from "@kqueuey/base";
import { Coverage } from "./coverage.ts";
import { describeGrowth, heldBytes } from "./memory.ts";
import { minimise } from "./minimise.ts";
import { Mutator } from "./mutate.ts";
import { Strays } from "./strays.ts";
import { BrokenPromise, type Session, type Target } from "./target.ts";
import type { Watchdog } from "./watchdog.ts";

export interface Budget {
  readonly inputs: number;
  readonly seconds: number;
  /** Whether inputs that run new code are kept: slower for each input, and much better at finding its way. */
  readonly guided: boolean;
}

export interface Failure {
  readonly error: Error;
  readonly input: Uint8Array;
  readonly minimised: Uint8Array;
}

export interface Outcome {
  readonly inputs: number;
  readonly tookMs: number;
  /** Blocks of our code that were run; 0 when nobody counted. */
  readonly features: number;
  readonly corpus: number;
  readonly failure: Failure | undefined;
}

const CORPUS_BYTES_MAX: number = 8 * 1_048_576;
const MINIMISE_MS = 30_000;
/** Coverage is counted for the first part of every period: the rest of it, inputs run at full speed. */
const GUIDED_MS = { of: 1_000, outOf: 3_000 } as const;

export async function campaign(
  target: Target,
  seed: number,
  parts: { readonly budget: Budget; readonly watchdog: Watchdog },
): Promise<Outcome> {
  const run = new Run(target, seed, parts);
  try {
    return await run.go();
  } finally {
    run.end();
  }
}

/** Runs one input in a fresh session; what it broke, or undefined. */
export async function replay(
  target: Target,
  seed: number,
  input: Uint8Array,
): Promise<Error | undefined> {
  const strays = new Strays();
  try {
    const session = await target.open(new Prng(seed));
    const error = await attempt(async () => {
      await session.run(input.slice());
      await strays.settle();
    });
    const closing = await attempt(async () => session.close?.());
    return error ?? closing;
  } finally {
    strays.close();
  }
}

class Run {
  readonly #target: Target;
  readonly #seed: number;
  readonly #budget: Budget;
  readonly #watchdog: Watchdog;
  readonly #random: Prng;
  readonly #mutator: Mutator;
  readonly #strays = new Strays();
  readonly #coverage: Coverage | undefined;
  readonly #corpus: Uint8Array[] = [];
  #corpusBytes = 0;
  #inputs = 0;
  #features = 0;

  constructor(
    target: Target,
    seed: number,
    parts: { readonly budget: Budget; readonly watchdog: Watchdog },
  ) {
    this.#target = target;
    this.#seed = seed;
    this.#budget = parts.budget;
    this.#watchdog = parts.watchdog;
    this.#random = new Prng(seed);
    this.#mutator = new Mutator(this.#random.fork(), () => this.#corpus);
    this.#coverage = parts.budget.guided ? new Coverage() : undefined;
  }

  async go(): Promise<Outcome> {
    const startedMs = performance.now();
    const session = await this.#target.open(new Prng(this.#seed));
    for (const sample of session.samples) this.#keep(sample);
    const failure = await this.#feed(session, startedMs + this.#budget.seconds * 1_000);
    const closing = await attempt(async () => session.close?.());
    const whole = failure ?? (closing === undefined ? undefined : unreplayable(closing));
    return {
      inputs: this.#inputs,
      tookMs: performance.now() - startedMs,
      features: this.#features,
      corpus: this.#corpus.length,
      failure: whole,
    };
  }

  end(): void {
    this.#strays.close();
    this.#coverage?.close();
  }

  /** All inputs, and what the first that broke something broke. */
  async #feed(session: Session, endMs: number): Promise<Failure | undefined> {
    for (const sample of session.samples) {
      this.#coverage?.start();
      const error = await this.#try(session, sample);
      if (error !== undefined) return await this.#shrink(error, sample);
    }
    let baseline: { readonly held: number; readonly corpusBytes: number } | undefined;
    const warmMs = performance.now() + (endMs - performance.now()) / 5;
    while (this.#inputs < this.#budget.inputs && performance.now() < endMs) {
      const warm = this.#inputs >= this.#budget.inputs / 5 || performance.now() >= warmMs;
      if (baseline === undefined && warm) {
        baseline = { held: heldBytes(), corpusBytes: this.#corpusBytes };
      }
      this.#switchCoverage();
      const parent = this.#random.pick(this.#corpus);
      const input = session.mutate?.(parent, this.#mutator) ?? this.#mutator.bytes(parent);
      const error = await this.#try(session, input);
      if (error !== undefined) return await this.#shrink(error, input);
    }
    if (baseline === undefined) return undefined;
    const ours = this.#corpusBytes - baseline.corpusBytes + this.#features * 200;
    const growth = describeGrowth(baseline.held, ours);
    return growth === undefined ? undefined : unreplayable(new BrokenPromise(growth));
  }

  async #try(session: Session, input: Uint8Array): Promise<Error | undefined> {
    this.#inputs += 1;
    this.#watchdog.begin(input);
    let error: Error | undefined;
    try {
      const running = session.run(input.slice());
      // Most targets answer at once: no turn of the event loop for those.
      if (running !== undefined) await running;
      this.#strays.rethrow();
    } catch (thrown) {
      error = toError(thrown);
    }
    this.#watchdog.end();
    // A loop without a pause would never hear of what was thrown outside of `run`.
    if (this.#inputs % 1_000 === 0) error ??= await attempt(() => this.#strays.settle());
    if (error === undefined && this.#coverage?.counting === true) this.#learn(input);
    return error;
  }

  #switchCoverage(): void {
    if (performance.now() % GUIDED_MS.outOf < GUIDED_MS.of) this.#coverage?.start();
    else this.#coverage?.stop();
  }

  #learn(input: Uint8Array): void {
    const found = this.#coverage?.take() ?? 0;
    this.#features += found;
    if (found > 0) this.#keep(input);
  }

  #keep(input: Uint8Array): void {
    this.#corpus.push(input);
    this.#corpusBytes += input.length;
    while (this.#corpusBytes > CORPUS_BYTES_MAX && this.#corpus.length > 1) {
      const [dropped] = this.#corpus.splice(this.#random.between(0, this.#corpus.length - 2), 1);
      this.#corpusBytes -= dropped?.length ?? 0;
    }
  }

  async #shrink(error: Error, input: Uint8Array): Promise<Failure> {
    const kind = kindOf(error);
    const endMs = performance.now() + MINIMISE_MS;
    const minimised = await minimise(input, async (candidate) => {
      if (performance.now() > endMs) return false;
      const found = await replay(this.#target, this.#seed, candidate);
      return found !== undefined && kindOf(found) === kind;
    });
    return { error, input, minimised };
  }
}

function unreplayable(error: Error): Failure {
  return { error, input: new Uint8Array(0), minimised: new Uint8Array(0) };
}

async function attempt(work: () => void | Promise<void>): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    return toError(thrown);
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Two errors of one kind are one bug: the numbers in them differ. */
function kindOf(error: Error): string {
  return `${error.name}: ${error.message.split("\n", 1).join("").replace(/\d+/g, "#").slice(0, 120)}`;
}

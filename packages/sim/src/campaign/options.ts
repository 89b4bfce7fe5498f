/** What a campaign is told on its command line. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

export interface CampaignOptions {
  /** Where the plans come from. */
  readonly source: Source;
  /** Virtual ms of load with faults, of plans that are drawn. */
  readonly faultyMs: number;
  readonly workers: number;
  readonly twice: boolean;
  readonly trace: boolean;
  readonly json: boolean;
  /** Real ms that shrinking one failure may take; 0: failures are not shrunk. */
  readonly shrinkMs: number;
  /** The campaign ends early at so many failures. */
  readonly failuresMax: number;
}

export type Source =
  | {
      readonly kind: "seeds";
      readonly first: number;
      /** Undefined: as many as there is time for. */
      readonly count: number | undefined;
      /** Real ms; undefined: as long as it takes. */
      readonly forMs: number | undefined;
    }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "regressions" };

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

export const HELP: string = `Whole clusters under virtual time, one run for each seed, with faults and judges.

  npm run sim                              20 seeds that nobody has tried
  npm run sim -- --seeds 2000              more of them
  npm run sim -- --minutes 30              as many as come in half an hour
  npm run sim -- --seed 42 --trace         one seed again, with all that happened
  npm run sim -- --first 1 --seeds 100 --twice
                                           100 fixed seeds, each twice, with equal traces
  npm run sim -- --regressions             every seed and plan that ever failed
  npm run sim -- --plan .kqueuey/sim/42.json
                                           a plan that a failure was shrunk to

  --seeds N          how many seeds (20, or without limit with --minutes)
  --minutes M        minutes of real time in which new runs begin
  --first S          the first seed; by default one that depends on the time
  --seed S           this seed alone
  --plan FILE        this plan alone
  --regressions      the plans of packages/sim/seeds/regressions.json
  --virtual SECONDS  virtual seconds of load with faults (8)
  --workers K        threads (as many as processors)
  --twice            run each plan twice and compare the traces
  --trace            print what happened
  --json             print one JSON value at the end, progress to standard error
  --shrink SECONDS   time to shrink a failure in; 0: don't (60)
  --failures N       stop at so many failures (20)
  -h, --help         this text

Exit codes: 0 every promise held, 1 the program crashed, 2 the command line is wrong, 3 a promise was broken.
`;

/** Undefined: help is wanted. Throws `UsageError`. */
export function parseOptions(args: readonly string[], now: number): CampaignOptions | undefined {
  const flags = parseFlags(args);
  if (flags.help) return undefined;
  return {
    source: sourceOf(flags, now),
    faultyMs: Math.round(number("--virtual", flags.virtual, 0.1) * SECOND_MS),
    workers: whole("--workers", flags.workers, 1),
    twice: flags.twice,
    trace: flags.trace,
    json: flags.json,
    shrinkMs: number("--shrink", flags.shrink, 0) * SECOND_MS,
    failuresMax: whole("--failures", flags.failures, 1),
  };
}

interface Flags {
  readonly seed?: string | undefined;
  readonly first?: string | undefined;
  readonly seeds?: string | undefined;
  readonly minutes?: string | undefined;
  readonly plan?: string | undefined;
  readonly regressions: boolean;
  readonly virtual: string;
  readonly workers: string;
  readonly twice: boolean;
  readonly trace: boolean;
  readonly json: boolean;
  readonly shrink: string;
  readonly failures: string;
  readonly help: boolean;
}

function parseFlags(args: readonly string[]): Flags {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: { type: "string" },
        first: { type: "string" },
        seeds: { type: "string" },
        minutes: { type: "string" },
        plan: { type: "string" },
        regressions: { type: "boolean", default: false },
        virtual: { type: "string", default: "8" },
        workers: { type: "string", default: String(availableParallelism()) },
        twice: { type: "boolean", default: false },
        trace: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        shrink: { type: "string", default: "60" },
        failures: { type: "string", default: "20" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const SEEDS_BY_DEFAULT = 20;

function sourceOf(flags: Flags, now: number): Source {
  const { seed, plan, regressions, first, seeds, minutes } = flags;
  const chosen = [seed, plan, first ?? seeds ?? minutes].filter((each) => each !== undefined);
  if (chosen.length + (regressions ? 1 : 0) > 1) {
    throw new UsageError("only one of --seed, --plan, --regressions and --first/--seeds/--minutes");
  }
  if (plan !== undefined) return { kind: "file", path: plan };
  if (regressions) return { kind: "regressions" };
  if (seed !== undefined) {
    return { kind: "seeds", first: whole("--seed", seed, 0), count: 1, forMs: undefined };
  }
  const forMs = minutes === undefined ? undefined : number("--minutes", minutes, 0) * MINUTE_MS;
  const some = forMs === undefined ? SEEDS_BY_DEFAULT : undefined;
  return {
    kind: "seeds",
    first: first === undefined ? freshSeed(now) : whole("--first", first, 0),
    count: seeds === undefined ? some : whole("--seeds", seeds, 1),
    forMs,
  };
}

/** Another one every millisecond, and room for a campaign's seeds before the next one's. */
function freshSeed(now: number): number {
  return (now % 1_000_000_000) * 1_000;
}

function number(name: string, text: string, least: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value < least) {
    throw new UsageError(`${name} must be a number, ${least} or more, not "${text}"`);
  }
  return value;
}

function whole(name: string, text: string, least: number): number {
  const value = number(name, text, least);
  if (!Number.isSafeInteger(value)) throw new UsageError(`${name} must be a whole number`);
  return value;
}

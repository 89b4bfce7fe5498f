/**
 * `npm run sim`: campaigns of simulated runs. Exit codes: 0 every promise held, 1 the program crashed,
 * 2 the command line is wrong, 3 a promise was broken. `--help` says the rest.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Campaign, type CampaignResult, type Trial, trialsOfSeeds } from "./campaign/campaign.ts";
import { type CampaignOptions, HELP, parseOptions, UsageError } from "./campaign/options.ts";
import { PlanError, readPlan } from "./campaign/plan-file.ts";
import { readRegressions } from "./campaign/regressions.ts";
import { Screen } from "./campaign/screen.ts";
import { describeTally } from "./report/progress.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const EXIT = { well: 0, usage: 2, broken: 3 } as const;

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2), Date.now());
    if (options === undefined) {
      process.stdout.write(HELP);
      return EXIT.well;
    }
    return await runCampaign(options);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof PlanError)) throw error;
    console.error(`${error.message}\nnpm run sim -- --help says what there is.`);
    return EXIT.usage;
  }
}

async function runCampaign(options: CampaignOptions): Promise<number> {
  const { trials, total, title } = trialsOf(options);
  const commit = presentCommit();
  const say = options.json ? console.error : console.log;
  const screen = new Screen(say, options.json ? process.stderr : process.stdout);
  screen.say(`${title}, ${options.workers} threads, commit ${commit}`);
  const campaign = new Campaign(options, {
    say: (line) => screen.say(line),
    show: (line) => screen.show(line),
    commit,
    folder: join(ROOT, ".kqueuey", "sim"),
  });
  const result = await campaign.run(trials, total);
  for (const line of describeTally(result.tally, result.elapsedMs)) screen.say(line);
  screen.say(describeVerdict(result));
  if (options.json) console.log(JSON.stringify({ commit, ...result }, undefined, 2));
  return result.failures.length > 0 ? EXIT.broken : EXIT.well;
}

interface Trials {
  readonly trials: Iterator<Trial>;
  readonly total: number | undefined;
  readonly title: string;
}

function trialsOf({ source, faultyMs, twice }: CampaignOptions): Trials {
  switch (source.kind) {
    case "seeds": {
      const { first, count, forMs } = source;
      const untilMs = forMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + forMs;
      const trials = trialsOfSeeds(first, count, { untilMs, faultyMs, twice });
      const title = count === 1 ? `seed ${first}` : `seeds from ${first} on`;
      return { trials, total: count, title: `${title}, ${faultyMs / 1_000} s of faults each` };
    }
    case "file": {
      const plan = readPlan(readFileSync(source.path, "utf8"));
      const path = relative(ROOT, source.path);
      const trial = { name: path, plan, replay: `npm run sim -- --plan ${path}` };
      return { trials: [trial].values(), total: 1, title: `the plan ${path}` };
    }
    case "regressions": {
      const trials = readRegressions().map(({ symptom, plan }) => ({
        name: `regression "${symptom}"`,
        plan,
        replay: "npm run sim -- --regressions",
      }));
      const title = `${trials.length} regressions`;
      return { trials: trials.values(), total: trials.length, title };
    }
  }
}

function describeVerdict({ failures }: CampaignResult): string {
  if (failures.length === 0) return "every promise held";
  return `${failures.length} runs broke a promise: ${failures.map(({ name }) => name).join(", ")}`;
}

/** Without git, or in a copy, nobody knows. A tree that was changed is marked so. */
function presentCommit(): string {
  const git = (args: readonly string[]): string =>
    execFileSync("git", [...args], { cwd: ROOT, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    const commit = git(["rev-parse", "--short", "HEAD"]);
    return git(["status", "--porcelain", "-uno"]) === "" ? commit : `${commit}, changed`;
  } catch {
    return "unknown";
  }
}

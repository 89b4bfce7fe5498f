/**
 * `npm run sim:planted -- [--only NAME,…] [--list] [--json] [--gate] [--seed FIRST]
 * [--seeds COUNT] [--threads COUNT] [--write-docs]`: builds the simulator
 * with one planted bug at a time and shows that a checker catches it. Exit 0: every one was caught, 3: not.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { PlantedBug } from "./bug.ts";
import { PLANTED_BUGS } from "./catalogue.ts";
import { writeTable } from "./docs.ts";
import { type Catch, hunt } from "./hunt.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    list: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    gate: { type: "boolean", default: false },
    "write-docs": { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    seeds: { type: "string" },
    threads: { type: "string", default: String(Math.min(8, availableParallelism())) },
    help: { type: "boolean", short: "h", default: false },
  },
});

const HELP = `npm run sim:planted -- [flags]

Builds the simulator with one planted bug at a time and shows that a checker catches it.

  --only NAME,...   these bugs only; --list tells their names
  --list            the bugs and the promise that each breaks
  --gate            those that the test command hunts
  --seed FIRST      the first seed of each hunt (1)
  --seeds COUNT     at most so many seeds a bug, instead of as many as the bug is given
  --threads COUNT   hunts at a time (one for each processor, at most 8)
  --json            the results as JSON
  --write-docs      writes the table in docs/internals/simulation.md when all were caught

Examples:
  npm run sim:planted
  npm run sim:planted -- --only NAME --seed 40 --seeds 20

It ends with 0 when every bug was caught, else with 3.`;

function chosen(): readonly PlantedBug[] {
  if (values.gate) return PLANTED_BUGS.filter((bug) => bug.gate === true);
  const { only } = values;
  if (only === undefined) return PLANTED_BUGS;
  return only.split(",").map((name) => {
    const bug = PLANTED_BUGS.find((each) => each.name === name);
    if (bug === undefined) throw new Error(`no planted bug is called ${name}: see --list`);
    return bug;
  });
}

function describe({ bug, outcome, seconds }: Catch): string {
  const name = bug.name.padEnd(46);
  const time = `${seconds.toFixed(1)} s`.padStart(8);
  switch (outcome.kind) {
    case "caught":
      return `caught   ${name} ${outcome.by.padEnd(20)} seed ${outcome.seed} of ${bug.seedsMax} ${time}`;
    case "missed":
      return `MISSED   ${name} no checker in ${bug.seedsMax} seeds ${time}`;
    case "surprise":
      return `SURPRISE ${name} ${outcome.by} at seed ${outcome.seed}: ${outcome.what.slice(0, 300)}`;
    case "unsound":
      return `UNSOUND  ${name} without the bug, ${outcome.by} at seed ${outcome.seed}: ${outcome.what}`;
    case "stale":
      return `STALE    ${name} ${outcome.what}`;
  }
}

const bugs = values.help ? [] : chosen();
if (values.help) {
  console.log(HELP);
} else if (values.list) {
  for (const { name, promise } of bugs) console.log(`${name.padEnd(46)} ${promise}`);
} else {
  const results = await hunt(bugs, {
    threads: Number(values.threads),
    firstSeed: Number(values.seed),
    seedsMax: values.seeds === undefined ? undefined : Number(values.seeds),
    done: (caught) => {
      if (!values.json) console.log(describe(caught));
    },
  });
  if (values.json) console.log(JSON.stringify(results, undefined, 2));
  const failed = results.filter(({ outcome }) => outcome.kind !== "caught").length;
  if (!values.json) console.log(`${results.length - failed} of ${results.length} caught`);
  process.exitCode = failed > 0 || results.length === 0 ? 3 : 0;
  if (values["write-docs"] && failed === 0) await writeTable(results);
}

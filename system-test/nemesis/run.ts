/** One run: a cluster, load on it, the strikes of a plan, and what the history says in the end. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Arena } from "./arena.ts";
import { Load } from "./load.ts";
import { Nemesis } from "./nemesis.ts";
import type { Plan } from "./plan.ts";

export interface RunReport {
  readonly plan: Plan;
  /** Broken promises, in words; empty when all was well. */
  readonly violations: readonly string[];
  /** What the load did, in one line. */
  readonly summary: string;
  /** What this machine did not let us do. */
  readonly leftOut: readonly string[];
  readonly journal: readonly string[];
}

export interface RunOptions {
  /** Where a failing run leaves its plan, journal, logs and history. */
  readonly keepIn: string;
  readonly onLine?: (line: string) => void;
  /** Ends the run before its next strike. */
  readonly signal?: AbortSignal;
}

/** Sends that must have been acknowledged between two strikes. */
const BETWEEN = 100;

export async function runPlan(plan: Plan, options: RunOptions): Promise<RunReport> {
  const beganMs = performance.now();
  const journal: string[] = [];
  const log = (line: string): void => {
    const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1);
    journal.push(`${seconds} s  ${line}`);
    options.onLine?.(`${seconds} s  ${line}`);
  };
  const arena = await Arena.create({ nodes: plan.nodes });
  const load = new Load({ endpoints: arena.cluster.endpoints, bodyBytes: plan.bodyBytes });
  const violations: string[] = [];
  try {
    for (const reason of arena.leftOut) log(`left out: ${reason}`);
    await arena.begin();
    await load.start();
    await load.acknowledged(BETWEEN);
    const nemesis = new Nemesis(arena, log);
    for (const strike of plan.strikes) {
      if (options.signal?.aborted === true) break;
      await nemesis.strike(strike);
      await load.acknowledged(BETWEEN);
    }
    await load.drain();
    log(load.summary());
    violations.push(...load.violations());
  } catch (error) {
    violations.push(wordsOf(error));
  }
  violations.push(...arena.unexpectedEnds());
  const summary = load.summary();
  const report = { plan, violations, summary, leftOut: arena.leftOut, journal };
  if (violations.length > 0)
    keep(report, { folder: options.keepIn, logs: arena.cluster.logs(), load });
  await load.stop();
  await arena.close();
  return report;
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` (${wordsOf(error.cause)})`;
  return `${error.message}${cause}`;
}

function keep(
  report: RunReport,
  what: { readonly folder: string; readonly logs: string; readonly load: Load },
): void {
  mkdirSync(what.folder, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(what.folder, name), text);
  write("plan.json", JSON.stringify(report.plan, null, 2));
  write("journal.txt", `${report.journal.join("\n")}\n`);
  write("violations.txt", `${report.violations.join("\n")}\n`);
  write("logs.txt", what.logs);
  for (const [queue, history] of Object.entries(what.load.histories)) {
    const lines = history.events.map((event) => JSON.stringify(event));
    write(`history-${queue}.jsonl`, `${lines.join("\n")}\n`);
  }
}

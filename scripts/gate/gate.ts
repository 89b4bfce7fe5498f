/** Runs parts, goes on after one that failed, and ends with the sum. */
import { killRunning, type Part, runPart } from "./part.ts";
import { readReport } from "./report.ts";

export interface GateResult {
  readonly passed: number;
  readonly failed: number;
}

interface PartResult extends GateResult {
  readonly name: string;
  readonly durationMs: number;
  readonly note: string;
}

const HEARTBEAT_MS = 20_000;

/** Runs `waves` one after another, the parts of a wave `concurrency` at a time. Prints as it goes. */
export async function runGate(
  waves: readonly (readonly Part[])[],
  options: { readonly root: string; readonly concurrency: number },
): Promise<GateResult> {
  const startedMs = performance.now();
  const current = new Map<string, number>();
  const heartbeat = setInterval(() => {
    for (const [name, sinceMs] of current) {
      console.log(`  …      ${name}: ${seconds(performance.now() - sinceMs)} so far`);
    }
  }, HEARTBEAT_MS);
  const onSignal = (): void => {
    killRunning();
    process.exit(130);
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const results: PartResult[] = [];
  for (const wave of waves) {
    const waiting = [...wave];
    const work = async (): Promise<void> => {
      for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
        current.set(part.name, performance.now());
        results.push(await judge(part, options.root));
        current.delete(part.name);
      }
    };
    await Promise.all(Array.from({ length: options.concurrency }, work));
  }
  clearInterval(heartbeat);
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);
  return summarise(results, performance.now() - startedMs);
}

async function judge(part: Part, root: string): Promise<PartResult> {
  const run = await runPart(part, root);
  const result = count(part, run.exitedWell);
  const ok = result.failed === 0;
  const note = run.timedOut ? `stopped after ${seconds(part.timeoutMs)}` : result.note;
  console.log(
    `  ${ok ? "ok    " : "FAILED"} ${part.name} ${seconds(run.durationMs)}${note && ` (${note})`}`,
  );
  if (!ok && part.live !== true) console.log(indent(run.output));
  return { ...result, name: part.name, durationMs: run.durationMs, note };
}

/** A part with a test report counts its tests; any other part counts as one test. */
function count(part: Part, exitedWell: boolean): GateResult & { readonly note: string } {
  if (part.reportPath === undefined) {
    return { passed: exitedWell ? 1 : 0, failed: exitedWell ? 0 : 1, note: "" };
  }
  const counts = readReport(part.reportPath, part.kinds ?? []);
  const notes = [`${counts.passed} passed`, ...counts.complaints];
  if (counts.skipped > 0) notes.push(`${counts.skipped} skipped`);
  let { failed } = counts;
  if (!exitedWell && failed === 0) {
    failed = 1;
    notes.push("the test runner itself failed");
  }
  if (failed > 0) notes.push(`${failed} failed`);
  return { passed: counts.passed, failed, note: notes.join(", ") };
}

function summarise(results: readonly PartResult[], durationMs: number): GateResult {
  let passed = 0;
  let failed = 0;
  for (const result of results) {
    passed += result.passed;
    failed += result.failed;
  }
  const bad = results.filter((result) => result.failed > 0).map((result) => result.name);
  if (bad.length > 0) console.log(`\nFailed: ${bad.join(", ")}`);
  console.log(`\n${results.length} parts in ${seconds(durationMs)}`);
  return { passed, failed };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `         ${line}`)
    .join("\n");
}

/**
 * The gate. `check.ts` runs every part that needs no process of the cluster; `check.ts --system` runs
 * a campaign of simulated clusters and the system tests after them. The last line says `N passed, N failed`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runGate } from "./gate/gate.ts";
import {
  FUZZ_SMOKE,
  fastTests,
  SIMULATION,
  SIMULATION_SAMPLE,
  STATIC_PARTS,
  systemTests,
} from "./gate/parts.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "kqueuey-gate-"));
try {
  const waves = [[...STATIC_PARTS, SIMULATION_SAMPLE, FUZZ_SMOKE], [fastTests(folder)]];
  if (process.argv.includes("--system")) waves.push([SIMULATION], [systemTests(folder)]);
  const concurrency = Math.min(2, availableParallelism());
  const { passed, failed } = await runGate(waves, { root, concurrency });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The parts of the gate, and the system tests. */
import { join } from "node:path";
import type { Part } from "./part.ts";

const MINUTE_MS = 60_000;

const bin = {
  tsc: "node_modules/typescript/bin/tsc",
  biome: "node_modules/@biomejs/biome/bin/biome",
  eslint: "node_modules/eslint/bin/eslint.js",
  depcruise: "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
  knip: "node_modules/knip/bin/knip.js",
  vitest: "node_modules/vitest/vitest.mjs",
} as const;

/** Folders with TypeScript outside of packages. */
const OUTSIDE = ["system-test", "bench", "fuzz", "soak", "scripts", "examples"] as const;

function staticPart(name: string, ...steps: (readonly string[])[]): Part {
  return { name, steps, timeoutMs: 5 * MINUTE_MS };
}

/** Everything that reads the code without running it. */
export const STATIC_PARTS: readonly Part[] = [
  staticPart("types", [bin.tsc, "-b"], [bin.tsc, "-p", "tsconfig.tests.json"]),
  staticPart("format and lint", [bin.biome, "check", "--error-on-warnings", "."]),
  staticPart("lint with types", [bin.eslint, "--max-warnings", "0", "packages", ...OUTSIDE]),
  staticPart("layers", [
    bin.depcruise,
    "--config",
    ".dependency-cruiser.mjs",
    "packages",
    ...OUTSIDE,
  ]),
  staticPart("unused code", [bin.knip, "--no-config-hints"]),
  staticPart("repository rules", ["--import", "tsx", "scripts/tidy.ts"]),
  staticPart("generated docs", [
    "--conditions=dev",
    "--import",
    "tsx",
    "scripts/gen-docs.ts",
    "--check",
  ]),
];

const SIM = ["--conditions=dev", "--import", "tsx", "packages/sim/src/main.ts"] as const;

/** A few whole clusters under virtual time. Each seed runs twice and must make the same trace. */
export const SIMULATION_SAMPLE: Part = {
  name: "simulation, a sample",
  steps: [[...SIM, "--first", "1", "--seeds", "8", "--twice"]],
  timeoutMs: 5 * MINUTE_MS,
};

/**
 * More of them: always the same seeds first, since a failure of those is one of the change, then for two minutes
 * seeds that nobody has tried. A failure prints the line that replays it.
 */
export const SIMULATION: Part = {
  name: "simulation",
  steps: [
    [...SIM, "--first", "1", "--seeds", "60", "--twice"],
    [...SIM, "--minutes", "2"],
  ],
  timeoutMs: 12 * MINUTE_MS,
  live: true,
};

/** Hostile bytes at every door, always the same ones, for some seconds. The canary among them must be caught. */
export const FUZZ_SMOKE: Part = {
  name: "fuzz smoke",
  steps: [["--conditions=dev", "--import", "tsx", "fuzz/src/main.ts", "smoke"]],
  timeoutMs: 5 * MINUTE_MS,
};

/** Unit, script and property tests. Reports go to `folder`. */
export function fastTests(folder: string): Part {
  return vitestPart("unit, script and property tests", {
    kinds: ["unit", "script", "property"],
    reportPath: join(folder, "fast.json"),
    timeoutMs: 10 * MINUTE_MS,
  });
}

/** Tests with real processes. They need the build. */
export function systemTests(folder: string): Part {
  const part = vitestPart("system tests", {
    kinds: ["system"],
    reportPath: join(folder, "system.json"),
    timeoutMs: 18 * MINUTE_MS,
  });
  return { ...part, live: true };
}

type VitestOptions = Required<Pick<Part, "kinds" | "reportPath" | "timeoutMs">>;

function vitestPart(name: string, options: VitestOptions): Part {
  const step = [bin.vitest, "run", "--reporter=default", "--reporter=json"];
  step.push(`--outputFile.json=${options.reportPath}`);
  for (const kind of options.kinds) step.push("--project", kind);
  return { name, steps: [step], ...options };
}

/** Reads vitest's JSON report and says what it counts as. */
import { existsSync, readFileSync } from "node:fs";
import type { TestKind } from "./part.ts";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Why the report is no pass although no single test failed; empty when there is no such reason. */
  readonly complaints: readonly string[];
}

interface ReportedFile {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly statuses: readonly string[];
}

/** Counts of the report at `path`. A missing or broken one counts as one failure. */
export function readReport(path: string, kinds: readonly TestKind[]): Counts {
  if (!existsSync(path)) return failure("the test runner wrote no report: it crashed");
  let files: ReportedFile[];
  try {
    files = parseReport(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    return failure(`the test report cannot be read: ${String(error)}`);
  }
  return countFiles(files, kinds);
}

/** Counts of report files. Exported for its test. */
export function countFiles(files: readonly ReportedFile[], kinds: readonly TestKind[]): Counts {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const complaints: string[] = [];
  const seen = new Set<TestKind>();
  for (const file of files) {
    const ran = file.statuses.filter((status) => status === "passed" || status === "failed");
    if (ran.length > 0) seen.add(kindOf(file.name));
    const failures = ran.filter((status) => status === "failed").length;
    failed += failures;
    passed += ran.length - failures;
    skipped += file.statuses.length - ran.length;
    if (file.status !== "passed" && failures === 0) {
      complaints.push(`${file.name} did not load: ${file.message}`);
    }
  }
  for (const kind of kinds) if (!seen.has(kind)) complaints.push(`no ${kind} test ran`);
  return { passed, failed: failed + complaints.length, skipped, complaints };
}

/** Which vitest project a file belongs to, by its name. */
export function kindOf(name: string): TestKind {
  if (name.endsWith(".script.test.ts")) return "script";
  if (name.endsWith(".property.test.ts")) return "property";
  return name.includes("/system-test/") ? "system" : "unit";
}

function failure(complaint: string): Counts {
  return { passed: 0, failed: 1, skipped: 0, complaints: [complaint] };
}

function parseReport(value: unknown): ReportedFile[] {
  return list(value, "testResults").map((file) => ({
    name: text(file, "name"),
    status: text(file, "status"),
    message: text(file, "message"),
    statuses: list(file, "assertionResults").map((result) => text(result, "status")),
  }));
}

function list(value: unknown, key: string): unknown[] {
  const found = field(value, key);
  if (!Array.isArray(found)) throw new Error(`${key} is no list`);
  return found;
}

function text(value: unknown, key: string): string {
  const found = field(value, key);
  return typeof found === "string" ? found : "";
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) throw new Error(`no object holds ${key}`);
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

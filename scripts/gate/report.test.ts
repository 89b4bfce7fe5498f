import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countFiles, kindOf, readReport } from "./report.ts";

const good = {
  name: "/r/packages/raft/src/a.test.ts",
  status: "passed",
  message: "",
  statuses: ["passed", "passed"],
};

describe("what a test report counts as", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "kqueuey-report-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("tests are counted one by one", () => {
    const bad = { ...good, status: "failed", statuses: ["passed", "failed", "pending"] };
    expect(countFiles([good, bad], ["unit"])).toEqual({
      passed: 3,
      failed: 1,
      skipped: 1,
      complaints: [],
    });
  });

  test("a file that did not load is a failure", () => {
    const broken = { ...good, status: "failed", message: "no such module", statuses: [] };
    expect(countFiles([good, broken], ["unit"]).failed).toBe(1);
  });

  test("a kind of test of which none ran is a failure", () => {
    expect(countFiles([good], ["unit", "property"])).toMatchObject({
      passed: 2,
      failed: 1,
      complaints: ["no property test ran"],
    });
  });

  test("a missing report is a failure, and so is one that is cut off", () => {
    expect(readReport(join(folder, "none.json"), ["unit"]).failed).toBe(1);
    const path = join(folder, "cut.json");
    writeFileSync(path, '{"testResults": [');
    expect(readReport(path, ["unit"]).failed).toBe(1);
  });

  test("a whole report is read", () => {
    const path = join(folder, "whole.json");
    const file = { ...good, assertionResults: [{ status: "passed" }] };
    writeFileSync(path, JSON.stringify({ testResults: [file] }));
    expect(readReport(path, ["unit"])).toMatchObject({ passed: 1, failed: 0 });
  });

  test("the kind of a file is told by its name", () => {
    expect(kindOf("/r/packages/raft/src/elections.script.test.ts")).toBe("script");
    expect(kindOf("/r/packages/raft/src/safety.property.test.ts")).toBe("property");
    expect(kindOf("/r/system-test/cluster/kill.test.ts")).toBe("system");
    expect(kindOf("/r/scripts/gate/report.test.ts")).toBe("unit");
  });
});

import { readFileSync } from "node:fs";
import { parseScript } from "@kqueuey/base/testing";
import { expect, test, vi } from "vitest";
import type { advanceCommit } from "../src/replication.ts";
import { runCommand } from "./commands.ts";
import { InteractionEnv } from "./interaction-env.ts";
import { SafetyViolation } from "./safety-checker.ts";

// The bug: an entry counts as committed when a majority has it, whatever its term (paper §5.4.2).
vi.mock("../src/replication.ts", async (importOriginal) => {
  const original = await importOriginal<{ advanceCommit: typeof advanceCommit }>();
  const countAnyTerm: typeof advanceCommit = (core, lead) => {
    const index = lead.tracker.quorumIndex();
    if (index <= core.commit || index > core.log.lastIndex) return false;
    core.commit = index;
    return true;
  };
  return { ...original, advanceCommit: countAnyTerm };
});

test("a leader that commits an older term by counting is caught in paper figure 8", () => {
  const script = readFileSync(new URL("../testdata/commit_figure_8.txt", import.meta.url), "utf8");
  const env = new InteractionEnv();
  expect(() => {
    for (const command of parseScript(script)) runCommand(env, command);
  }).toThrow(SafetyViolation);
});

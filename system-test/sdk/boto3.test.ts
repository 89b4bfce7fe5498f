/** boto3 of today speaks the JSON protocol, that of yesterday (which Debian 12 has) the Query protocol. */
import { describe, test } from "vitest";
import { runErrand } from "./errand.ts";
import { debianPython, pythonWith } from "./python.ts";
import { folderOf } from "./tool-chain.ts";

const TIMEOUT_MS = 400_000;
const cwd = folderOf("python");

describe("boto3", () => {
  test("of today runs its errand while the leader is killed", { timeout: TIMEOUT_MS }, async ({
    skip,
  }) => {
    const python = await pythonWith("boto3-today", ["boto3==1.43.11"]);
    if (!python.ok) return skip(python.why);
    await runErrand([...python.command, "errand.py", "json"], { cwd, killLeader: true });
  });

  test("of yesterday runs its errand over the Query protocol while the leader is killed", {
    timeout: TIMEOUT_MS,
  }, async ({ skip }) => {
    const debian = await debianPython();
    const python = debian.ok ? debian : await pythonWith("boto3-query", ["boto3==1.26.27"]);
    if (!python.ok) return skip(python.why);
    await runErrand([...python.command, "errand.py", "query"], { cwd, killLeader: true });
  });
});

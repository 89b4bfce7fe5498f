import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../examples/cities/src/main.ts", import.meta.url));

test("the demo kills its leader half-way, loses nothing, and computes what is right", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, "--records", "30000"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGTERM");
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString("utf8");
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(output).toMatch(/kill -9 \d+: node \d, the leader/);
  expect(output).toMatch(/node \d is back/);
  for (const row of [/sent +30,000/, /lost +0 +ok/, /delivered after its tombstone +0 +ok/]) {
    expect(output).toMatch(row);
  }
  expect(output).toContain("the same as computed directly");
  expect(code).toBe(0);
});

import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { runPart } from "./part.ts";

const part = (steps: string[], timeoutMs = 20_000) => ({
  name: "p",
  steps: steps.map((code) => ["-e", code]),
  timeoutMs,
});

test("a part passes when all its steps do, and its output is kept", async () => {
  const run = await runPart(part(["console.log('a')", "console.log('b')"]), tmpdir());
  expect(run).toMatchObject({ exitedWell: true, output: "a\nb\n", timedOut: false });
});

test("a step that fails ends the part", async () => {
  const run = await runPart(part(["process.exit(3)", "console.log('b')"]), tmpdir());
  expect(run).toMatchObject({ exitedWell: false, output: "" });
});

test("a part that does not end is ended", async () => {
  const run = await runPart(part(["setInterval(() => {}, 1000)"], 300), tmpdir());
  expect(run).toMatchObject({ exitedWell: false, timedOut: true });
});

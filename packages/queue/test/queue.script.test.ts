/** Runs every script of testdata/. `REWRITE=1` writes what the machine said; review the difference. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { runScript } from "@kqueuey/base/testing";
import { expect, it } from "vitest";
import { Script } from "./script.ts";

const folder = new URL("../testdata/", import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
  it(name, () => {
    const file = new URL(name, folder);
    const script = new Script();
    const result = runScript(readFileSync(file, "utf8"), (command) => script.execute(command));
    if (process.env["REWRITE"] === "1") writeFileSync(file, result.rewritten);
    else expect(result.failures.join("\n")).toBe("");
  });
}

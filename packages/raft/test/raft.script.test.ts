import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { runScript } from "@kqueuey/base/testing";
import { describe, expect, test } from "vitest";
import { runCommand } from "./commands.ts";
import { InteractionEnv } from "./interaction-env.ts";

const folder = new URL("../testdata/", import.meta.url);

describe("scripts", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
    test(name, () => {
      const file = new URL(name, folder);
      const env = new InteractionEnv();
      const result = runScript(readFileSync(file, "utf8"), (command) => runCommand(env, command));
      if (process.env["REWRITE"] === "1") writeFileSync(file, result.rewritten);
      else expect(result.failures.join("\n")).toBe("");
    });
  }
});

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { allCheckers } from "../../src/checkers/index.ts";

const ROOT = new URL("../../../../", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

describe("the page of guarantees", () => {
  const page = read("docs/guarantees.md");
  const names = allCheckers({ nodes: 3 }).map((checker) => checker.name);

  test.each(names)("has a promise for the checker %s, which has a file of its name", (name) => {
    expect(page).toContain(`\`${name}\``);
    expect(read(`packages/sim/src/checkers/${name}.ts`)).toContain(`"${name}"`);
  });
});

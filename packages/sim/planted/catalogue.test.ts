import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { sourceOf } from "./bundle.ts";
import { PLANTED_BUGS } from "./catalogue.ts";
import { applyPatches, StalePatch } from "./patch.ts";

const GUARANTEES = new URL("../../../docs/guarantees.md", import.meta.url);

describe("a planted bug", () => {
  test("has a name of its own", () => {
    const names = PLANTED_BUGS.map((bug) => bug.name);
    expect(names).toEqual([...new Set(names)]);
  });

  test("stands beside the promise that it breaks", async () => {
    const page = await readFile(GUARANTEES, "utf8");
    const missing = PLANTED_BUGS.filter(({ name }) => !page.includes(`\`${name}\``));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  test.each(PLANTED_BUGS.map((bug) => [bug.name, bug] as const))(
    "fits the source: %s",
    async (_, { patches }) => {
      for (const file of new Set(patches.map((patch) => patch.file))) {
        const source = await sourceOf(file);
        const own = patches.filter((patch) => patch.file === file);
        expect(applyPatches(source, own)).not.toBe(source);
      }
    },
  );
});

describe("a patch", () => {
  const patch = { file: "some/file.ts", find: "right", replace: "wrong" };

  test("replaces the one place that it names", () => {
    expect(applyPatches("all right", [patch])).toBe("all wrong");
  });

  test("is stale when its text is gone", () => {
    expect(() => applyPatches("all well", [patch])).toThrow(StalePatch);
  });

  test("is stale when its text stands there twice", () => {
    expect(() => applyPatches("right, right", [patch])).toThrow(/more than once/);
  });
});

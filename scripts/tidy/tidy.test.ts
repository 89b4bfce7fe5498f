import { describe, expect, test } from "vitest";
import { CODE_RULES } from "./code-rules.ts";
import { REPO_RULES } from "./repo-rules.ts";
import { judge, type Repo, type Rule } from "./rule.ts";
import { TEXT_RULES } from "./text-rules.ts";

const RULES: readonly Rule[] = [...TEXT_RULES, ...CODE_RULES, ...REPO_RULES];

const MANIFEST = { license: "MIT", type: "module", version: "0.1.0" };

/** A repository that no rule complains about. */
const CLEAN: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify(MANIFEST),
  "docs/guarantees.md": "# Promises\n\n## 1. Kept\n\nHeld by `system-test/kept.test.ts`.\n",
  "docs/adr/0001-ws.md": "# `ws`\n\nSee [the promises](../guarantees.md).\n",
  "system-test/kept.test.ts": 'test("kept", () => {});\n',
  "packages/queue/package.json": JSON.stringify({ ...MANIFEST, dependencies: { ws: "8.23.0" } }),
  "packages/queue/src/index.ts": "/** What a queue is: the replicated state machine, pure. */\n",
};

function repoOf(files: Readonly<Record<string, string>>): Repo {
  const entries = Object.entries({ ...CLEAN, ...files });
  return {
    files: entries.map(([path, text]) => ({ path, text })),
    sizes: new Map(entries.map(([path, text]) => [path, text.length])),
  };
}

function rulesBroken(files: Readonly<Record<string, string>>): string[] {
  return [...new Set(judge(repoOf(files), RULES).map((finding) => finding.rule))];
}

const lines = (count: number, line: string): string => `${line}\n`.repeat(count);

/** One bad repository for each rule: what is added to the clean one. */
const BAD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "long-line": { "scripts/a.ts": `// ${"long ".repeat(30)}.\n` },
  "long-file": { "scripts/a.ts": lines(601, "const a = 1;") },
  "reminder-without-issue": { "scripts/a.ts": "// TODO: later\n" },
  "silenced-compiler": { "scripts/a.ts": "const a = b as any;\n" },
  "silenced-linter": { "scripts/a.ts": "// eslint-disable-next-line\n" },
  "focused-or-skipped-test": { "scripts/a.test.ts": 'test.only("a", () => {});\n' },
  "sleep-in-pure-test": { "packages/raft/src/a.test.ts": "setTimeout(done, 10);\n" },
  "someones-machine": { "README.md": "See /home/ann/notes.\n" },
  "private-registry": { "package-lock.json": '"resolved": "https://registry.example/a.tgz"\n' },
  "trailing-space": { "scripts/a.ts": "const a = 1; \n" },
  "vague-file-name": { "packages/raft/src/utils.ts": "const a = 1;\n" },
  "big-file": { "docs/picture.md": "x".repeat(600_000) },
  "long-function": { "scripts/a.ts": `function a() {\n${lines(70, "  b();")}}\n` },
  "many-parameters": { "scripts/a.ts": "function a(b, c, d, e, f) {}\n" },
  "package-comment": { "packages/raft/src/index.ts": "/** Raft. */\nexport {};\n" },
  "promise-without-test": { "docs/guarantees.md": "## 1. Kept\n\nHeld by hope.\n" },
  "dead-link": { "README.md": "See [this](docs/nowhere.md).\n" },
  "package-shape": { "bench/package.json": JSON.stringify({ ...MANIFEST, license: "GPL" }) },
  "dependency-without-record": {
    "packages/raft/package.json": JSON.stringify({ ...MANIFEST, dependencies: { pino: "9.13.1" } }),
  },
};

describe("repository rules", () => {
  test("a clean repository breaks none", () => {
    expect(judge(repoOf({}), RULES)).toEqual([]);
  });

  test.each(RULES.map((rule) => rule.name))("%s can fail, and alone", (name) => {
    const bad = BAD[name];
    if (bad === undefined) throw new Error(`BAD has no example for the rule ${name}`);
    expect(rulesBroken(bad)).toEqual([name]);
  });

  test("a promise that names a file which is not there is caught", () => {
    const page = "## 1. Kept\n\nHeld by `system-test/gone.test.ts`.\n";
    expect(judge(repoOf({ "docs/guarantees.md": page }), RULES)).toEqual([
      {
        path: "docs/guarantees.md",
        line: 1,
        message: "system-test/gone.test.ts does not exist",
        rule: "promise-without-test",
      },
    ]);
  });

  test("what only looks alike passes", () => {
    expect(
      rulesBroken({
        "scripts/a.ts": "// TODO(#12): after the release\nconst skipped = test;\n",
        "packages/raft/src/b.test.ts": `describe("b", () => {\n${lines(80, "  b();")}});\n`,
        "README.md": "See [the site](https://example.org) and [docs](docs).\n",
      }),
    ).toEqual([]);
  });
});

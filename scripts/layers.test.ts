import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** One wrong import for each kind of rule: the file, what it imports, and the rule that says no. */
const WRONG: readonly (readonly [string, string, string])[] = [
  ["packages/raft/src/a.ts", "node:fs", "pure-imports-nothing-impure"],
  ["packages/raft/src/b.ts", "../../queue/src/index.ts", "raft-and-queue-are-strangers"],
  ["packages/queue/src/a.ts", "../../storage/src/index.ts", "queue-imports-only-what-is-below"],
  ["packages/client/src/a.ts", "../../server/src/index.ts", "client-imports-only-what-is-below"],
  ["packages/storage/src/a.ts", "../../raft/src/index.ts", "storage-takes-only-types-of-raft"],
  ["packages/server/src/api/a.ts", "node:net", "api-sees-values-not-sockets"],
  ["packages/server/src/node/b.ts", "../api/a.ts", "adapters-do-not-know-the-api"],
  ["packages/server/src/engine.ts", "node:fs", "only-node-folder-touches-the-disk"],
  ["packages/server/src/c.ts", "../../raft/src/a.ts", "packages-through-the-front-door"],
  ["system-test/a.ts", "../packages/raft/src/index.ts", "outside-uses-what-users-use"],
  ["packages/raft/src/c.ts", "./index.ts", "no-barrels-inside"],
  ["packages/server/src/d.ts", "./e.test.ts", "no-tests-in-production"],
  ["packages/server/src/f.ts", "./gone.ts", "resolvable"],
];

describe("the layer rules", () => {
  let folder = "";
  let output = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kqueuey-layers-"));
    write("tsconfig.tests.json", '{ "compilerOptions": { "module": "NodeNext" } }');
    write("packages/server/src/e.test.ts", "export const thing = 1;\n");
    for (const name of ["raft", "queue", "storage", "server"]) {
      write(`packages/${name}/src/index.ts`, "export const thing = 1;\n");
    }
    for (const [file, imported] of WRONG) {
      write(file, `import * as thing from "${imported}";\nexport default thing;\n`);
    }
    output = cruise();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  function cruise(): string {
    const program = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
    const config = join(root, ".dependency-cruiser.mjs");
    const args = [program, "--config", config, "packages", "system-test"];
    try {
      return execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    } catch (error) {
      if (error instanceof Error && "stdout" in error) return String(error.stdout);
      throw error;
    }
  }

  test.each(WRONG)("%s may not import %s: %s", (file, _imported, rule) => {
    const found = output.split("\n").filter((line) => line.includes(` ${rule}: ${file} `));
    expect(found, output).toHaveLength(1);
  });
});

/** Every TypeScript snippet in this package's doc comments and README compiles, as a user would write it. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const source = fileURLToPath(new URL(".", import.meta.url));

/** Snippets by the name of a file that they are compiled as, beside the sources. */
function findSnippets(): Map<string, string> {
  const snippets = new Map<string, string>();
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const text = readFileSync(`${source}${file}`, "utf8");
    for (const [, block = ""] of text.matchAll(/^ \* ```ts\n((?: \*.*\n)*?) \* ```$/gm)) {
      const code = block.replace(/^ \* ?/gm, "");
      snippets.set(`${source}snippet-${snippets.size + 1}-of-${file.replaceAll("/", "-")}`, code);
    }
  }
  const readme = readFileSync(`${source}../README.md`, "utf8");
  for (const [, code = ""] of readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
    snippets.set(`${source}snippet-${snippets.size + 1}-of-readme.ts`, code);
  }
  return snippets;
}

function compile(snippets: ReadonlyMap<string, string>): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    types: ["node"],
    module: ts.ModuleKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    customConditions: ["dev"],
    allowImportingTsExtensions: true,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (name) => snippets.get(name) ?? readFile(name);
  host.fileExists = (name) => snippets.has(name) || fileExists(name);
  host.getSourceFile = (name, languageVersion, ...rest) => {
    const code = snippets.get(name);
    if (code === undefined) return getSourceFile(name, languageVersion, ...rest);
    return ts.createSourceFile(name, code, languageVersion);
  };
  const program = ts.createProgram([...snippets.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file }) => {
    const where = file?.fileName.replace(source, "") ?? "";
    return `${where}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

test("the snippets compile, and one that is wrong is found", { timeout: 60_000 }, () => {
  const snippets = findSnippets();
  expect(snippets.size).toBeGreaterThanOrEqual(6);
  const wrong =
    'import { createClient } from "@kqueuey/client";\ncreateClient({ endpoint: "x" });\n';
  // One program for both: most of the time goes into reading the types.
  const findings = compile(new Map([...snippets, [`${source}snippet-wrong.ts`, wrong]]));
  expect(findings.filter((finding) => !finding.startsWith("snippet-wrong.ts"))).toEqual([]);
  expect(findings.length).toBeGreaterThan(0);
});

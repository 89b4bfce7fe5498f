/**
 * Writes the documents that are made from tables in the code; with `--check` it only compares, so that
 * the gate notices a table that changed without its page.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ERRORS } from "../packages/contract/src/errors.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");

const pages: readonly { readonly path: string; readonly text: string }[] = [
  { path: "docs/api/errors.md", text: errorsPage() },
];

let stale = 0;
for (const { path, text } of pages) {
  const file = join(root, path);
  const same = existsSync(file) && readFileSync(file, "utf8") === text;
  if (same) continue;
  stale += 1;
  if (check) console.log(`${path} is not what the code says: run npm run docs`);
  else writeFileSync(file, text);
}
console.log(`${pages.length} generated pages, ${stale} ${check ? "stale" : "written"}`);
process.exitCode = check && stale > 0 ? 1 : 0;

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { http, rpc, retryable, doc }]) =>
      `| \`${code}\` | ${http} | \`${rpc}\` | ${retryable ? "yes" : "no"} | ${doc} |`,
  );
  return [
    "# Errors",
    "",
    "Generated from `packages/contract/src/errors.ts` by `npm run docs`; edit the table there.",
    "",
    "Every error has a code that programs may compare and a message for people that says what was wrong",
    "and what would be right. *Retry* says whether the same call may succeed later, unchanged; the client",
    "does so by itself.",
    "",
    "| Code | HTTP | Connect, gRPC | Retry | What it means |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/**
 * Writes the documents that are made from tables in the code; with `--check` it only compares, so that
 * the gate notices a table that changed without its page.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ERRORS } from "../packages/contract/src/errors.ts";
import { describeConfig } from "../packages/server/src/config/print.ts";
import { sqsPage } from "./sqs-page.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");

const pages: readonly { readonly path: string; readonly text: string }[] = [
  { path: "docs/api/errors.md", text: errorsPage() },
  { path: "docs/api/sqs.md", text: sqsPage() },
  { path: "docs/operate/config.md", text: configPage() },
];

let stale = 0;
for (const { path, text } of pages) {
  const file = join(root, path);
  const same = existsSync(file) && readFileSync(file, "utf8") === text;
  if (same) continue;
  stale += 1;
  if (check) {
    console.log(`${path} is not what the code says: run npm run docs`);
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
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

function configPage(): string {
  return [
    "# Configuration",
    "",
    "Generated from `packages/server/src/config/spec.ts` by `npm run docs`; edit the table there.",
    "",
    "A node takes its configuration from flags of `kqueuey serve`, from variables, and from a YAML file",
    "(`--config FILE` or `KQUEUEY_CONFIG`) whose keys are those of the first column. A flag wins over a",
    "variable, a variable over the file, the file over the default. Everything that is wrong is said at",
    "once, by name, and the node does not start.",
    "",
    "```yaml",
    "clusterId: orders",
    "nodeId: 1",
    "clientListen: 10.0.0.1:9324",
    "peerListen: 10.0.0.1:9325",
    "peers: 1@10.0.0.1:9325,2@10.0.0.2:9325,3@10.0.0.3:9325",
    "storageDirectory: /var/lib/kqueuey",
    "```",
    "",
    "Lengths of time take `ms`, `s`, `m`, `h`, `d`; sizes take `B`, `KiB`, `MiB`, `GiB`.",
    "",
    "One setting is Node's own: start the process with `UV_THREADPOOL_SIZE=12` or more in its environment,",
    "so that the log never waits for a thread. `kqueuey dev` does it for its nodes.",
    "",
    describeConfig(),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

/** Style as a test: the repository's own rules. Each is shown to be able to fail in tidy/tidy.test.ts. */
import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CODE_RULES } from "./tidy/code-rules.ts";
import { REPO_RULES } from "./tidy/repo-rules.ts";
import { judge, type Repo, type RepoFile } from "./tidy/rule.ts";
import { TEXT_RULES } from "./tidy/text-rules.ts";

const LINES_WISHED = 400;

const root = fileURLToPath(new URL("..", import.meta.url));
const repo = readRepo();
const findings = judge(repo, [...TEXT_RULES, ...CODE_RULES, ...REPO_RULES]);
for (const { path, line, rule, message } of findings) {
  console.log(`${path}${line > 0 ? `:${line}` : ""}  ${rule}: ${message}`);
}
if (process.argv.includes("--wishes")) showWishes();
console.log(`${repo.files.length} files, ${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;

/** Files that are within the limit but longer than they should be. */
function showWishes(): void {
  for (const file of repo.files) {
    const lines = file.text.split("\n").length - 1;
    if (!file.path.endsWith(".ts") || lines <= LINES_WISHED) continue;
    console.log(`${file.path}  wish: ${lines} lines, ${LINES_WISHED} would be better`);
  }
}

function readRepo(): Repo {
  const sizes = new Map<string, number>();
  const files: RepoFile[] = [];
  for (const path of listPaths()) {
    const status = lstatSync(join(root, path), { throwIfNoEntry: false });
    // A file removed but not yet committed is still listed.
    if (status === undefined || !status.isFile()) continue;
    sizes.set(path, status.size);
    if (isGenerated(path)) continue;
    const bytes = readFileSync(join(root, path));
    if (!bytes.includes(0)) files.push({ path, text: bytes.toString("utf8") });
  }
  return { files, sizes };
}

/** What git knows or is about to; in a copy without git, everything that is not made by a build. */
function listPaths(): string[] {
  try {
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1_048_576,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return [...new Set(listed.split("\0"))].filter((path) => path !== "");
  } catch {
    return walk("");
  }
}

function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (/^(node_modules|dist|coverage|\.git|\.kqueuey)$|\.tsbuildinfo$/.test(entry.name)) return [];
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? walk(path) : [path];
  });
}

function isGenerated(path: string): boolean {
  return path.includes("/src/gen/") || path.includes("/testdata/");
}

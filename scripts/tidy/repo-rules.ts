/** Rules about the repository as a whole: packages, documents, promises. */
import { posix } from "node:path";
import { type Finding, matchingLines, type Repo, type RepoFile, type Rule } from "./rule.ts";

const GUARANTEES = "docs/guarantees.md";

/** Every promise names a test that is there. */
const promisesHaveTests: Rule = {
  name: "promise-without-test",
  check: (repo) => {
    const page = repo.files.find((file) => file.path === GUARANTEES);
    if (page === undefined) return [{ path: GUARANTEES, line: 0, message: "the page is missing" }];
    const findings: Finding[] = [];
    const lines = page.text.split("\n");
    const heads = matchingLines(page, /^## \d+\. /);
    if (heads.length === 0) {
      findings.push({ path: page.path, line: 0, message: "it makes no promise (## 1. …)" });
    }
    heads.forEach((head, index) => {
      const end = heads[index + 1] ?? lines.length + 1;
      const section = lines.slice(head - 1, end - 1).join("\n");
      const named = [...section.matchAll(/`([^`\s]+\.test\.ts)`/g)].map((match) => match[1] ?? "");
      if (named.length === 0) {
        findings.push({ path: page.path, line: head, message: "names no test that holds it" });
      }
      for (const path of named) {
        if (repo.sizes.has(path)) continue;
        findings.push({ path: page.path, line: head, message: `${path} does not exist` });
      }
    });
    return findings;
  },
};

/** Relative links of the documents lead somewhere. */
const deadLinks: Rule = {
  name: "dead-link",
  check: (repo) =>
    repo.files
      .filter((file) => file.path.endsWith(".md"))
      .flatMap((file) =>
        file.text.split("\n").flatMap((line, index) =>
          [...line.matchAll(/\]\(([^)\s]+)\)/g)]
            .map((match) => match[1] ?? "")
            .filter((target) => !isReachable(repo, file, target))
            .map((target) => ({
              path: file.path,
              line: index + 1,
              message: `${target} is not there`,
            })),
        ),
      ),
};

function isReachable(repo: Repo, file: RepoFile, target: string): boolean {
  if (/^(https?:|mailto:|#)/.test(target)) return true;
  const path = posix.normalize(
    posix.join(posix.dirname(file.path), target.replace(/#.*$/, "").replace(/\/$/, "")),
  );
  if (path === "." || repo.sizes.has(path)) return true;
  return [...repo.sizes.keys()].some((known) => known.startsWith(`${path}/`));
}

interface Manifest {
  readonly file: RepoFile;
  readonly value: Readonly<Record<string, unknown>>;
}

const sameShape: Rule = {
  name: "package-shape",
  check: (repo) => {
    const all = manifests(repo);
    const root = all.find(({ file }) => file.path === "package.json");
    return all.flatMap(({ file, value }) => {
      const wrong: string[] = [];
      if (value["license"] !== "MIT") wrong.push("license is MIT");
      if (value["type"] !== "module") wrong.push("type is module");
      if (value["version"] !== root?.value["version"]) wrong.push("all packages share one version");
      for (const [name, version] of dependenciesOf(value)) {
        if (!/^\d+\.\d+\.\d+$/.test(version)) wrong.push(`${name} is pinned exactly`);
      }
      return wrong.map((message) => ({ path: file.path, line: 0, message }));
    });
  },
};

/** A dependency that ships has a record of why it was taken. */
const dependencyHasRecord: Rule = {
  name: "dependency-without-record",
  check: (repo) => {
    const records = repo.files
      .filter((file) => file.path.startsWith("docs/adr/"))
      .map((file) => file.text)
      .join("\n");
    return manifests(repo)
      .filter(({ file }) => file.path.startsWith("packages/") || file.path.startsWith("bench/"))
      .flatMap(({ file, value }) =>
        dependenciesOf(value)
          .map(([name]) => name)
          .filter((name) => !name.startsWith("@kqueuey/") && !records.includes(`\`${name}\``))
          .map((name) => ({
            path: file.path,
            line: 0,
            message: `no page of docs/adr says why \`${name}\` was taken`,
          })),
      );
  },
};

export const REPO_RULES: readonly Rule[] = [
  promisesHaveTests,
  deadLinks,
  sameShape,
  dependencyHasRecord,
];

function manifests(repo: Repo): Manifest[] {
  return repo.files
    .filter((file) => /(^|\/)package\.json$/.test(file.path))
    .map((file) => ({ file, value: toRecord(JSON.parse(file.text)) }));
}

function dependenciesOf(manifest: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(toRecord(manifest["dependencies"])).map(([name, version]) => [
    name,
    String(version),
  ]);
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value));
}

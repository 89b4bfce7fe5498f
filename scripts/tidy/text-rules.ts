/** Rules that look at lines of text. */
import { type Finding, matchingLines, type Repo, type RepoFile, type Rule } from "./rule.ts";

const LINE_COLUMNS_MAX = 120;
const FILE_LINES_MAX = 600;
const BINARY_BYTES_MAX = 65_536;
const TEXT_BYTES_MAX = 524_288;

/**
 * Biome keeps code within 100 columns but breaks neither comments nor texts. Comments must be broken by
 * hand; a text may have to stand in one piece, so what is between quotes does not count.
 */
const longLines: Rule = {
  name: "long-line",
  check: (repo) =>
    code(repo).flatMap((file) =>
      file.text.split("\n").flatMap((line, index) => {
        const counted = line.replace(/(["'`])(?:\\.|(?!\1).)*\1/g, '""');
        if (counted.length <= LINE_COLUMNS_MAX || /https?:\/\//.test(line)) return [];
        return [found(file, index + 1, `longer than ${LINE_COLUMNS_MAX} columns: break it`)];
      }),
    ),
};

const longFiles: Rule = {
  name: "long-file",
  check: (repo) =>
    code(repo)
      .map((file) => ({ file, lines: file.text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > FILE_LINES_MAX)
      .map(({ file, lines }) =>
        found(file, 0, `${lines} lines, ${FILE_LINES_MAX} at most: split it by what it is about`),
      ),
};

/** A pattern that must not appear, and what to write instead. */
interface Ban {
  readonly name: string;
  readonly where: (file: RepoFile) => boolean;
  readonly pattern: RegExp;
  readonly instead: string;
}

const BANS: readonly Ban[] = [
  {
    name: "reminder-without-issue",
    where: anywhere,
    pattern: /\b(TODO|FIXME|XXX|HACK)\b(?!\s*\(?#\d+)/,
    instead: "a reminder names its issue, as in (#12), or is not needed",
  },
  {
    name: "silenced-compiler",
    where: isCode,
    pattern: /@ts-(ignore|nocheck|expect-error)|\bas any\b|\bas unknown as\b/,
    instead: "say what the type is, or decode the value",
  },
  {
    name: "silenced-linter",
    where: isCode,
    pattern: /eslint-disable|biome-ignore-all/,
    instead: "follow the rule; one line that cannot: biome-ignore with its reason",
  },
  {
    name: "focused-or-skipped-test",
    where: (file) => file.path.endsWith(".test.ts") && anywhere(file),
    pattern: /\b(describe|test|it)\.(only|skip|todo|skipIf|fails)\b/,
    instead: "every test runs, always",
  },
  {
    name: "sleep-in-pure-test",
    where: (file) =>
      /^packages\/(base|contract|raft|queue|storage|replica|sim)\/.*\.test\.ts$/.test(file.path),
    pattern: /\bsetTimeout\s*\(|\bsleep\s*\(/,
    instead: "tests of rings 1 and 2 have virtual time: tick it",
  },
  {
    name: "someones-machine",
    where: anywhere,
    pattern: /(^|[\s"'`(=:])\/(home|root|Users|work)\/[A-Za-z]/,
    instead: "no paths of one machine",
  },
  {
    name: "private-registry",
    where: (file) => anywhere(file) || file.path === "package-lock.json",
    pattern: /https?:\/\/[^\s"']*(registry|artifactory|nexus|verdaccio)/,
    instead: "which registry is used is the reader's own setting",
  },
  {
    name: "trailing-space",
    where: anywhere,
    pattern: /[ \t]+$/,
    instead: "remove it",
  },
  {
    name: "vague-file-name",
    where: (file) => /(^|\/)(utils?|helpers?|misc|common)(\/|\.ts$)/.test(file.path),
    pattern: /^/,
    instead: "name the file for the one noun that it owns",
  },
];

const bans: readonly Rule[] = BANS.map((ban) => ({
  name: ban.name,
  check: (repo) =>
    repo.files.filter(ban.where).flatMap((file) => {
      const lines = matchingLines(file, ban.pattern);
      const told = ban.name === "vague-file-name" ? [0] : lines;
      return told.map((line) => found(file, line, ban.instead));
    }),
}));

const bigFiles: Rule = {
  name: "big-file",
  check: (repo) => {
    const texts = new Set(repo.files.map((file) => file.path));
    const findings: Finding[] = [];
    for (const [path, bytes] of repo.sizes) {
      const limit = texts.has(path) ? TEXT_BYTES_MAX : BINARY_BYTES_MAX;
      if (bytes <= limit) continue;
      findings.push({ path, line: 0, message: `${bytes} bytes, ${limit} at most` });
    }
    return findings;
  },
};

export const TEXT_RULES: readonly Rule[] = [longLines, longFiles, ...bans, bigFiles];

/** The rules themselves and their tests have to write down what they forbid. */
function anywhere(file: RepoFile): boolean {
  return !file.path.startsWith("scripts/tidy/") && file.path !== "package-lock.json";
}

function isCode(file: RepoFile): boolean {
  return /\.(ts|mjs)$/.test(file.path) && anywhere(file);
}

function code(repo: Repo): RepoFile[] {
  return repo.files.filter((file) => /\.(ts|mjs)$/.test(file.path));
}

function found(file: RepoFile, line: number, message: string): Finding {
  return { path: file.path, line, message };
}

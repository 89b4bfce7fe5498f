/** What a rule of the repository sees, and what it answers. */

/** One text file of the repository. */
export interface RepoFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** The repository as values, so that every rule can be tested on a made-up one. */
export interface Repo {
  /** Text files that are tracked or about to be, generated ones left out. */
  readonly files: readonly RepoFile[];
  /** Every path, binary and generated files included, with its length in bytes. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** What is wrong, and where. */
export interface Finding {
  readonly path: string;
  /** 1-based; 0 when the whole file is meant. */
  readonly line: number;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

export interface Rule {
  readonly name: string;
  check(repo: Repo): Finding[];
}

/** Findings of every rule over `repo`, each with the name of its rule. */
export function judge(repo: Repo, rules: readonly Rule[]): (Finding & { readonly rule: string })[] {
  return rules.flatMap((rule) =>
    rule.check(repo).map((finding) => ({ ...finding, rule: rule.name })),
  );
}

/** The lines of `file` that match, 1-based. */
export function matchingLines(file: RepoFile, pattern: RegExp): number[] {
  const lines: number[] = [];
  file.text.split("\n").forEach((line, index) => {
    if (pattern.test(line)) lines.push(index + 1);
  });
  return lines;
}

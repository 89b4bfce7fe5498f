/** Rules that look at the syntax tree. */
import ts from "typescript";
import type { Repo, RepoFile, Rule } from "./rule.ts";

const FUNCTION_LINES_MAX = 70;
/** Three are wished; a port's request with its completion has four. */
const PARAMETERS_MAX = 4;
const PACKAGE_COMMENT_CHARS_MIN = 40;

const longFunctions: Rule = {
  name: "long-function",
  check: (repo) =>
    functionsOf(repo).flatMap(({ file, source, node }) => {
      if (isSuite(node)) return [];
      const first = lineOf(source, node.getStart(source));
      const lines = lineOf(source, node.end) - first + 1;
      if (lines <= FUNCTION_LINES_MAX) return [];
      const message = `${nameOf(node)} has ${lines} lines, ${FUNCTION_LINES_MAX} at most`;
      return [{ path: file.path, line: first, message }];
    }),
};

const manyParameters: Rule = {
  name: "many-parameters",
  check: (repo) =>
    functionsOf(repo).flatMap(({ file, source, node }) => {
      const count = node.parameters.filter((parameter) => parameter.dotDotDotToken === undefined);
      if (count.length <= PARAMETERS_MAX || isCallback(node)) return [];
      const line = lineOf(source, node.getStart(source));
      const taken = `${nameOf(node)} takes ${count.length} parameters`;
      const message = `${taken}, ${PARAMETERS_MAX} at most: name them in an object`;
      return [{ path: file.path, line, message }];
    }),
};

/** index.ts of a package begins with what the package is for. */
const packageComment: Rule = {
  name: "package-comment",
  check: (repo) =>
    repo.files
      .filter((file) => /^packages\/[^/]+\/src\/index\.ts$/.test(file.path))
      .filter((file) => {
        const comment = /^\/\*\*([\s\S]*?)\*\//.exec(file.text)?.[1] ?? "";
        return comment.replace(/\s+/g, " ").length < PACKAGE_COMMENT_CHARS_MIN;
      })
      .map((file) => ({
        path: file.path,
        line: 1,
        message: "begin with a comment that says what the package is for",
      })),
};

export const CODE_RULES: readonly Rule[] = [longFunctions, manyParameters, packageComment];

interface FoundFunction {
  readonly file: RepoFile;
  readonly source: ts.SourceFile;
  readonly node: ts.FunctionLikeDeclaration;
}

const parsed = new WeakMap<RepoFile, ts.SourceFile>();

function functionsOf(repo: Repo): FoundFunction[] {
  const found: FoundFunction[] = [];
  for (const file of repo.files) {
    if (!/\.(ts|mjs)$/.test(file.path)) continue;
    const source = parse(file);
    const visit = (node: ts.Node): void => {
      if (isFunction(node)) found.push({ file, source, node });
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

function parse(file: RepoFile): ts.SourceFile {
  const known = parsed.get(file);
  if (known !== undefined) return known;
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true);
  parsed.set(file, source);
  return source;
}

function isFunction(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && "body" in node && node.body !== undefined;
}

/** A `describe` block is a chapter, not a function. */
function isSuite(node: ts.FunctionLikeDeclaration): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^describe\b/.test(call.expression.getText());
}

/** A function handed to somebody else has the parameters that they ask for. */
function isCallback(node: ts.FunctionLikeDeclaration): boolean {
  return ts.isCallExpression(node.parent) && node.parent.arguments.some((one) => one === node);
}

function lineOf(source: ts.SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}

function nameOf(node: ts.FunctionLikeDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  if (ts.isConstructorDeclaration(node)) return "the constructor";
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) {
    return parent.name.getText();
  }
  return "a function";
}

/**
 * Script tests in the datadriven form: a command line, optional input lines, `----`, the expected
 * output, a blank line. Output that holds blank lines is fenced by `----` twice on both sides.
 *
 *     send q body=hello delay=5s
 *     ----
 *     m1 delayed until 5s
 *
 * The caller reads and writes the file; here is only text in, text out, so pure packages may use it.
 */

/** One command of a script. Arguments are `word` or `key=value`; a value may be `(a,b,c)`. */
export interface ScriptCommand {
  /** The first word of the command line. */
  readonly name: string;
  /** Arguments without `=`, in order. */
  readonly words: readonly string[];
  /** Arguments of the form key=value. A repeated key keeps the last. */
  readonly values: ReadonlyMap<string, string>;
  /** Lines between the command line and `----`, joined by newlines. */
  readonly input: string;
  /** What the script expects, without the final newline. */
  readonly expected: string;
  /** 1-based line of the command in its file, for messages. */
  readonly line: number;
}

/** What a run made of a script. */
export interface ScriptResult {
  /** The script with every expected output replaced by the actual one. */
  readonly rewritten: string;
  /** One text for each command whose output differed; empty when the script passed. */
  readonly failures: readonly string[];
}

interface Block {
  readonly lead: readonly string[];
  readonly head: readonly string[];
  readonly command: ScriptCommand;
}

/** Splits `text` into commands. Throws with the line number on text that is no script. */
export function parseScript(text: string): ScriptCommand[] {
  return parseBlocks(text).blocks.map((block) => block.command);
}

/** Runs every command through `execute` and compares. `execute` returns output with or without a final newline. */
export function runScript(text: string, execute: (command: ScriptCommand) => string): ScriptResult {
  const { blocks, tail } = parseBlocks(text);
  const out: string[] = [];
  const failures: string[] = [];
  for (const { lead, head, command } of blocks) {
    const actual = execute(command).replace(/\n+$/, "");
    if (actual !== command.expected) {
      failures.push(
        `line ${command.line}: ${head[0] ?? ""}\n--- expected\n${command.expected}\n--- actual\n${actual}\n`,
      );
    }
    out.push(...lead, ...head);
    if (actual !== "" && /\n\s*\n|^\s*\n/.test(`${actual}\n`))
      out.push("----", "----", actual, "----", "----");
    else out.push("----", ...(actual === "" ? [] : [actual]));
    out.push("");
  }
  out.push(...tail);
  return { rewritten: `${out.join("\n").replace(/\n+$/, "")}\n`, failures };
}

function parseBlocks(text: string): { blocks: Block[]; tail: string[] } {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  let lead: string[] = [];
  let at = 0;
  const line = (): string => lines[at] ?? "";
  while (at < lines.length) {
    if (line().trim() === "" || line().startsWith("#")) {
      lead.push(line());
      at += 1;
      continue;
    }
    const start = at;
    while (at < lines.length && line() !== "----") at += 1;
    if (at === lines.length) throw new Error(`line ${start + 1}: command without ----`);
    const head = lines.slice(start, at);
    at += 1;
    const expected: string[] = [];
    if (line() === "----") {
      at += 1;
      while (at < lines.length && !(line() === "----" && lines[at + 1] === "----")) {
        expected.push(line());
        at += 1;
      }
      at += 2;
    } else {
      while (at < lines.length && line().trim() !== "") {
        expected.push(line());
        at += 1;
      }
    }
    if (line().trim() === "") at += 1;
    blocks.push({ lead, head, command: parseCommand(head, expected.join("\n"), start + 1) });
    lead = [];
  }
  while (lead.at(-1) === "") lead.pop();
  return { blocks, tail: lead };
}

function parseCommand(head: readonly string[], expected: string, line: number): ScriptCommand {
  const [first = "", ...input] = head;
  const tokens = first.match(/[^\s=]+=\([^)]*\)|[^\s=]+="[^"]*"|\S+/g) ?? [];
  const words: string[] = [];
  const values = new Map<string, string>();
  for (const token of tokens.slice(1)) {
    const equals = token.indexOf("=");
    if (equals < 0) words.push(token);
    else values.set(token.slice(0, equals), token.slice(equals + 1).replace(/^"(.*)"$/, "$1"));
  }
  return { name: tokens[0] ?? "", words, values, input: input.join("\n"), expected, line };
}

/** The table of planted bugs in the docs, from what a hunt measured. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Catch } from "./hunt.ts";

const PAGE = fileURLToPath(new URL("../../../docs/internals/simulation.md", import.meta.url));
const BEGIN = "<!-- planted bugs: written by `npm run sim:planted -- --write-docs` -->";
const END = "<!-- end of planted bugs -->";

/** Puts the table in its place on the page; every bug must have been caught. */
export async function writeTable(caught: readonly Catch[]): Promise<void> {
  const page = await readFile(PAGE, "utf8");
  const [before, rest] = split(page, BEGIN);
  const [, after] = split(rest, END);
  const table = ["| Planted bug | Seen by | At seed |", "|---|---|---|", ...caught.map(rowOf)];
  await writeFile(PAGE, `${before}${BEGIN}\n\n${table.join("\n")}\n\n${END}${after}`);
}

function rowOf({ bug, outcome }: Catch): string {
  if (outcome.kind !== "caught") throw new Error(`${bug.name} was not caught`);
  return `| \`${bug.name}\` | \`${outcome.by}\` | ${outcome.seed} of at most ${bug.seedsMax} |`;
}

function split(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`${PAGE} has no line ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

/** The results as a page: tables and a chart in docs/, between the marks of docs/benchmarks.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { barChart } from "./chart.ts";
import type { Result, Results } from "./results.ts";

const PAGE = "docs/benchmarks.md";
const CHART = "docs/benchmarks.svg";
const BEGIN = "<!-- results: begin -->";
const END = "<!-- results: end -->";

/** Writes the generated part of docs/benchmarks.md and its chart. */
export function writePage(root: string, results: Results): void {
  const file = join(root, PAGE);
  const page = readFileSync(file, "utf8");
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`${PAGE} has no marks for the results`);
  const text = `${page.slice(0, before + BEGIN.length)}\n\n${tables(results)}\n${page.slice(after)}`;
  writeFileSync(file, text);
  const bars = results.results
    .filter((each) => each.workload === "W1" && each.bodyBytes === 128)
    .filter((each) => each.metric === "perSecond")
    .map((each) => ({ label: `${each.system}: ${each.variant}`, value: each.median }));
  if (bars.length > 0) writeFileSync(join(root, CHART), barChart("messages/s, 128 B", bars));
}

function tables({ machine, configuration, results, skipped }: Results): string {
  const parts = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, ` +
      `commit \`${machine.commit}\`, ${machine.at.slice(0, 10)}; medians of ${configuration["runs"]}.`,
  ];
  for (const skip of skipped) parts.push(`Left out: ${skip.system}: ${skip.why}.`);
  const titles = [...new Set(results.map((each) => each.title))];
  for (const title of titles) {
    const rows = results.filter((each) => each.title === title);
    parts.push(table(title, rows));
  }
  return `${parts.join("\n\n")}\n`;
}

function table(title: string, rows: readonly Result[]): string {
  const workload = rows[0]?.workload ?? "";
  const metrics = [...new Set(rows.map((row) => row.metric))];
  const labels = [...new Set(rows.map((row) => `${row.system}: ${row.variant}`))];
  const cell = (label: string, metric: string): string => {
    const row = rows.find(
      (each) => `${each.system}: ${each.variant}` === label && each.metric === metric,
    );
    return row === undefined ? "" : figure(row.median);
  };
  const unit = (metric: string): string => rows.find((row) => row.metric === metric)?.unit ?? "";
  return [
    `### ${workload}: ${title}`,
    "",
    `| | ${labels.join(" | ")} |`,
    `|---|${labels.map(() => "---").join("|")}|`,
    ...metrics.map((metric) => {
      const of = unit(metric) === "" ? metric : `${metric}, ${unit(metric)}`;
      return `| ${of} | ${labels.map((label) => cell(label, metric)).join(" | ")} |`;
    }),
  ].join("\n");
}

function figure(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 2 : 0 });
}

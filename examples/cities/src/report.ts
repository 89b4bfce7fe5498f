/** What the demo shows: one line that changes while it runs, a table at the end. */
import type { Verdict } from "./ledger.ts";

/** The table. The last column says what a number must be. */
export function verdictTable(verdict: Verdict): string {
  const rows: readonly (readonly [string, string, string])[] = [
    ["sent", number(verdict.sent), ""],
    ["delivered", number(verdict.delivered), ""],
    ["tombstoned", number(verdict.tombstoned), ""],
    ["redelivered", number(verdict.redelivered), ""],
    ["lost", number(verdict.lost), mustBeZero(verdict.lost)],
    [
      "delivered after its tombstone",
      number(verdict.deliveredAfterTombstone),
      mustBeZero(verdict.deliveredAfterTombstone),
    ],
    ["stored twice", number(verdict.storedTwice), mustBeZero(verdict.storedTwice)],
    ["longest pause", `${(verdict.longestPauseMs / 1_000).toFixed(2)} s`, ""],
  ];
  return rows
    .map(([name, value, note]) => `  ${name.padEnd(30)}${value.padStart(12)}  ${note}`.trimEnd())
    .join("\n");
}

/** The `count` countries with the largest sums, as lines. */
export function topCountries(population: ReadonlyMap<string, number>, count: number): string {
  const names = new Intl.DisplayNames(["en"], { type: "region" });
  return [...population]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([code, sum]) => `  ${(names.of(code) ?? code).padEnd(30)}${number(sum).padStart(16)}`)
    .join("\n");
}

/** Whether two sums by country are the same. */
export function sameSums(
  left: ReadonlyMap<string, number>,
  right: ReadonlyMap<string, number>,
): boolean {
  if (left.size !== right.size) return false;
  return [...left].every(([country, sum]) => right.get(country) === sum);
}

export function number(value: number): string {
  return value.toLocaleString("en-US");
}

function mustBeZero(value: number): string {
  return value === 0 ? "ok" : "MUST BE 0";
}

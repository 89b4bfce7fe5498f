/** Tables for people: columns as wide as their widest cell, numbers to the right. */

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** A heading and rows of cells, one text line each; a cell's control characters are shown escaped. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map((column, index) => {
        const cell = row[index] ?? "";
        const width = widths[index] ?? 0;
        return column.align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  const titles = columns.map((column) => column.title.toUpperCase());
  return `${[line(titles), ...cells.map(line)].join("\n")}\n`;
}

/** Names and values, one pair a line. */
export function renderPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${visible(value)}\n`).join("");
}

/** The text with control characters escaped: what others wrote must not steer the terminal. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    const named = JSON.stringify(character).slice(1, -1);
    return named === character
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
      : named;
  });
}

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
] as const;

/** A length of time in its largest whole unit: 90s, 4d, 1500ms. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  for (const [unit, name] of UNITS) if (ms % unit === 0) return `${ms / unit}${name}`;
  return `${ms}ms`;
}

/** A size in its largest whole unit: 1MiB, 1000B. */
export function formatBytes(bytes: number): string {
  if (bytes > 0 && bytes % 1_048_576 === 0) return `${bytes / 1_048_576}MiB`;
  if (bytes > 0 && bytes % 1_024 === 0) return `${bytes / 1_024}KiB`;
  return `${bytes}B`;
}

/** A whole number with commas: 138,398. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** A time for people and machines: 2026-01-31T12:00:00.000Z. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A bar chart as SVG, readable on light and dark pages. */
export interface Bar {
  readonly label: string;
  readonly value: number;
}

const WIDTH = 760;
const ROW = 34;
const LABEL = 300;

export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const height = 46 + bars.length * ROW;
  const rows = bars.map((bar, place) => {
    const y = 40 + place * ROW;
    const width = Math.max(1, ((WIDTH - LABEL - 90) * bar.value) / most);
    const fill = bar.label.startsWith("kqueuey") ? "#d9480f" : "#868e96";
    const value = Math.round(bar.value).toLocaleString("en-US");
    return (
      `<text x="${LABEL - 8}" y="${y + 17}" text-anchor="end">${escapeText(bar.label)}</text>` +
      `<rect x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="24" rx="2" fill="${fill}"/>` +
      `<text x="${(LABEL + width + 8).toFixed(1)}" y="${y + 17}">${value}</text>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
    `height="${height}" font-family="system-ui, sans-serif" font-size="13">\n` +
    `<title>${escapeText(title)}</title>\n` +
    "<style>text{fill:#343a40}@media(prefers-color-scheme:dark){text{fill:#dee2e6}}</style>\n" +
    `<text x="8" y="22" font-weight="600">${escapeText(title)}</text>\n${rows.join("\n")}\n</svg>\n`
  );
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

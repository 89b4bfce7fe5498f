/** The record as one SVG: a panel for each thing, time from left to right, faults as lines through all of them. */
import type { FaultRecord } from "./faults.ts";
import type { Sample } from "./sample.ts";

interface Series {
  readonly name: string;
  readonly points: readonly (readonly [atS: number, value: number])[];
}

interface Panel {
  readonly title: string;
  readonly series: readonly Series[];
}

const WIDTH = 960;
const PANEL_HEIGHT = 130;
const GAP = 34;
const LEFT = 70;
const RIGHT = 16;
const TOP = 44;
const COLOURS = ["#1f77b4", "#d95f02", "#2ca02c", "#7b4fa3"];
const FAULT_COLOURS: Readonly<Record<FaultRecord["kind"], string>> = {
  kill: "#c62828",
  pause: "#f9a825",
  wipe: "#6a1b9a",
  "restart all": "#000000",
};
const MIB = 1_048_576;

export function drawRecord(
  samples: readonly Sample[],
  faults: readonly FaultRecord[],
  title: string,
): string {
  const panels = panelsOf(samples);
  const endS = Math.max(1, ...samples.map(({ atS }) => atS));
  const height = TOP + panels.length * (PANEL_HEIGHT + GAP) + 24;
  const x = (atS: number): number => LEFT + (atS / endS) * (WIDTH - LEFT - RIGHT);
  const drawn = panels.map((panel, i) => {
    const top = TOP + i * (PANEL_HEIGHT + GAP) + 14;
    return drawPanel(panel, { top, x, faults });
  });
  const axis = drawTimes(endS, x, height - 8);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`,
    ' font-family="system-ui, sans-serif" font-size="11" fill="#222">',
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<title>${escapeText(title)}</title>`,
    `<text x="${LEFT}" y="18" font-size="14" font-weight="600">${escapeText(title)}</text>`,
    drawFaultKey(),
    ...drawn,
    axis,
    "</svg>\n",
  ].join("\n");
}

function panelsOf(samples: readonly Sample[]): readonly Panel[] {
  const ids = [...new Set(samples.flatMap(({ nodes }) => nodes.map(({ id }) => id)))].sort();
  const ofNodes = (read: (node: Sample["nodes"][number]) => number): readonly Series[] =>
    ids.map((id) => ({
      name: `node ${id}`,
      points: samples.flatMap(({ atS, nodes }) => {
        const node = nodes.find((one) => one.id === id);
        return node === undefined ? [] : [[atS, read(node)] as const];
      }),
    }));
  const ofLoad = (name: string, read: (sample: Sample) => number | undefined): Series => ({
    name,
    points: samples.flatMap((sample) => {
      const value = read(sample);
      return value === undefined ? [] : [[sample.atS, value] as const];
    }),
  });
  return [
    {
      title: "messages a second",
      series: [ofLoad("sent", (s) => s.sentPerS), ofLoad("tombstoned", (s) => s.donePerS)],
    },
    {
      title: "send latency, ms (logarithmic)",
      series: [ofLoad("median", (s) => s.p50Ms), ofLoad("99th percentile", (s) => s.p99Ms)],
    },
    { title: "messages in the queue", series: [ofLoad("backlog", (s) => s.backlog)] },
    { title: "resident memory, MiB", series: ofNodes((node) => node.rssBytes / MIB) },
    { title: "heap before collection, MiB", series: ofNodes((node) => node.heapBytes / MIB) },
    { title: "disk, MiB", series: ofNodes((node) => node.diskBytes / MIB) },
    { title: "file descriptors", series: ofNodes((node) => node.fileDescriptors) },
    { title: "event loop delay, 99th percentile, ms", series: ofNodes((node) => node.loopMs) },
    { title: "term", series: [ofLoad("term", (s) => (s.term === 0 ? undefined : s.term))] },
  ];
}

interface Place {
  readonly top: number;
  readonly x: (atS: number) => number;
  readonly faults: readonly FaultRecord[];
}

function drawPanel(panel: Panel, { top, x, faults }: Place): string {
  const logarithmic = panel.title.includes("logarithmic");
  const scale = (value: number): number => (logarithmic ? Math.log10(Math.max(value, 0.1)) : value);
  const values = panel.series.flatMap(({ points }) => points.map(([, value]) => scale(value)));
  const highest = Math.max(logarithmic ? 1 : 0, ...values);
  const lowest = logarithmic ? Math.min(0, ...values) : 0;
  const span = highest - lowest || 1;
  const y = (value: number): number =>
    top + PANEL_HEIGHT - ((scale(value) - lowest) / span) * PANEL_HEIGHT;
  const shown = (level: number): string => shorten(logarithmic ? 10 ** level : level);
  const lines = panel.series.map(
    (series, i) =>
      `<polyline fill="none" stroke="${colour(i)}" stroke-width="1.2" points="${series.points
        .map(([atS, value]) => `${x(atS).toFixed(1)},${y(value).toFixed(1)}`)
        .join(" ")}"/>`,
  );
  const marks = faults.map(
    ({ kind, atS }) =>
      `<line x1="${x(atS).toFixed(1)}" x2="${x(atS).toFixed(1)}" y1="${top}" y2="${top + PANEL_HEIGHT}"` +
      ` stroke="${FAULT_COLOURS[kind]}" stroke-opacity="0.35"/>`,
  );
  return [
    `<text x="${LEFT}" y="${top - 5}" font-weight="600">${escapeText(panel.title)}</text>`,
    drawKey(panel, top - 5),
    `<rect x="${LEFT}" y="${top}" width="${WIDTH - LEFT - RIGHT}" height="${PANEL_HEIGHT}" fill="#fafafa" stroke="#ddd"/>`,
    `<text x="${LEFT - 6}" y="${top + 9}" text-anchor="end">${shown(highest)}</text>`,
    `<text x="${LEFT - 6}" y="${top + PANEL_HEIGHT}" text-anchor="end">${shown(lowest)}</text>`,
    ...marks,
    ...lines,
  ].join("\n");
}

function drawKey(panel: Panel, y: number): string {
  return panel.series
    .map((series, i) => {
      const at = WIDTH - RIGHT - (panel.series.length - i) * 120;
      return `<text x="${at}" y="${y}" fill="${colour(i)}">${escapeText(series.name)}</text>`;
    })
    .join("\n");
}

function drawFaultKey(): string {
  return Object.entries(FAULT_COLOURS)
    .map(([kind, fill], i) => `<text x="${LEFT + i * 90}" y="34" fill="${fill}">| ${kind}</text>`)
    .join("\n");
}

function drawTimes(endS: number, x: (atS: number) => number, y: number): string {
  const stepS = endS > 1_200 ? 300 : endS > 240 ? 60 : 15;
  const times: string[] = [];
  for (let atS = 0; atS <= endS; atS += stepS) {
    const text = stepS >= 60 ? `${atS / 60} min` : `${atS} s`;
    const anchor = atS > endS * 0.97 ? "end" : "middle";
    times.push(`<text x="${x(atS).toFixed(1)}" y="${y}" text-anchor="${anchor}">${text}</text>`);
  }
  return times.join("\n");
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "#000";
}

function shorten(value: number): string {
  if (value >= 10_000) return `${(value / 1_000).toFixed(0)}k`;
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

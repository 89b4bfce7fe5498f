/** What the samples say: does anything grow, was anything lost. */
import type { Sample } from "./sample.ts";
import { type Bound, isBounded, median, type Point, type Trend, trendOf } from "./trend.ts";

export interface Judgement {
  /** What is judged, and of which node. */
  readonly what: string;
  readonly unit: "MiB" | "ms" | "";
  readonly trend: Trend;
  readonly bound: Bound;
  readonly holds: boolean;
}

const MIB = 1_048_576;

/** In MiB and in ms: a tenth is sway, and the fixed part is what a small thing may take. */
const BOUNDS = {
  resident: { ofLevel: 0.1, plus: 24 },
  heap: { ofLevel: 0.15, plus: 16 },
  fileDescriptors: { ofLevel: 0, plus: 6 },
  disk: { ofLevel: 0.2, plus: 96 },
  latencyP50: { ofLevel: 0.5, plus: 10 },
  latencyP99: { ofLevel: 0.5, plus: 100 },
  loop: { ofLevel: 0.5, plus: 20 },
} as const satisfies Readonly<Record<string, Bound>>;

/** A heap is a saw until it is collected; its least of so many samples is what is held. */
const HEAP_WINDOW = 6;

/** Judges the second half of the samples. */
export function judge(samples: readonly Sample[], halfS: number): readonly Judgement[] {
  const half = samples.filter(({ atS }) => atS >= halfS);
  const ids = [...new Set(half.flatMap(({ nodes }) => nodes.map(({ id }) => id)))].sort();
  return [
    ...ids.flatMap((id) => judgeNode(half, id)),
    ...judgeSeries("send latency, median", "ms", {
      points: pointsOf(half, ({ p50Ms }) => p50Ms),
      bound: BOUNDS.latencyP50,
    }),
    ...judgeSeries("send latency, 99th percentile", "ms", {
      points: pointsOf(half, ({ p99Ms }) => p99Ms),
      bound: BOUNDS.latencyP99,
    }),
  ];
}

/** Memory and descriptors only of a process that lived through all of it: a restart would hide a leak. */
function judgeNode(half: readonly Sample[], id: number): readonly Judgement[] {
  const seen = half.flatMap(({ atS, nodes }) => {
    const node = nodes.find((one) => one.id === id);
    return node === undefined ? [] : [{ atS, ...node }];
  });
  const node = (what: string): string => `node ${id}, ${what}`;
  const disk = judgeSeries(node("disk"), "MiB", {
    points: seen.map(({ atS, diskBytes }) => ({ atS, value: diskBytes / MIB })),
    bound: BOUNDS.disk,
  });
  if (new Set(seen.map(({ pid }) => pid)).size > 1) return disk;
  const heap = seen.map(({ atS, heapBytes }) => ({ atS, value: heapBytes / MIB }));
  return [
    ...judgeSeries(node("resident memory"), "MiB", {
      points: seen.map(({ atS, rssBytes }) => ({ atS, value: rssBytes / MIB })),
      bound: BOUNDS.resident,
    }),
    ...judgeSeries(node("heap"), "MiB", { points: leastOf(heap), bound: BOUNDS.heap }),
    ...judgeSeries(node("file descriptors"), "", {
      points: seen.map(({ atS, fileDescriptors }) => ({ atS, value: fileDescriptors })),
      bound: BOUNDS.fileDescriptors,
    }),
    ...judgeSeries(node("event loop delay"), "ms", {
      points: seen.map(({ atS, loopMs }) => ({ atS, value: loopMs })),
      bound: BOUNDS.loop,
    }),
    ...disk,
  ];
}

function judgeSeries(
  what: string,
  unit: Judgement["unit"],
  { points, bound }: { readonly points: readonly Point[]; readonly bound: Bound },
): readonly Judgement[] {
  const trend = trendOf(points);
  if (trend === undefined) return [];
  return [{ what, unit, trend, bound, holds: isBounded(trend, bound) }];
}

function pointsOf(
  samples: readonly Sample[],
  read: (sample: Sample) => number | undefined,
): readonly Point[] {
  return samples.flatMap((sample) => {
    const value = read(sample);
    return value === undefined ? [] : [{ atS: sample.atS, value }];
  });
}

function leastOf(points: readonly Point[]): readonly Point[] {
  const least: Point[] = [];
  for (let at = 0; at + HEAP_WINDOW <= points.length; at += HEAP_WINDOW) {
    const window = points.slice(at, at + HEAP_WINDOW);
    const value = Math.min(...window.map((point) => point.value));
    least.push({ atS: median(window.map(({ atS }) => atS)), value });
  }
  return least;
}

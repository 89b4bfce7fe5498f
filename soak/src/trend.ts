/**
 * Whether something grows. The slope is Theil and Sen's: the median of the slopes of all pairs of points, which
 * a third of wild points (a checkpoint, a collection, a fault) do not move. What it would come to over the whole
 * window is compared with what the thing weighs: growth without bound is in proportion to time, and shows;
 * a level that sways does not.
 */

export interface Point {
  readonly atS: number;
  readonly value: number;
}

export interface Trend {
  /** Median of the values. */
  readonly level: number;
  /** What the slope comes to from the first point to the last; negative when it falls. */
  readonly growth: number;
  readonly points: number;
}

/** More points than this are thinned out: their pairs are squared. */
const POINTS_MAX = 400;

/** Undefined for fewer than eight points: they say nothing. */
export function trendOf(all: readonly Point[]): Trend | undefined {
  const step = Math.max(1, Math.ceil(all.length / POINTS_MAX));
  const points = all.filter((_, i) => i % step === 0);
  const [first, last] = [points[0], points.at(-1)];
  if (points.length < 8 || first === undefined || last === undefined) return undefined;
  const slopes: number[] = [];
  points.forEach((from, i) => {
    for (const to of points.slice(i + 1)) {
      if (to.atS > from.atS) slopes.push((to.value - from.value) / (to.atS - from.atS));
    }
  });
  return {
    level: median(points.map(({ value }) => value)),
    growth: median(slopes) * (last.atS - first.atS),
    points: all.length,
  };
}

/** How much a thing may grow over the window: a part of its level, and a fixed amount on top. */
export interface Bound {
  readonly ofLevel: number;
  readonly plus: number;
}

export function isBounded(trend: Trend, bound: Bound): boolean {
  return trend.growth <= trend.level * bound.ofLevel + bound.plus;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

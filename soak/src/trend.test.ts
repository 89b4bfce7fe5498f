import { describe, expect, test } from "vitest";
import { Random } from "../../system-test/nemesis/random.ts";
import { isBounded, type Point, trendOf } from "./trend.ts";

const BOUND = { ofLevel: 0.1, plus: 1 };

function points(valueAt: (i: number) => number): readonly Point[] {
  return Array.from({ length: 200 }, (_, i) => ({ atS: i * 5, value: valueAt(i) }));
}

function grows(series: readonly Point[]): boolean {
  const trend = trendOf(series);
  return trend !== undefined && !isBounded(trend, BOUND);
}

describe("a trend", () => {
  test("is seen in a leak, through noise and outliers", () => {
    const random = new Random(1);
    expect(grows(points((i) => 100 + i / 4 + random.between(-20, 20)))).toBe(true);
    const wild = points((i) => (i % 5 === 0 ? 900 : 100 + i / 4));
    expect(grows(wild)).toBe(true);
    expect(trendOf(wild)?.growth).toBeCloseTo(50, 0);
  });

  test("is not seen in a saw, in noise or in a jump at the end", () => {
    const random = new Random(2);
    expect(grows(points((i) => 100 + (i % 23) * 5))).toBe(false);
    expect(grows(points(() => 100 + random.between(-50, 50)))).toBe(false);
    expect(grows(points((i) => (i > 180 ? 500 : 100)))).toBe(false);
    expect(grows(points((i) => 200 - i / 2))).toBe(false);
  });

  test("is not told from a handful of points", () => {
    expect(trendOf(points((i) => i).slice(0, 7))).toBeUndefined();
  });
});

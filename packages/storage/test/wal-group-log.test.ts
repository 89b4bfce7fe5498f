import { logIndex, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { GroupLog } from "../src/wal/group-log.ts";
import { Placements } from "../src/wal/placements.ts";
import type { SegmentId } from "../src/wal/types.ts";

function point(
  index: number,
  at: number,
): { index: ReturnType<typeof logIndex>; term: ReturnType<typeof term> } {
  return { index: logIndex(index), term: term(at) };
}

/** Entries 1 … n with the given terms. */
function logOf(...terms: number[]): GroupLog {
  const log = new GroupLog();
  for (const [i, at] of terms.entries()) log.append(point(i + 1, at));
  return log;
}

function termsOf(log: GroupLog): number[] {
  const terms: number[] = [];
  for (let index = log.compacted.index; index <= log.last.index; index++)
    terms.push(log.termAt(index));
  return terms;
}

describe("what is known of a group's log", () => {
  test("terms are kept in runs", () => {
    const log = logOf(1, 1, 3, 3, 3, 7);
    expect(log.termRuns).toEqual([
      { from: 1, term: 1 },
      { from: 3, term: 3 },
      { from: 6, term: 7 },
    ]);
    expect(termsOf(log)).toEqual([0, 1, 1, 3, 3, 3, 7]);
  });

  test("a truncation cuts runs, at and between their beginnings", () => {
    for (let from = 1; from <= 7; from++) {
      const log = logOf(1, 1, 3, 3, 3, 7);
      log.truncate(from);
      expect(termsOf(log)).toEqual([0, 1, 1, 3, 3, 3, 7].slice(0, from));
      expect(log.last.index).toBe(Math.min(6, from - 1));
    }
  });

  test("compaction moves the beginning, up to the end and beyond it", () => {
    for (let index = 0; index <= 6; index++) {
      const log = logOf(1, 1, 3, 3, 3, 7);
      log.compact(index);
      expect(termsOf(log)).toEqual([0, 1, 1, 3, 3, 3, 7].slice(index));
      log.append(point(7, 8));
      expect(log.termAt(7)).toBe(8);
    }
    const log = logOf(1, 1);
    log.compactTo(point(9, 4));
    expect(termsOf(log)).toEqual([4]);
  });

  test("gaps, falling terms and cuts below the beginning are programmer errors", () => {
    const log = logOf(1, 2);
    expect(() => log.append(point(4, 2))).toThrow("consecutive");
    expect(() => log.append(point(3, 1))).toThrow("never fall");
    log.compact(2);
    expect(() => log.truncate(2)).toThrow("above what is compacted");
    expect(() => log.termAt(1)).toThrow("not in the log");
  });
});

describe("placements", () => {
  const place = (position: number) => ({
    segment: 0xffff_fffe as SegmentId,
    position,
    length: 0x0fff_ffff,
    kind: "membership" as const,
    crc: 0xffff_ffff,
  });

  test("take 16 bytes an entry and give back what was put in, at the limits too", () => {
    const placements = new Placements(1_000);
    for (let i = 0; i < 1_000; i++) placements.push(place(i));
    expect(placements.bytes).toBe(16_000);
    expect(placements.segment(999)).toBe(0xffff_fffe);
    expect(placements.position(999)).toBe(999);
    expect(placements.length(999)).toBe(0x0fff_ffff);
    expect(placements.kind(999)).toBe("membership");
    expect(placements.crc(999)).toBe(0xffff_ffff);
    expect(() => placements.position(1_000)).toThrow("out of range");
  });

  test("are cut and copied in parts", () => {
    const placements = new Placements();
    for (let i = 0; i < 10; i++) placements.push(place(i));
    const part = placements.slice(3, 7);
    placements.truncate(5);
    expect(placements.count).toBe(5);
    expect([part.count, part.position(0), part.position(3)]).toEqual([4, 3, 6]);
  });
});

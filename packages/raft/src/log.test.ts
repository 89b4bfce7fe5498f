import { logIndex, Prng, term } from "@kqueuey/base";
import { describe, expect, test } from "vitest";
import { entryBytes, RaftLog } from "./log.ts";
import type { Entry } from "./types.ts";

function entry(index: number, entryTerm: number, bytes = 10): Entry {
  const data = new Uint8Array(bytes);
  return { index: logIndex(index), term: term(entryTerm), kind: "commands", data };
}

function emptyLog(): RaftLog {
  return new RaftLog({ index: 0, term: 0 }, [], { index: 0, tail: [] });
}

function logOf(...terms: number[]): RaftLog {
  const log = emptyLog();
  terms.forEach((at, index) => {
    log.append(entry(index + 1, at));
  });
  return log;
}

describe("a log", () => {
  test("begins where storage says, with the terms of what is not in memory", () => {
    const runs = [
      { from: logIndex(11), term: term(3) },
      { from: logIndex(15), term: term(5) },
    ];
    const tail = [entry(16, 5), entry(17, 5)];
    const log = new RaftLog({ index: 10, term: 2 }, runs, { index: 17, tail });
    expect([9, 10, 11, 14, 15, 17, 18].map((at) => log.termAt(at))).toEqual([
      undefined,
      2,
      3,
      3,
      5,
      5,
      undefined,
    ]);
    expect(log.tailFirst).toBe(16);
    expect(log.slice(16, 17, 1_000)).toHaveLength(2);
    expect(() => log.slice(15, 17, 1_000)).toThrow("not in memory");
  });

  test("refuses runs and tails that do not fit together", () => {
    const base = { index: 1, term: 1 };
    const run = { from: logIndex(3), term: term(1) };
    expect(() => new RaftLog(base, [run], { index: 4, tail: [] })).toThrow("cover");
    const fits = { from: logIndex(2), term: term(1) };
    expect(() => new RaftLog(base, [fits], { index: 3, tail: [entry(2, 1)] })).toThrow(
      "contiguous",
    );
    expect(() => new RaftLog(base, [fits], { index: 2, tail: [entry(2, 2)] })).toThrow("agrees");
  });

  test("cuts slices by bytes, but never to nothing", () => {
    const log = logOf(1, 1, 1);
    const one = entryBytes(entry(1, 1));
    expect(log.slice(1, 3, one * 2)).toHaveLength(2);
    expect(log.slice(1, 3, 1)).toHaveLength(1);
    expect(log.slice(2, 2, one * 9)).toHaveLength(1);
  });

  test("skips whole terms when it looks for where logs part", () => {
    const log = logOf(1, 1, 1, 4, 4, 5, 5, 6, 6, 6);
    expect(log.lastWithTermAtMost(10, 6)).toBe(10);
    expect(log.lastWithTermAtMost(10, 5)).toBe(7);
    expect(log.lastWithTermAtMost(10, 3)).toBe(3);
    expect(log.lastWithTermAtMost(6, 9)).toBe(6);
    expect(log.lastWithTermAtMost(99, 9)).toBe(10);
    expect(log.lastWithTermAtMost(10, 0)).toBe(0);
  });

  test("knows which log is more up to date", () => {
    const log = logOf(1, 2, 2);
    expect(log.isUpToDate(3, 2)).toBe(true);
    expect(log.isUpToDate(1, 3)).toBe(true);
    expect(log.isUpToDate(2, 2)).toBe(false);
    expect(log.isUpToDate(9, 1)).toBe(false);
  });

  test("trims memory but keeps terms, and keeps what is above the limit", () => {
    const log = logOf(1, 2, 3, 4);
    log.trim(2, 0);
    expect(log.tailFirst).toBe(3);
    expect([1, 2, 3].map((at) => log.termAt(at))).toEqual([1, 2, 3]);
    log.trim(4, entryBytes(entry(4, 4)));
    expect(log.tailFirst).toBe(4);
  });

  test("starts anew after a snapshot", () => {
    const log = logOf(1, 1);
    log.reset(9, 3);
    expect([log.baseIndex, log.lastIndex, log.lastTerm, log.tailBytes]).toEqual([9, 9, 3, 0]);
    log.append(entry(10, 3));
    expect(log.termAt(10)).toBe(3);
  });

  test("agrees with a naive log under any sequence of operations", () => {
    const random = new Prng(7);
    for (let round = 0; round < 60; round++) runAgainstNaive(random);
  });
});

/** The naive log: an array of terms, where index 0 is before the first entry. */
function runAgainstNaive(random: Prng): void {
  const log = emptyLog();
  let terms = [0];
  let base = 0;
  let memory = 1;
  for (let step = 0; step < 120; step++) {
    const last = terms.length - 1;
    const roll = random.between(1, 10);
    if (roll <= 6) {
      const next = (terms.at(-1) ?? 0) + (random.chance(1, 4) ? 1 : 0) || 1;
      log.append(entry(last + 1, next));
      terms.push(next);
    } else if (roll === 7 && last > base) {
      const from = random.between(base + 1, last);
      log.truncateFrom(from);
      terms = terms.slice(0, from);
      memory = Math.min(memory, from);
    } else if (roll === 8 && last > base) {
      base = random.between(base, last);
      log.compact(base);
      memory = Math.max(memory, base + 1);
    } else if (roll >= 9) {
      log.trim(random.between(0, last), random.between(0, 200));
      memory = Math.max(memory, log.tailFirst);
    }
    expect(log.lastIndex).toBe(terms.length - 1);
    expect(log.baseIndex).toBe(base);
    expect(log.tailFirst).toBe(memory);
    for (let at = base; at < terms.length; at++) expect(log.termAt(at)).toBe(terms[at]);
    expect(log.termAt(base - 1)).toBeUndefined();
    expect(log.tailBytes).toBe((terms.length - memory) * entryBytes(entry(1, 1)));
  }
}

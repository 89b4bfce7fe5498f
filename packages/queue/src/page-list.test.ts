import { groupId, Prng } from "@kqueuey/base";
import { describe, expect, it } from "vitest";
import { Core } from "./core.ts";
import { queueId } from "./ids.ts";
import type { Page } from "./page.ts";
import { PageList } from "./page-list.ts";
import { QueueState } from "./queue.ts";

describe("the list of pages", () => {
  it.each([1, 2, 3, 4, 5])("finds what an array finds (seed %i)", (seed) => {
    const random = new Prng(seed);
    const core = new Core(groupId(0));
    const queue = new QueueState(queueId(1));
    const list = new PageList();
    const naive: Page[] = [];
    const ready = [new Set<Page>(), new Set<Page>()];
    let next = 1;
    for (let step = 0; step < 6_000; step++) {
      const dice = random.between(0, 9);
      if (dice < 3 || naive.length === 0) {
        const page = core.pool.allocate({
          number: step,
          queue,
          size: 16,
          firstSequence: next,
          baseSecond: 0,
        });
        page.used = 16;
        next += 16 + random.between(0, 3);
        list.push(page);
        naive.push(page);
      } else if (dice < 5 && naive.length > (step < 4_000 ? 150 : 0)) {
        const page = random.chance(1, 2) ? naive[0] : random.pick(naive);
        if (page === undefined) continue;
        list.remove(page);
        naive.splice(naive.indexOf(page), 1);
        for (const set of ready) set.delete(page);
      } else {
        const page = random.pick(naive);
        const kind = random.between(0, 1);
        const set = ready[kind] ?? new Set();
        const on = random.chance(1, 3);
        // A compaction reads the counts from the pages.
        if (kind === 1) page.redeliveredCount = on ? 1 : 0;
        else page.freshCount = on ? 1 : 0;
        if (on) set.add(page);
        else set.delete(page);
        list.setReady(page, kind === 1, on);
      }
      for (const kind of [0, 1]) {
        const expected = naive.find((page) => ready[kind]?.has(page));
        expect(list.firstReady(kind === 1)).toBe(expected);
      }
      const sequence = random.between(0, next + 20);
      const expected = naive.find(
        (p) => sequence >= p.firstSequence && sequence < p.firstSequence + 16,
      );
      expect(list.find(sequence)).toBe(expected);
      expect(list.length).toBe(naive.length);
      expect(list.last()).toBe(naive.at(-1));
    }
  });
});

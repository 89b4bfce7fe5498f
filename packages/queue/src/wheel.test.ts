import { groupId, Prng } from "@kqueuey/base";
import { describe, expect, it } from "vitest";
import { Core } from "./core.ts";
import { queueId } from "./ids.ts";
import { referenceTo, slotOf } from "./page-pool.ts";
import { QueueState } from "./queue.ts";

/** Slots in a wheel, as a sorted list would have them. */
function setUp(slots: number) {
  const core = new Core(groupId(0));
  const queue = new QueueState(queueId(1));
  const references: number[] = [];
  for (let first = 1; first <= slots; first += 512) {
    const page = core.pool.allocate({
      number: 1,
      queue,
      size: 512,
      firstSequence: first,
      baseSecond: 0,
    });
    core.pool.needLease(page);
    for (let slot = 0; slot < 512; slot++) {
      page.append(1, 16, { sizeClass: 1, second: 0 });
      references.push(referenceTo(page, slot));
    }
  }
  const insert = (reference: number, deadline: number): void => {
    core.pool.pageOf(reference).setVisibleAt(slotOf(reference), deadline);
    core.wheel.insert(reference, deadline);
  };
  return { wheel: core.wheel, references, insert };
}

describe("the timing wheel", () => {
  it.each([1, 2, 3, 4, 5, 6])("gives deadlines as a sorted list does (seed %i)", (seed) => {
    const random = new Prng(seed);
    const { wheel, references, insert } = setUp(2_048);
    const held = new Map<number, number>();
    let now = random.between(0, 100_000);
    const steps = [1, 20, 1_023, 1_024, 5_000, 70_000, 43_200_000];
    const spans = [...steps, 4_000_000_000];
    for (let step = 0; step < 4_000; step++) {
      const reference = random.pick(references);
      const deadline = held.get(reference);
      if (deadline !== undefined && random.chance(1, 2)) {
        wheel.remove(reference, deadline);
        held.delete(reference);
      } else if (deadline === undefined) {
        const next = now + random.between(1, random.pick(spans));
        insert(reference, next);
        held.set(reference, next);
      }
      if (random.chance(1, 4)) now += random.between(0, random.pick(steps));
      // Now and then the due ones are left, as by an entry whose steps ran out.
      for (let round = 0; round < 50; round++) {
        const due = wheel.due(now);
        const least = Math.min(...held.values());
        expect(due).toBe(least <= now ? least : -1);
        if (due < 0 || random.chance(1, 20)) break;
        const found: number[] = [];
        wheel.collect(due, found);
        const expected = [...held].filter(([, at]) => at === due).map(([r]) => r);
        expect(found.sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b));
        for (const r of found) {
          wheel.remove(r, due);
          held.delete(r);
        }
      }
      const bound = wheel.nextDeadline();
      if (held.size === 0) expect(bound).toBeUndefined();
      else expect(bound).toBeLessThanOrEqual(Math.min(...held.values()));
      expect(wheel.size).toBe(held.size);
    }
  });
});

import { groupId, Prng } from "@kqueuey/base";
import { describe, expect, it } from "vitest";
import { Core } from "./core.ts";
import { queueId } from "./ids.ts";
import type { Lease } from "./lease-plane.ts";
import type { Page } from "./page.ts";
import { QueueState } from "./queue.ts";

const SLOTS = 16;
const HALF = 0x8000_0000;
const WALL = 1_700_000_000_000;

/** A page of messages, with a lease plane in which there is rubbish of an earlier page. */
function pageOf(slots: number): Page {
  const core = new Core(groupId(0));
  const queue = new QueueState(queueId(1));
  const start = { number: 1, queue, size: slots, firstSequence: 1, baseSecond: 0 };
  const page = core.pool.allocate(start);
  core.pool.needLease(page);
  page.lease?.fill(0xdead_beef);
  for (let slot = 0; slot < slots; slot++) page.append(1, 16, { sizeClass: 1, second: 0 });
  return page;
}

function leaseOf(page: Page, slot: number): Lease {
  return {
    token: page.token(slot),
    leaseMs: page.leaseMs(slot),
    firstReceived: page.firstReceived(slot),
    count: page.receiveCount(slot),
  };
}

/** Sets leases one after the other, each in the next slot, and reads all of them after each. */
function expectKept(leases: readonly Partial<Lease>[]): Page {
  const page = pageOf(SLOTS);
  const kept = new Map<number, Lease>();
  leases.forEach((part, i) => {
    const lease = { token: 1, leaseMs: 30_000, firstReceived: WALL, count: 1, ...part };
    page.setLease(i % SLOTS, lease);
    kept.set(i % SLOTS, lease);
    for (const [slot, expected] of kept) {
      expect({ slot, ...leaseOf(page, slot) }).toEqual({ slot, ...expected });
    }
  });
  return page;
}

describe("the leases of a page", () => {
  const far = 0x100_0000_0000;
  it.each<[string, readonly number[], number]>([
    ["near each other", [far, far + 1, far - 1, far - HALF + 1, far + HALF - 1], 0],
    ["none, then one, then none", [0, 0, far, 0, far + 5, 0], 0],
    ["on both sides of 2^32", [0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001], 0],
    ["the first of all", [1, 2, 0, HALF, 0xffff_ffff], 0],
    ["as far below the first as its distance to the base", [far, far - HALF], 2],
    ["further on than a word holds", [far, far + HALF], 2],
    ["raised by 2^32", [7, 8, 0x1_0000_0007, 0, 9, 0x2_0000_0007], 2],
    ["the largest there are", [1, 0xffff_ffff_ffff, 0, 0xffff_0000_0000], 2],
    ["back near each other", [far, 1, far, far + 1, 0, far + 2], 2],
  ])("are exact with numbers %s", (_, numbers, extraBytes) => {
    const plane = SLOTS * 5 * 4;
    const byToken = expectKept(numbers.map((token) => ({ token })));
    expect(byToken.leaseBytes).toBe(plane + SLOTS * extraBytes);
    const byTime = expectKept(numbers.map((firstReceived) => ({ firstReceived })));
    expect(byTime.leaseBytes).toBe(plane + SLOTS * extraBytes);
    const byBoth = expectKept(numbers.map((token) => ({ token, firstReceived: token })));
    expect(byBoth.leaseBytes).toBe(plane + SLOTS * 2 * extraBytes);
  });

  it("have receive counts of any size, and the queue's table only the large ones", () => {
    const counts = [1, 62, 63, 64, 254, 255, 256, 0xffff_ffff];
    const page = expectKept(counts.map((count) => ({ count })));
    expect(page.queue.countsInTable.size).toBe(6);
    page.setLease(2, { token: 1, leaseMs: 0, firstReceived: WALL, count: 62 });
    expect(page.receiveCount(2)).toBe(62);
    expect(page.queue.countsInTable.size).toBe(5);
  });

  it("leave each other and the wheel's words alone", () => {
    const page = pageOf(SLOTS);
    page.setLease(3, { token: 1, leaseMs: 43_200_000, firstReceived: WALL, count: 62 });
    const wheel = [page.lease?.[3 * 5 + 3], page.lease?.[3 * 5 + 4]];
    page.setLeaseMs(3, 0x3ff_ffff);
    page.setLease(2, { token: far, leaseMs: 1, firstReceived: 1, count: 70 });
    page.setLease(4, { token: 0, leaseMs: 0, firstReceived: 0, count: 1 });
    const expected = { token: 1, leaseMs: 0x3ff_ffff, firstReceived: WALL, count: 62 };
    expect(leaseOf(page, 3)).toEqual(expected);
    expect([page.lease?.[3 * 5 + 3], page.lease?.[3 * 5 + 4]]).toEqual(wheel);
    page.setTarget(3, 0xffff, 0xffff_ffff_ffff);
    expect(page.targetQueue(3)).toBe(0xffff_ffff_ffff);
    expect(leaseOf(page, 3)).toEqual({ ...expected, leaseMs: 0xffff });
  });

  it.each([1, 2, 3, 4])("are what was set last, in any order (seed %i)", (seed) => {
    const random = new Prng(seed);
    const number = (): number => {
      const about = random.pick([0, 1, 0x1_0000_0000, WALL, WALL + HALF, 0xffff_ffff_fff0]);
      return random.chance(1, 10) ? 0 : about + random.between(0, 3);
    };
    const steps = Array.from({ length: 200 }, () => ({
      token: random.chance(1, 20) ? number() : far + random.between(0, 1_000),
      leaseMs: random.between(0, 43_200_000),
      firstReceived: random.chance(1, 20) ? number() : WALL + random.between(-1_000, 1_000),
      count: random.pick([1, 2, 61, 62, 63, 64, 300]),
    }));
    expectKept(steps);
  });
});

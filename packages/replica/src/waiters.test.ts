import { monotonic } from "@kqueuey/base";
import type { QueueId } from "@kqueuey/queue";
import { describe, expect, test } from "vitest";
import { type Waiter, Waiters } from "./waiters.ts";

const queue = 1 as QueueId;
let serial = 0;

function waiter(maxMessages: number, deadlineMs = 1_000): Waiter {
  serial += 1;
  const deadline = monotonic(deadlineMs);
  return { queue, maxMessages, deadlineMs: deadline, serial, state: "waiting", promised: 0 };
}

describe("long polls on the leader", () => {
  test("no more receives are let go than messages are there", () => {
    const waiters = new Waiters(10);
    const [a, b, c] = [waiter(3), waiter(3), waiter(3)];
    for (const each of [a, b, c]) waiters.wait(each);
    expect(waiters.letGo(queue, 4)).toBe(a);
    expect(waiters.letGo(queue, 4)).toBe(b);
    expect(waiters.promised(queue)).toBe(4);
    expect(waiters.letGo(queue, 4)).toBeUndefined();
    expect(waiters.waiting).toBe(1);
    waiters.settle(a);
    expect(waiters.letGo(queue, 4)).toBe(c);
  });

  test("is awaited while receives wait, and forgets what was to come once it came", () => {
    const waiters = new Waiters(10);
    const [a, b] = [waiter(1), waiter(1)];
    expect(waiters.isAwaited(queue)).toBe(false);
    waiters.wait(a);
    waiters.wait(b);
    expect(waiters.isAwaited(queue)).toBe(true);
    waiters.expect(queue, 3);
    expect(waiters.coming(queue)).toBe(3);
    waiters.cancel(a);
    expect(waiters.isAwaited(queue)).toBe(true);
    expect(waiters.letGo(queue, 3)).toBe(b);
    expect(waiters.isAwaited(queue)).toBe(false);
    waiters.arrived(queue, 3);
    expect(waiters.coming(queue)).toBe(0);
  });

  test("an empty grant puts the waiter back at the front", () => {
    const waiters = new Waiters(10);
    const [a, b] = [waiter(1), waiter(1)];
    waiters.wait(a);
    waiters.wait(b);
    expect(waiters.letGo(queue, 1)).toBe(a);
    waiters.settle(a);
    waiters.putBack(a);
    expect(waiters.letGo(queue, 1)).toBe(a);
  });

  test("each waiter is told once that its time is over, earliest first", () => {
    const waiters = new Waiters(10);
    const [late, early] = [waiter(1, 200), waiter(1, 100)];
    waiters.wait(late);
    waiters.wait(early);
    expect(waiters.letGo(queue, 1)).toBe(late);
    waiters.settle(late);
    waiters.putBack(late);
    expect(waiters.takeExpired(monotonic(99))).toBeUndefined();
    expect(waiters.takeExpired(monotonic(500))).toBe(early);
    expect(waiters.takeExpired(monotonic(500))).toBe(late);
    expect(waiters.takeExpired(monotonic(500))).toBeUndefined();
    expect(waiters.waiting).toBe(0);
  });

  test("a cancelled waiter is granted nothing, and lines do not grow with those that left", () => {
    const waiters = new Waiters(1_000_000);
    const stays = waiter(1);
    waiters.wait(stays);
    for (let i = 0; i < 10_000; i++) {
      const leaves = waiter(1);
      waiters.wait(leaves);
      expect(waiters.cancel(leaves)).toBe(true);
      expect(waiters.cancel(leaves)).toBe(false);
    }
    expect(waiters.waiting).toBe(1);
    expect(waiters.letGo(queue, 5)).toBe(stays);
    expect(waiters.letGo(queue, 5)).toBeUndefined();
  });

  test("everybody is taken out when leadership is gone", () => {
    const waiters = new Waiters(10);
    const [a, b] = [waiter(1), waiter(1)];
    waiters.wait(a);
    waiters.wait(b);
    waiters.letGo(queue, 1);
    expect(waiters.takeAll()).toEqual([b]);
    expect(waiters.waiting).toBe(0);
  });
});

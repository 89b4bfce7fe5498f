/**
 * Long polls, on the leader alone. A waiting receive is not in the log: it becomes a command only when
 * messages are there for it, so ten thousand idle workers cost nothing.
 *
 * A queue's *promised* messages are those that receives already in the log will take; its *coming* ones those that
 * sends already in the log will bring. A waiter is let go only for messages beyond the promised ones, first come
 * first served; one that was granted nothing after all comes back at the front.
 */
import type { MonotonicMs } from "@kqueuey/base";
import { assert, Heap } from "@kqueuey/base";
import type { QueueId } from "@kqueuey/queue";

/** One receive that waits or has been proposed. */
export interface Waiter {
  readonly queue: QueueId;
  /** Messages it asks for, 1 or more. */
  readonly maxMessages: number;
  readonly deadlineMs: MonotonicMs;
  /** What the receive's answer belongs to. */
  readonly serial: number;
  state: "waiting" | "proposed" | "over";
  /** Messages promised to it while proposed. */
  promised: number;
}

interface QueueWaiters {
  readonly line: Waiter[];
  /** Waiters before `head` have left. */
  head: number;
  promised: number;
  coming: number;
  /** Waiters at or after `head` that left by another way (cancelled, out of time). */
  gone: number;
}

export class Waiters {
  readonly #limit: number;
  readonly #queues = new Map<QueueId, QueueWaiters>();
  readonly #deadlines = new Heap<Waiter>((a, b) =>
    a.deadlineMs === b.deadlineMs ? a.serial < b.serial : a.deadlineMs < b.deadlineMs,
  );
  #waiting = 0;

  /** At most `limit` receives wait at once, over all queues. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Receives that wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  get full(): boolean {
    return this.#waiting >= this.#limit;
  }

  /** Messages of the queue that proposed receives will take. */
  promised(queue: QueueId): number {
    return this.#queues.get(queue)?.promised ?? 0;
  }

  /** Messages of the queue that proposed sends will bring. */
  coming(queue: QueueId): number {
    return this.#queues.get(queue)?.coming ?? 0;
  }

  /** Whether receives of the queue wait. */
  isAwaited(queue: QueueId): boolean {
    const waiters = this.#queues.get(queue);
    return waiters !== undefined && waiters.line.length - waiters.head > waiters.gone;
  }

  /** A send of `count` messages was proposed. */
  expect(queue: QueueId, count: number): void {
    this.#of(queue).coming += count;
  }

  /** That send was applied or lost: its messages are there or will never be. */
  arrived(queue: QueueId, count: number): void {
    const waiters = this.#of(queue);
    waiters.coming -= count;
    assert(waiters.coming >= 0, "more messages came than were expected");
    this.#tidy(queue, waiters);
  }

  /** Adds a receive at the end of its queue's line. */
  wait(waiter: Waiter): void {
    assert(waiter.state === "waiting", "only a waiting receive joins the line");
    this.#of(waiter.queue).line.push(waiter);
    this.#deadlines.push(waiter);
    this.#waiting += 1;
  }

  /** The next waiter to propose while `available` messages are there, with its share promised; undefined if none. */
  letGo(queue: QueueId, available: number): Waiter | undefined {
    const waiters = this.#queues.get(queue);
    if (waiters === undefined || available <= waiters.promised) return undefined;
    const next = this.#shift(waiters);
    if (next === undefined) return undefined;
    this.promise(next, available);
    return next;
  }

  /** Marks a receive as proposed and promises it what is left of `available`, at least one. */
  promise(waiter: Waiter, available: number): void {
    const waiters = this.#of(waiter.queue);
    waiter.state = "proposed";
    waiter.promised = Math.max(1, Math.min(waiter.maxMessages, available - waiters.promised));
    waiters.promised += waiter.promised;
  }

  /** The proposed receive was applied or lost: its promise is over. */
  settle(waiter: Waiter): void {
    assert(waiter.state === "proposed", "only a proposed receive is settled");
    const waiters = this.#of(waiter.queue);
    waiters.promised -= waiter.promised;
    waiter.promised = 0;
    waiter.state = "over";
    this.#tidy(waiter.queue, waiters);
  }

  /** A settled receive got nothing and still has time: back to the front of the line. */
  putBack(waiter: Waiter): void {
    assert(waiter.state === "over", "only a settled receive is put back");
    waiter.state = "waiting";
    const waiters = this.#of(waiter.queue);
    if (waiters.head > 0) {
      waiters.head -= 1;
      waiters.line[waiters.head] = waiter;
    } else {
      waiters.line.unshift(waiter);
    }
    this.#deadlines.push(waiter);
    this.#waiting += 1;
  }

  /** The receive's caller is gone: true if it was waiting and no longer is. */
  cancel(waiter: Waiter): boolean {
    if (waiter.state !== "waiting") return false;
    this.#leave(waiter);
    return true;
  }

  /** Takes the next waiter whose time is over; undefined when none is. */
  takeExpired(nowMs: MonotonicMs): Waiter | undefined {
    for (;;) {
      const first = this.#deadlines.peek();
      if (first === undefined || (first.state === "waiting" && first.deadlineMs > nowMs)) {
        return undefined;
      }
      this.#deadlines.pop();
      if (first.state !== "waiting") continue; // Left the line by another way, or stands in it twice.
      this.#leave(first);
      return first;
    }
  }

  /** When the next waiter's time is over. */
  nextDeadline(): MonotonicMs | undefined {
    return this.#deadlines.peek()?.deadlineMs;
  }

  /** Takes everybody out of every line, in no promised order: leadership is gone, or the node stops. */
  takeAll(): Waiter[] {
    const all: Waiter[] = [];
    for (const waiters of this.#queues.values()) {
      for (let at = waiters.head; at < waiters.line.length; at++) {
        const waiter = waiters.line[at];
        if (waiter === undefined || waiter.state !== "waiting") continue;
        waiter.state = "over";
        all.push(waiter);
      }
      waiters.line.length = 0;
      waiters.head = 0;
      waiters.gone = 0;
    }
    this.#waiting = 0;
    this.#deadlines.clear();
    return all;
  }

  #of(queue: QueueId): QueueWaiters {
    let waiters = this.#queues.get(queue);
    if (waiters === undefined) {
      waiters = { line: [], head: 0, promised: 0, coming: 0, gone: 0 };
      this.#queues.set(queue, waiters);
    }
    return waiters;
  }

  #shift(waiters: QueueWaiters): Waiter | undefined {
    while (waiters.head < waiters.line.length) {
      const next = waiters.line[waiters.head];
      waiters.head += 1;
      if (waiters.head > 64 && waiters.head * 2 > waiters.line.length) {
        waiters.line.splice(0, waiters.head);
        waiters.head = 0;
      }
      if (next !== undefined && next.state === "waiting") {
        this.#waiting -= 1;
        return next;
      }
      waiters.gone -= 1;
    }
    return undefined;
  }

  /** A waiter leaves its line from the middle; lines that are mostly gaps are closed up. */
  #leave(waiter: Waiter): void {
    waiter.state = "over";
    this.#waiting -= 1;
    const waiters = this.#of(waiter.queue);
    waiters.gone += 1;
    if (waiters.gone * 2 <= waiters.line.length - waiters.head) return;
    const rest = waiters.line.slice(waiters.head).filter((other) => other.state === "waiting");
    waiters.line.splice(0, waiters.line.length, ...rest);
    waiters.head = 0;
    waiters.gone = 0;
    this.#tidy(waiter.queue, waiters);
  }

  #tidy(queue: QueueId, waiters: QueueWaiters): void {
    const isInHand = waiters.promised > 0 || waiters.coming > 0;
    if (!isInHand && waiters.head === waiters.line.length) this.#queues.delete(queue);
  }
}

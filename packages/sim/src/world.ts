/**
 * Virtual time: things to do, ordered by (time, order of scheduling); a heap, and a line for the half of
 * them that are due at once. The only loop of the simulator. Equal seeds and equal schedules give equal runs.
 */
import { assert, Heap } from "@kqueuey/base";

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class World {
  /** What is due later than it was scheduled. */
  readonly #tasks = new Heap<Task>((a, b) =>
    a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs,
  );
  /** What is due at the moment at which it was scheduled, in order: after all of `#tasks` for that moment. */
  #atOnce: (() => void)[] = [];
  /** The first of `#atOnce` that was not run. */
  #next = 0;
  #nowMs = 0;
  #order = 0;
  #steps = 0;

  /** Virtual ms since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Tasks run so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Runs `task` after `delayMs` virtual ms (0 or more), after everything scheduled before for that time. */
  schedule(delayMs: number, task: () => void): void {
    assert(delayMs >= 0, "the past cannot be scheduled");
    const atMs = this.#nowMs + delayMs;
    if (atMs === this.#nowMs) {
      this.#atOnce.push(task);
      return;
    }
    this.#order += 1;
    this.#tasks.push({ atMs, order: this.#order, run: task });
  }

  /** Runs the next task; false when there is none. */
  step(): boolean {
    const first = this.#tasks.peek();
    // What was scheduled earlier for this moment comes first, and all of that is in the heap.
    const isLater = first === undefined || first.atMs > this.#nowMs;
    const atOnce = isLater ? this.#takeAtOnce() : undefined;
    if (atOnce !== undefined) {
      this.#steps += 1;
      atOnce();
      return true;
    }
    if (first === undefined) return false;
    this.#tasks.pop();
    this.#nowMs = first.atMs;
    this.#steps += 1;
    first.run();
    return true;
  }

  #takeAtOnce(): (() => void) | undefined {
    const task = this.#atOnce[this.#next];
    if (task === undefined) return undefined;
    this.#next += 1;
    if (this.#next === this.#atOnce.length) {
      this.#atOnce = [];
      this.#next = 0;
    }
    return task;
  }

  /** When the next task is due; infinity when there is none. */
  #nextMs(): number {
    if (this.#next < this.#atOnce.length) return this.#nowMs;
    return this.#tasks.peek()?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Runs everything due within the next `durationMs`, and moves the clock to its end. */
  runFor(durationMs: number): void {
    const end = this.#nowMs + durationMs;
    while (this.#nextMs() <= end) this.step();
    this.#nowMs = end;
  }

  /** Runs until `condition` holds; false when it did not within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const end = this.#nowMs + limitMs;
    while (!condition()) {
      if (this.#nextMs() > end) {
        this.#nowMs = end;
        return condition();
      }
      this.step();
    }
    return true;
  }
}

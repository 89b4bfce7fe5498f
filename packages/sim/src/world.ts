/**
 * Virtual time: one heap of things to do, ordered by (time, order of scheduling). The only loop of the
 * simulator. Equal seeds and equal schedules give equal runs.
 */
import { assert, Heap } from "@kqueuey/base";

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class World {
  readonly #tasks = new Heap<Task>((a, b) =>
    a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs,
  );
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
    this.#order += 1;
    this.#tasks.push({ atMs: this.#nowMs + delayMs, order: this.#order, run: task });
  }

  /** Runs the next task; false when there is none. */
  step(): boolean {
    const task = this.#tasks.pop();
    if (task === undefined) return false;
    this.#nowMs = task.atMs;
    this.#steps += 1;
    task.run();
    return true;
  }

  /** Runs everything due within the next `durationMs`, and moves the clock to its end. */
  runFor(durationMs: number): void {
    const end = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#tasks.peek();
      if (next === undefined || next.atMs > end) break;
      this.step();
    }
    this.#nowMs = end;
  }

  /** Runs until `condition` holds; false when it did not within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const end = this.#nowMs + limitMs;
    while (!condition()) {
      const next = this.#tasks.peek();
      if (next === undefined || next.atMs > end) {
        this.#nowMs = end;
        return condition();
      }
      this.step();
    }
    return true;
  }
}

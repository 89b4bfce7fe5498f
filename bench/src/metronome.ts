/**
 * Wakes the load process at a given moment. Timers of the event loop have whole milliseconds and are late by half of
 * one, which would be in every latency of every system; a thread of its own sleeps to the microsecond.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** Sleeps until the moment that it is told, on the clock of all threads, then says so. */
const SLEEPER = `
const { parentPort } = require("node:worker_threads");
const cell = new Int32Array(new SharedArrayBuffer(4));
parentPort.on("message", (untilMs) => {
  const left = untilMs - performance.timeOrigin - performance.now();
  if (left > 0) Atomics.wait(cell, 0, 0, left);
  parentPort.postMessage(untilMs);
});
parentPort.postMessage("ready");
`;

export class Metronome {
  readonly #worker: Worker;
  #rung: (() => void) | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", () => this.#rung?.());
  }

  static async start(): Promise<Metronome> {
    const worker = new Worker(SLEEPER, { eval: true });
    await once(worker, "message");
    return new Metronome(worker);
  }

  /** Resolves at `dueMs` of `performance.now()`; at once when that is over. */
  until(dueMs: number): Promise<void> {
    if (performance.now() >= dueMs) return Promise.resolve();
    return new Promise((resolve) => {
      this.#rung = resolve;
      this.#worker.postMessage(performance.timeOrigin + dueMs);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

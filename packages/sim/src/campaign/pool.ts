/**
 * Threads that run jobs. A job that does not end, or that takes its thread with it, fails like a broken
 * promise, and another thread comes in the place of the one that is lost.
 */
import { Worker } from "node:worker_threads";
import type { FirstFailing } from "../shrink/ddmin.ts";
import { type Job, lostOutcome, type Outcome } from "./trial.ts";

export interface PoolOptions {
  readonly threads: number;
  /** Real ms after which a job that has not ended never will. */
  readonly jobLimitMs: number;
}

const HEAP_MB_MAX = 2_048;

export class Pool {
  readonly threads: number;
  readonly #jobLimitMs: number;
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  readonly #busy = new Set<Worker>();

  constructor({ threads, jobLimitMs }: PoolOptions) {
    this.threads = threads;
    this.#jobLimitMs = jobLimitMs;
    for (let i = 0; i < threads; i++) this.#idle.push(startWorker());
  }

  /** Runs a job as soon as a thread is free. Never throws. */
  async run(job: Job): Promise<Outcome> {
    const worker = this.#idle.pop() ?? (await this.#nextFree());
    this.#busy.add(worker);
    const outcome = await this.#runOn(worker, job);
    const mayStay = this.#busy.delete(worker);
    this.#release(mayStay ? worker : startWorker());
    return outcome;
  }

  /**
   * The first of the jobs whose outcome fails by `fails`, as many at a time as there are threads;
   * undefined when none does, or when the time `untilMs` came before it was known.
   */
  async firstFailing(
    jobs: readonly Job[],
    fails: (outcome: Outcome) => boolean,
    untilMs: number,
  ): ReturnType<FirstFailing<Job>> {
    for (let at = 0; at < jobs.length; at += this.threads) {
      if (performance.now() >= untilMs) return undefined;
      const batch = jobs.slice(at, at + this.threads).map((job) => this.run(job));
      const outcomes = await Promise.all(batch);
      const found = outcomes.findIndex(fails);
      if (found >= 0) return at + found;
    }
    return undefined;
  }

  /** Ends all threads. No job may run. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((worker) => worker.terminate()));
  }

  #nextFree(): Promise<Worker> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
  }

  #runOn(worker: Worker, job: Job): Promise<Outcome> {
    const began = performance.now();
    const limit = this.#jobLimitMs;
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        clearTimeout(timer);
        worker.off("message", settle).off("error", failed).off("exit", ended);
        resolve(outcome);
      };
      const lose = (checker: string, promise: string, what: string): void => {
        this.#busy.delete(worker);
        settle(lostOutcome({ checker, promise, what }, performance.now() - began));
        void worker.terminate();
      };
      const crashed = "the simulator does not crash";
      const failed = (error: unknown): void => lose("crash", crashed, String(error));
      const ended = (code: number): void => lose("crash", crashed, `exit code ${code}`);
      const hung = (): void =>
        lose("hang", "every run comes to an end", `${limit} ms were too few`);
      const timer = setTimeout(hung, limit);
      worker.on("message", settle).on("error", failed).on("exit", ended);
      worker.postMessage(job);
    });
  }
}

function startWorker(): Worker {
  const worker = new Worker(new URL("./trial-worker.mjs", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
  });
  // A thread that fails while it is being ended has nobody else to tell.
  return worker.on("error", () => {});
}

/** A thread that runs one bundle's plans. A plan that does not end is ended, and told like a broken promise. */
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { Trial, Verdict } from "./verdict.ts";

/** Real ms after which a run that has not ended never will: a sound one takes well under a second. */
const RUN_LIMIT_MS = 60_000;
const HEAP_MB_MAX = 1_024;

export class TrialThread {
  /** A run did not end: no other can be made. */
  isStuck = false;
  readonly #worker: Worker;

  constructor(bundlePath: string) {
    this.#worker = new Worker(pathToFileURL(bundlePath), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
      stdout: true,
      stderr: true,
    });
  }

  run(trial: Trial): Promise<Verdict> {
    return new Promise((resolve) => {
      const hung = (what: string): void => {
        const promise = "every run comes to an end";
        this.isStuck = true;
        settle({ faults: 0, acknowledged: 0, violations: [{ checker: "hang", promise, what }] });
      };
      const timer = setTimeout(() => hung(`not over after ${RUN_LIMIT_MS} ms`), RUN_LIMIT_MS);
      const failed = (error: unknown): void => hung(String(error));
      const settle = (verdict: Verdict): void => {
        clearTimeout(timer);
        this.#worker.off("message", settle);
        this.#worker.off("error", failed);
        resolve(verdict);
      };
      this.#worker.once("message", settle);
      this.#worker.once("error", failed);
      this.#worker.postMessage(trial);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

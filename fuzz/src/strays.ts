/** What is thrown where nobody catches it: in a timer, in an event, in a promise that nobody waits for. */
import { setImmediate as turn } from "node:timers/promises";

export class Strays {
  readonly #thrown: unknown[] = [];
  readonly #keep = (error: unknown): void => {
    this.#thrown.push(error);
  };

  constructor() {
    process.on("uncaughtException", this.#keep);
    process.on("unhandledRejection", this.#keep);
  }

  /** Throws what was thrown, if anything. */
  rethrow(): void {
    if (this.#thrown.length === 0) return;
    const [first] = this.#thrown.splice(0);
    throw first instanceof Error ? first : new Error(String(first));
  }

  /** Lets what is in line run, then throws what was thrown. */
  async settle(): Promise<void> {
    await turn();
    await turn();
    this.rethrow();
  }

  close(): void {
    process.off("uncaughtException", this.#keep);
    process.off("unhandledRejection", this.#keep);
  }
}

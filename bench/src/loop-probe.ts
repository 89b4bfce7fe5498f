/** The longest answer of a node's health check while something else goes on, as seen from outside. */
import { setTimeout as pause } from "node:timers/promises";

const EVERY_MS = 5;

export class LoopProbe {
  #running = true;
  readonly #longest: Promise<number>;

  constructor(url: string) {
    this.#longest = this.#probe(`${url}/healthz`);
  }

  /** Ends the probing; answers the longest answer time in ms. */
  async stop(): Promise<number> {
    this.#running = false;
    return await this.#longest;
  }

  async #probe(url: string): Promise<number> {
    let longest = 0;
    while (this.#running) {
      const startedMs = performance.now();
      const response = await fetch(url);
      await response.text();
      longest = Math.max(longest, performance.now() - startedMs);
      await pause(EVERY_MS);
    }
    return longest;
  }
}

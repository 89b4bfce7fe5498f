/** The list of one checker's findings; long lists say no more than short ones. */
import type { Violation } from "./checker.ts";

const FINDINGS_MAX = 5;

export class Verdicts {
  readonly #checker: string;
  readonly #promise: string;
  readonly list: Violation[] = [];

  constructor(checker: string, promise: string) {
    this.#checker = checker;
    this.#promise = promise;
  }

  broken(what: string): void {
    if (this.list.length === FINDINGS_MAX) return;
    this.list.push({ checker: this.#checker, promise: this.#promise, what });
  }
}

/** What a pushing server delivered and nobody took yet, for drivers whose servers push. */
export class Arrivals<T> {
  #waiting: T[] = [];
  #wake: (() => void) | undefined;

  push(item: T): void {
    this.#waiting.push(item);
    this.#wake?.();
  }

  /** At most `max` items; waits up to `waitMs` for the first. */
  async take(max: number, waitMs: number): Promise<T[]> {
    if (this.#waiting.length === 0) await this.#arrival(waitMs);
    if (this.#waiting.length <= max) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, max);
  }

  #arrival(waitMs: number): Promise<void> {
    const before = this.#wake;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        before?.();
        resolve();
      };
    });
  }
}

/** Latencies of calls: recorded one by one, read as percentiles at the end. */
export class Latencies {
  #values = new Float64Array(1_024);
  #count = 0;
  #sorted = false;

  /** Adds one, in ms. */
  record(ms: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count] = ms;
    this.#count += 1;
    this.#sorted = false;
  }

  /** The latency that `percent` of the calls did not exceed (nearest rank); 0 without any. */
  percentile(percent: number): number {
    if (this.#count === 0) return 0;
    if (!this.#sorted) {
      this.#values.subarray(0, this.#count).sort();
      this.#sorted = true;
    }
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count));
    return this.#values[rank - 1] ?? 0;
  }
}

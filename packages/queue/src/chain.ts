/**
 * The running hash over every transition of a machine: two 32-bit lanes, a few multiplications a step.
 * Replicas that applied the same entries have the same chain; a snapshot carries it on.
 */
export class ChainHash {
  #a = 0x811c9dc5 | 0;
  #b = 0x9e3779b9 | 0;

  /** Mixes 32 bits. */
  mix(word: number): void {
    let a = Math.imul(this.#a ^ word, 0x01000193);
    a = (a << 13) | (a >>> 19);
    const b = Math.imul(this.#b + word, 0xcc9e2d51) ^ a;
    this.#a = a;
    this.#b = (b << 15) | (b >>> 17);
  }

  /** Mixes an integer of 0 … 2^53 - 1. */
  number(value: number): void {
    this.mix(value | 0);
    this.mix(Math.floor(value / 0x1_0000_0000));
  }

  /** The first lane, 0 … 2^32 - 1: with `second`, what a snapshot keeps. */
  get first(): number {
    return this.#a >>> 0;
  }

  /** The second lane, 0 … 2^32 - 1. */
  get second(): number {
    return this.#b >>> 0;
  }

  /** Goes on from the lanes of a snapshot. */
  restore(first: number, second: number): void {
    this.#a = first | 0;
    this.#b = second | 0;
  }

  /** Sixteen hex digits. */
  get text(): string {
    return this.first.toString(16).padStart(8, "0") + this.second.toString(16).padStart(8, "0");
  }
}

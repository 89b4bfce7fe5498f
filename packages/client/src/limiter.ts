/** A bound on how many calls are under way: the others wait their turn, first come first served. */
import { KQueueyError } from "@kqueuey/contract";

/** Calls that may wait at a time before more are refused. */
const WAITING_MAX = 65_536;

/** Someone who waits for a turn; `cancelled` ones are passed over. */
interface Waiter {
  readonly run: () => void;
  cancelled: boolean;
}

/** Hands out `limit` turns. Whoever got one gives it back with `release`. */
export class Limiter {
  readonly #limit: number;
  #taken = 0;
  #waiting: Waiter[] = [];
  /** Place of the first waiter: the list is cut when half of it is passed. */
  #head = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Turns handed out. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Runs `run` at once when there is a turn, else when one is given back. The returned function ends the wait;
   * it does nothing once `run` was called. Throws THROTTLED when too many wait.
   */
  acquire(run: () => void): () => void {
    if (this.#taken < this.#limit) {
      this.#taken += 1;
      run();
      return nothing;
    }
    if (this.#waiting.length - this.#head >= WAITING_MAX) {
      throw new KQueueyError(
        "THROTTLED",
        `${WAITING_MAX} calls wait in this client already; await some before making more`,
      );
    }
    const waiter: Waiter = { run, cancelled: false };
    this.#waiting.push(waiter);
    return () => {
      waiter.cancelled = true;
    };
  }

  /** Gives a turn back: the next in line gets it. */
  release(): void {
    const next = this.#shift();
    if (next === undefined) this.#taken -= 1;
    else next.run();
  }

  #shift(): Waiter | undefined {
    while (this.#head < this.#waiting.length) {
      const waiter = this.#waiting[this.#head++];
      if (this.#head > 64 && this.#head * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#head);
        this.#head = 0;
      }
      if (waiter !== undefined && !waiter.cancelled) return waiter;
    }
    return undefined;
  }
}

function nothing(): void {}

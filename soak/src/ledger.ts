/**
 * What became of every message, in a few bytes each: a soak has millions. Numbers go into the bodies, so a
 * delivery says which message it is.
 */

const ATTEMPTED = 1;
const ACKNOWLEDGED = 2;
const DELIVERED = 4;
const TOMBSTONED = 8;
const FIRST_CAPACITY = 65_536;

export class Ledger {
  #states = new Uint8Array(FIRST_CAPACITY);
  /** Of tombstoned messages, the fencing token of the delivery that was tombstoned. */
  #tokens = new Float64Array(FIRST_CAPACITY);
  #next = 0;
  #acknowledged = 0;
  #tombstoned = 0;
  #deliveries = 0;
  #risen = 0;
  #strangers = 0;

  /** Messages acknowledged, tombstoned for certain, and deliveries. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get tombstoned(): number {
    return this.#tombstoned;
  }

  get deliveries(): number {
    return this.#deliveries;
  }

  /** Deliveries granted after an effective tombstone of the same message. */
  get risen(): number {
    return this.#risen;
  }

  /** Deliveries of what nobody sent. */
  get strangers(): number {
    return this.#strangers;
  }

  /** Acknowledged and never delivered. Call when the queue is empty. */
  lost(): number {
    let lost = 0;
    for (let message = 0; message < this.#next; message += 1) {
      const state = this.#states[message] ?? 0;
      if ((state & ACKNOWLEDGED) !== 0 && (state & DELIVERED) === 0) lost += 1;
    }
    return lost;
  }

  /** A new message is about to be sent; gives its number. */
  attempt(): number {
    const message = this.#next;
    this.#next += 1;
    if (message >= this.#states.length) this.#grow();
    this.#states[message] = ATTEMPTED;
    return message;
  }

  acknowledge(message: number): void {
    this.#states[message] = (this.#states[message] ?? 0) | ACKNOWLEDGED;
    this.#acknowledged += 1;
  }

  deliver(message: number, token: number): void {
    this.#deliveries += 1;
    const state = Number.isSafeInteger(message) && message >= 0 ? this.#states[message] : 0;
    if (state === undefined || (state & ATTEMPTED) === 0) {
      this.#strangers += 1;
      return;
    }
    this.#states[message] = state | DELIVERED;
    // Tokens grow with every grant: a higher one was granted later, whenever it is seen.
    if ((state & TOMBSTONED) !== 0 && token > (this.#tokens[message] ?? 0)) this.#risen += 1;
  }

  tombstone(message: number, token: number): void {
    const state = this.#states[message] ?? 0;
    if ((state & TOMBSTONED) !== 0) return;
    this.#states[message] = state | TOMBSTONED;
    this.#tokens[message] = token;
    this.#tombstoned += 1;
  }

  #grow(): void {
    const states = new Uint8Array(this.#states.length * 2);
    states.set(this.#states);
    this.#states = states;
    const tokens = new Float64Array(this.#tokens.length * 2);
    tokens.set(this.#tokens);
    this.#tokens = tokens;
  }
}

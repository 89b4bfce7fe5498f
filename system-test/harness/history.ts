/**
 * What senders and workers saw, and whether KQueuey's promises allow it. The checks use only what
 * holds whatever the network did in between: instants bracket what happened (a grant lies between
 * the receive's call and its answer), and fencing tokens order the grants of a message.
 */

/** A message handed to a worker. Instants are ms of the test's monotonic clock. */
export interface Delivery {
  /** The key that its sender wrote into the body. */
  readonly key: string;
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly receiveCount: number;
  readonly fencingToken: number;
  /** When the receive was called, and when its answer had come. */
  readonly calledAtMs: number;
  readonly answeredAtMs: number;
  /** What the answer said was left of the lease. */
  readonly leaseRemainingMs: number;
}

interface Ending {
  readonly delivery: Delivery;
  /** When the tombstone or release was called. */
  readonly calledAtMs: number;
}

/** How much earlier than promised a lease may end: clock drift and the rounding of ms. */
const EARLY_RATIO = 0.001;
const EARLY_MS = 5;

export class History {
  readonly #acknowledged = new Map<string, string>();
  readonly #attempted = new Set<string>();
  readonly #deliveries = new Map<string, Delivery[]>();
  readonly #tombstoned = new Map<string, Ending>();
  readonly #ended: Ending[] = [];

  /** A send is about to be called: from here on the message may exist. */
  attempted(key: string): void {
    this.#attempted.add(key);
  }

  /** A send was acknowledged: from here on the message must exist. */
  acknowledged(key: string, messageId: string): void {
    this.#acknowledged.set(key, messageId);
  }

  delivered(delivery: Delivery): void {
    const known = this.#deliveries.get(delivery.key);
    if (known === undefined) this.#deliveries.set(delivery.key, [delivery]);
    else known.push(delivery);
  }

  /** The lease was given up by its holder (release, extension, or a tombstone without an answer). */
  ended(delivery: Delivery, calledAtMs: number): void {
    this.#ended.push({ delivery, calledAtMs });
  }

  /** A tombstone was reported effective. */
  tombstoned(delivery: Delivery, calledAtMs: number): void {
    this.#tombstoned.set(delivery.key, { delivery, calledAtMs });
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  get tombstonedCount(): number {
    return this.#tombstoned.size;
  }

  get deliveredCount(): number {
    let count = 0;
    for (const deliveries of this.#deliveries.values()) count += deliveries.length;
    return count;
  }

  /** Acknowledged and not yet seen as tombstoned. */
  unfinished(): string[] {
    return [...this.#acknowledged.keys()].filter((key) => !this.#tombstoned.has(key));
  }

  /** Every breach of a promise, in words; empty when all was well. */
  violations(): string[] {
    return [
      ...this.#lost(),
      ...this.#strangers(),
      ...this.#duplicates(),
      ...this.#risen(),
      ...this.#overlaps(),
      ...this.#counts(),
    ];
  }

  /** Call when the queue was drained: everything acknowledged must have been delivered. */
  #lost(): string[] {
    return [...this.#acknowledged.keys()]
      .filter((key) => !this.#deliveries.has(key))
      .map((key) => `${key} was acknowledged and never delivered`);
  }

  #strangers(): string[] {
    return [...this.#deliveries.keys()]
      .filter((key) => !this.#attempted.has(key))
      .map((key) => `${key} was delivered and never sent`);
  }

  #duplicates(): string[] {
    const found: string[] = [];
    for (const [key, deliveries] of this.#deliveries) {
      const ids = new Set(deliveries.map((delivery) => delivery.messageId));
      const acknowledged = this.#acknowledged.get(key);
      if (acknowledged !== undefined) ids.add(acknowledged);
      if (ids.size > 1) found.push(`${key} was stored ${ids.size} times: ${[...ids].join(", ")}`);
    }
    return found;
  }

  /** Tokens grow with every grant, so a grant after an effective tombstone shows whenever it was seen. */
  #risen(): string[] {
    const found: string[] = [];
    for (const [key, { delivery }] of this.#tombstoned) {
      const after = this.#of(key).filter((one) => one.fencingToken > delivery.fencingToken);
      if (after.length > 0) found.push(`${key} was delivered after its tombstone`);
    }
    return found;
  }

  /** A later grant's answer must not come before the earlier lease can have ended. */
  #overlaps(): string[] {
    const given = new Map(this.#ended.map(({ delivery, calledAtMs }) => [delivery, calledAtMs]));
    const found: string[] = [];
    for (const deliveries of this.#deliveries.values()) {
      const ordered = deliveries.toSorted((a, b) => a.fencingToken - b.fencingToken);
      ordered.forEach((earlier, index) => {
        const later = ordered[index + 1];
        if (later === undefined || later.fencingToken === earlier.fencingToken) return;
        const endsAtMs = Math.min(
          earliestEndMs(earlier),
          given.get(earlier) ?? Number.POSITIVE_INFINITY,
        );
        if (later.answeredAtMs < endsAtMs) {
          const early = Math.round(endsAtMs - later.answeredAtMs);
          found.push(`${later.key} was given to a second worker ${early} ms early`);
        }
      });
    }
    return found;
  }

  #counts(): string[] {
    const found: string[] = [];
    for (const [key, deliveries] of this.#deliveries) {
      const ordered = deliveries.toSorted((a, b) => a.fencingToken - b.fencingToken);
      ordered.forEach((earlier, index) => {
        const later = ordered[index + 1];
        if (later === undefined || later.fencingToken === earlier.fencingToken) return;
        if (later.receiveCount <= earlier.receiveCount) {
          found.push(
            `${key}: receive count ${earlier.receiveCount}, then ${later.receiveCount} for a later grant`,
          );
        }
      });
    }
    return found;
  }

  #of(key: string): readonly Delivery[] {
    return this.#deliveries.get(key) ?? [];
  }
}

/** The lease was whole, or partly over, when its answer was made, which was after the call. */
function earliestEndMs(delivery: Delivery): number {
  const lease = delivery.leaseRemainingMs;
  return delivery.calledAtMs + lease * (1 - EARLY_RATIO) - EARLY_MS;
}

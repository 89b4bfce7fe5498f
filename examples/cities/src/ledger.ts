/**
 * Everything that the sender and the workers saw, kept by record number, and the judgement over it.
 * Arrays of numbers, because there are more than a hundred thousand records.
 */

/** What became of one tombstone: the word of the node, or that no answer came. */
export type TombstoneOutcome = "effective" | "gone" | "stale" | "unknown";

/** One batch of a worker. All lists have one place for each delivery. Instants are ms of the host's monotonic clock. */
export interface WorkedBatch {
  readonly kind: "worked";
  readonly records: readonly number[];
  readonly messageIds: readonly string[];
  readonly receiveCounts: readonly number[];
  readonly fencingTokens: readonly number[];
  readonly outcomes: readonly TombstoneOutcome[];
  /** What was computed of each record. */
  readonly countries: readonly string[];
  readonly populations: readonly number[];
  /** When the batch came, and when the last tombstone was answered. */
  readonly receivedAtMs: number;
  readonly answeredAtMs: number;
}

/** A batch of the sender that was acknowledged. */
export interface SentBatch {
  readonly kind: "sent";
  readonly records: readonly number[];
  readonly messageIds: readonly string[];
}

/** What the demo ends with. */
export interface Verdict {
  readonly sent: number;
  readonly delivered: number;
  readonly tombstoned: number;
  readonly redelivered: number;
  /** Acknowledged and never delivered. Must be 0. */
  readonly lost: number;
  /** Delivered under a later lease than the one that was tombstoned. Must be 0. */
  readonly deliveredAfterTombstone: number;
  /** Stored more than once although the sender retried by the rules. Must be 0. */
  readonly storedTwice: number;
  readonly longestPauseMs: number;
}

export class Ledger {
  readonly #messageIds: (string | undefined)[];
  readonly #deliveries: Uint16Array;
  readonly #highestToken: Float64Array;
  readonly #tombstonedToken: Float64Array;
  readonly #counted: Uint8Array;
  readonly #population = new Map<string, number>();
  readonly #arrivals: number[] = [];
  #sent = 0;
  #delivered = 0;
  #redelivered = 0;
  #tombstoned = 0;
  #storedTwice = 0;

  constructor(records: number) {
    this.#messageIds = new Array<string | undefined>(records);
    this.#deliveries = new Uint16Array(records);
    this.#highestToken = new Float64Array(records);
    this.#tombstonedToken = new Float64Array(records);
    this.#counted = new Uint8Array(records);
  }

  get sent(): number {
    return this.#sent;
  }

  get delivered(): number {
    return this.#delivered;
  }

  get tombstoned(): number {
    return this.#tombstoned;
  }

  /** Summed population by country, each record once however often it was delivered. */
  get population(): ReadonlyMap<string, number> {
    return this.#population;
  }

  recordSent(batch: SentBatch): void {
    batch.records.forEach((record, index) => {
      this.#sent += 1;
      this.#noteId(record, batch.messageIds[index] ?? "");
    });
  }

  recordWorked(batch: WorkedBatch): void {
    this.#arrivals.push(batch.receivedAtMs);
    batch.records.forEach((record, index) => {
      const token = batch.fencingTokens[index] ?? 0;
      this.#delivered += 1;
      if ((batch.receiveCounts[index] ?? 1) > 1) this.#redelivered += 1;
      this.#deliveries[record] = (this.#deliveries[record] ?? 0) + 1;
      this.#highestToken[record] = Math.max(this.#highestToken[record] ?? 0, token);
      this.#noteId(record, batch.messageIds[index] ?? "");
      if (batch.outcomes[index] === "effective") {
        this.#tombstoned += 1;
        this.#tombstonedToken[record] = token;
      }
      this.#count(record, batch.countries[index] ?? "", batch.populations[index] ?? 0);
    });
  }

  verdict(): Verdict {
    let lost = 0;
    let deliveredAfterTombstone = 0;
    this.#deliveries.forEach((deliveries, record) => {
      if (deliveries === 0 && this.#messageIds[record] !== undefined) lost += 1;
      const tombstoned = this.#tombstonedToken[record] ?? 0;
      // Tokens only grow, so a later lease shows whichever worker told of it first.
      if (tombstoned > 0 && (this.#highestToken[record] ?? 0) > tombstoned) {
        deliveredAfterTombstone += 1;
      }
    });
    return {
      sent: this.#sent,
      delivered: this.#delivered,
      tombstoned: this.#tombstoned,
      redelivered: this.#redelivered,
      lost,
      deliveredAfterTombstone,
      storedTwice: this.#storedTwice,
      longestPauseMs: longestGap(this.#arrivals),
    };
  }

  /** A record has one message id; a second one means that a retried send was stored twice. */
  #noteId(record: number, messageId: string): void {
    const known = this.#messageIds[record];
    if (known === undefined) this.#messageIds[record] = messageId;
    else if (known !== messageId) this.#storedTwice += 1;
  }

  #count(record: number, country: string, population: number): void {
    if (this.#counted[record] === 1) return;
    this.#counted[record] = 1;
    this.#population.set(country, (this.#population.get(country) ?? 0) + population);
  }
}

function longestGap(instants: readonly number[]): number {
  const ordered = instants.toSorted((a, b) => a - b);
  let longest = 0;
  for (let index = 1; index < ordered.length; index += 1) {
    longest = Math.max(longest, (ordered[index] ?? 0) - (ordered[index - 1] ?? 0));
  }
  return longest;
}

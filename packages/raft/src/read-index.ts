/**
 * Linearizable reads without the log (dissertation §6.4): note the commit index, make sure by one round
 * of heartbeats that this is still the leader, answer when that index is applied. Reads that come while a
 * round is out share the next one. There are no leases: a node that restarts and forgets that it
 * promised to wait would make them stale.
 */
import { assert, type LogIndex, logIndex } from "@kqueuey/base";
import type { ReadState } from "./ready.ts";

interface Round {
  readonly number: number;
  readonly index: LogIndex;
  readonly contexts: readonly number[];
}

export class Reads {
  readonly #max: number;
  #waiting: number[] = [];
  #round: Round | undefined;
  #lastNumber = 0;

  /** Holds at most `max` reads. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The round that heartbeats ask for; the last one stays asked for when it is done. 0 for none yet. */
  get roundNumber(): number {
    return this.#lastNumber;
  }

  /** The round that is not confirmed yet, or undefined. */
  get openRound(): number | undefined {
    return this.#round?.number;
  }

  /** True when a round should begin. */
  get roundDue(): boolean {
    return this.#round === undefined && this.#waiting.length > 0;
  }

  /** Adds a read; false when there are too many. */
  add(context: number): boolean {
    const inRound = this.#round?.contexts.length ?? 0;
    if (this.#waiting.length + inRound >= this.#max) return false;
    this.#waiting.push(context);
    return true;
  }

  /** All waiting reads go into one round at `commit`, an index of this leader's own term or later. */
  beginRound(commit: number): void {
    assert(this.roundDue, "a round of reads begins twice");
    this.#lastNumber += 1;
    this.#round = {
      number: this.#lastNumber,
      index: logIndex(commit),
      contexts: this.#waiting,
    };
    this.#waiting = [];
  }

  /** A quorum confirmed the open round: its reads go to `out`. */
  finishRound(out: ReadState[]): void {
    const round = this.#round;
    assert(round !== undefined, "no round of reads is open");
    for (const context of round.contexts) out.push({ context, index: round.index });
    this.#round = undefined;
  }
}

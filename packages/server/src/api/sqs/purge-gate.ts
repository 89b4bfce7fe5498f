/**
 * SQS lets a queue be purged once in 60 seconds. The rule protects the hosted service; here a purge is
 * one small command, so each node keeps the rule for the requests it answers and the cluster does not.
 */
import { echo, SqsError } from "./errors.ts";

const INTERVAL_MS = 60_000;
/** Purges remembered at most; past it the oldest are forgotten, which only makes the rule milder. */
const REMEMBERED_MAX = 10_000;

interface Purge {
  readonly atMs: number;
  readonly requestId: string | undefined;
}

export class PurgeGate {
  readonly #nowMs: () => number;
  readonly #purges = new Map<string, Purge>();

  /** `nowMs`: any clock in ms that does not go back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * Notes a purge that begins; throws PurgeQueueInProgress within 60 s of another. A retry of the same request
   * passes.
   */
  enter(queue: string, requestId: string | undefined): void {
    const nowMs = this.#nowMs();
    const last = this.#purges.get(queue);
    const retried = requestId !== undefined && last?.requestId === requestId;
    if (last !== undefined && nowMs - last.atMs < INTERVAL_MS && !retried) {
      throw new SqsError(
        "PurgeQueueInProgress",
        `Only one PurgeQueue operation on ${echo(queue)} is allowed every 60 seconds.`,
      );
    }
    this.#purges.delete(queue);
    this.#purges.set(queue, { atMs: nowMs, requestId });
    for (const oldest of this.#purges.keys()) {
      if (this.#purges.size <= REMEMBERED_MAX) break;
      this.#purges.delete(oldest);
    }
  }

  /** The purge did not happen, or the queue is gone: the next one is free. */
  forget(queue: string): void {
    this.#purges.delete(queue);
  }
}

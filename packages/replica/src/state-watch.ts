/**
 * Compares replicas: every so many entries the leader tells the others the running hash of its state,
 * and each compares it with its own at that index. A difference means that the state machine is not
 * deterministic or that memory or a disk lied: the follower stops rather than serve.
 */
import type { LogIndex } from "@kqueuey/base";

/** Hashes are kept and told at multiples of this many entries. */
export const WATCH_EVERY_ENTRIES = 1_024;
/** Own hashes kept, newest last. */
const KEPT = 64;

export class StateWatch {
  readonly #own = new Map<LogIndex, string>();
  /** Told by the leader for indexes not reached yet. */
  readonly #told = new Map<LogIndex, string>();

  /** The state at `index` has this hash; false when the leader's was another. */
  reached(index: LogIndex, hash: string): boolean {
    remember(this.#own, index, hash);
    const told = this.#told.get(index);
    this.#told.delete(index);
    return told === undefined || told === hash;
  }

  /** The leader's state at `index` has this hash; false when ours was another. */
  told(index: LogIndex, hash: string): boolean {
    const own = this.#own.get(index);
    if (own === undefined) remember(this.#told, index, hash);
    return own === undefined || own === hash;
  }

  /** A snapshot replaced the state: what was kept says nothing any more. */
  reset(): void {
    this.#own.clear();
    this.#told.clear();
  }
}

function remember(map: Map<LogIndex, string>, index: LogIndex, hash: string): void {
  map.set(index, hash);
  if (map.size <= KEPT) return;
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}
